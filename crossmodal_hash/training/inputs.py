"""A data set made ready for the towers: words counted, features cached, pictures streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from crossmodal_hash.callbacks import Callback
from crossmodal_hash.data import Dataset, Matrix, Pictures, Texts, Vocabulary, picture_batches
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.feature_cache import cached_levels
from crossmodal_hash.training.rows import Rows, cut
from crossmodal_hash.types import Batch, Levels, TowerInput


class Stream(Protocol):
    """One modality's inputs, in batches of given rows."""

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[TowerInput]:
        """The input of each batch of rows, in order."""

    def plain(self) -> Stream:
        """The same input as `chash encode` sees it: nothing drawn at random."""


@dataclass(frozen=True)
class Dense:
    """Feature vectors or word counts in memory, (N, D), dense or sparse; `counted` if the values were made here."""

    matrix: Matrix
    counted: bool = False

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[Tensor]:
        """(B, D) float32."""
        for rows in plan:
            yield torch.from_numpy(self.matrix.dense(rows))

    def plain(self) -> Dense:
        """Itself."""
        return self


@dataclass(frozen=True)
class Cached:
    """Levels of a frozen backbone, optionally also of the mirrored pictures.

    With `mirrored`, every item of a batch shows one of its two sides at random, drawn from torch's global generator.
    """

    levels: Levels
    mirrored: Levels | None = None

    def plain(self) -> Cached:
        """The pictures as they are."""
        return Cached(self.levels)

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[Levels]:
        """The chosen levels, float32."""
        for rows in plan:
            index = torch.from_numpy(rows)
            if self.mirrored is None:
                yield tuple(level.take(index) for level in self.levels)
                continue
            flip = torch.rand(len(rows)) < 0.5
            yield tuple(
                a.take(index).where(flip, b.take(index)) for a, b in zip(self.levels, self.mirrored, strict=True)
            )


@dataclass(frozen=True)
class Streamed:
    """Pictures read while the model works."""

    pictures: Pictures
    size: int
    augment_seed: int | None
    workers: int | None
    pin_memory: bool

    def plain(self) -> Streamed:
        """Center crops."""
        return replace(self, augment_seed=None)

    def check(self, rows: Rows, callback: Callback) -> None:
        """Read every picture once: a damaged one is better found now than in the middle of a training.

        Raises:
            DataError: for a picture that cannot be read.
        """
        plan = cut(rows, 64)
        with callback.task(f"look at {len(rows)} pictures", len(rows)) as advance:
            for batch, _ in zip(plan, self.plain().batches(plan), strict=True):
                advance(len(batch))

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[Tensor]:
        """uint8 (B, 3, size, size)."""
        yield from picture_batches(
            self.pictures,
            plan,
            self.size,
            augment=None if self.augment_seed is None else (self.augment_seed, epoch),
            workers=self.workers,
            pin_memory=self.pin_memory,
        )


@dataclass(frozen=True)
class Inputs:
    """All modalities of some items, and their labels."""

    streams: Mapping[str, Stream]
    labels: Tensor | None

    def plain(self) -> Inputs:
        """The same inputs with nothing drawn at random."""
        return Inputs({name: stream.plain() for name, stream in self.streams.items()}, self.labels)

    def batches(
        self, plan: Sequence[Rows], modalities: Sequence[str] | None = None, *, epoch: int = 0
    ) -> Iterator[Batch]:
        """Batches of the given rows, with the modalities asked for (default: all); `epoch` varies random crops."""
        names = list(self.streams) if modalities is None else list(modalities)
        streams = [self.streams[name].batches(plan, epoch) for name in names]
        for rows in plan:
            index = torch.from_numpy(rows)
            labels = None if self.labels is None else self.labels[index]
            yield Batch({name: next(stream) for name, stream in zip(names, streams, strict=True)}, index, labels)


def widths(dataset: Dataset, vocabulary: Vocabulary | None) -> dict[str, int]:
    """Modality name -> width of its input: colors, words, or feature width."""
    out = {}
    for name, source in dataset.modalities.items():
        if isinstance(source, Pictures):
            out[name] = 3
        elif isinstance(source, Texts):
            # A backbone that reads texts as they are has no use for a width.
            out[name] = len(vocabulary) if vocabulary else 0
        else:
            out[name] = source.width
    return out


def prepare(
    dataset: Dataset,
    model: HashModel,
    vocabulary: Vocabulary | None,
    device: torch.device,
    *,
    modalities: Sequence[str] | None = None,
    guides: bool = False,
    mirror: bool = False,
    augment_seed: int | None = None,
    workers: int | None = None,
    callback: Callback | None = None,
) -> Inputs:
    """Every modality of `dataset` as model inputs.

    Args:
        dataset: N items.
        model: on `device`; a frozen image tower's levels are cached.
        vocabulary: for texts.
        device: where the model is.
        modalities: which ones; none: all that the model and the data share.
        guides: whether to feed the towers that read labels as well, for training.
        mirror: whether cached pictures are also seen mirrored, for training.
        augment_seed: draws crops for streamed pictures; none: center crops.
        workers: processes that read pictures.
        callback: told the progress.

    Raises:
        DataError: if data and model have no modality in common, or one does not fit its tower.
    """
    wanted = list(modalities or [name for name in model.modalities if name in dataset.modalities])
    if not wanted:
        raise DataError(
            f"the data has {', '.join(dataset.modalities)} but the model encodes {', '.join(model.modalities)}; "
            "nothing is in common"
        )
    streams: dict[str, Stream] = {}
    for name in wanted:
        source, tower = dataset.modalities[name], model.tower(name)
        reads = tower.backbone.reads
        if isinstance(source, Pictures) and reads != "image":
            raise SettingsError(
                f"{name}: these are pictures, but the model reads {reads} input; give such data, or train with "
                f"another backbone, such as --backbone efficientnet-lite0"
            )
        if isinstance(source, Pictures) and tower.condense is None:
            streams[name] = Streamed(source, tower.backbone.size, augment_seed, workers, device.type == "cuda")
        elif isinstance(source, Pictures) or (isinstance(source, Texts) and reads == "string"):
            sides = [
                tower.choose(
                    cached_levels(
                        tower.backbone,
                        source,
                        grid=tower.condense or 1,
                        device=device,
                        mirrored=mirrored,
                        workers=workers,
                        callback=callback,
                    )
                )
                for mirrored in ([False, True] if mirror and reads == "image" else [False])
            ]
            streams[name] = Cached(*sides)
        elif reads in ("image", "string"):
            wanted_data = "pictures" if reads == "image" else "texts as they were written"
            raise SettingsError(
                f"{name}: the model reads {wanted_data}, but the data has {source.kind} input; give these, or train "
                f"with another backbone, such as mlp"
            )
        elif isinstance(source, Texts):
            if vocabulary is None:
                raise DataError(
                    f"{name}: the run has no vocabulary, because it was trained on a matrix or has lost its "
                    f"vocabulary.json; give a matrix of {tower.in_features} columns with --data, or restore the file"
                )
            counts = vocabulary.transform(source.items)
            wordless = int((np.diff(counts.indptr) == 0).sum())
            if wordless and callback is not None:
                callback.on_note(
                    f"{wordless} of {len(source)} texts have none of the {len(vocabulary)} words of the run, so their "
                    f"codes say nothing about them"
                )
            streams[name] = Dense(Matrix(counts), counted=True)
        else:
            streams[name] = Dense(_fitting(name, source, tower.in_features))
    labels = None if dataset.labels is None else torch.from_numpy(np.asarray(dataset.labels, dtype=np.uint8))
    if guides and labels is not None:
        read = Dense(Matrix(np.asarray(dataset.labels, dtype=np.float32)), counted=True)
        streams |= dict.fromkeys(model.guides, read)
    return Inputs(streams, labels)


def _fitting(name: str, source: Matrix, in_features: int) -> Matrix:
    if source.width != in_features:
        raise DataError(
            f"{name}: rows of {source.width} values, but the model was trained on rows of {in_features}; give the same "
            f"features as in training"
        )
    return source
