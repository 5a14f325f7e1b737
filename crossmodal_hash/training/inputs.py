"""A data set made ready for the towers: words counted, features cached, everything else read while the model works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from crossmodal_hash.callbacks import Callback
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.data import Captions, Dataset, Matrix, Source, Texts, View, Vocabulary
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.drawn import Drawn
from crossmodal_hash.training.feature_cache import cached_levels
from crossmodal_hash.training.rows import Rows, cut
from crossmodal_hash.training.stream import Stream
from crossmodal_hash.types import Batch, Level, Levels, TowerInput


class Extract(Protocol):
    """`cached_levels`, or `levels_now`, which leaves no file."""

    def __call__(
        self,
        backbone: Backbone,
        source: Source,
        *,
        grid: int,
        device: torch.device,
        mirrored: bool = False,
        workers: int | None = None,
        callback: Callback | None = None,
    ) -> Levels:
        """The condensed levels of all items."""


@dataclass(frozen=True)
class Dense:
    """Feature vectors or word counts in memory, (N, D), dense or sparse; `counted` if the values were made here."""

    matrix: Matrix
    counted: bool = False

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[Tensor]:
        """(B, D) float32."""
        yield from self.matrix.batches(plan)

    def plain(self) -> Dense:
        """Itself."""
        return self


@dataclass(frozen=True)
class Cached:
    """Levels of a frozen backbone, optionally also of the mirrored items.

    With `mirrored`, every item of a batch shows one of its two sides at random, drawn from torch's global generator.
    """

    levels: Levels
    mirrored: Levels | None = None

    def plain(self) -> Cached:
        """The items as they are."""
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
class WithWords:
    """Levels of a frozen backbone that reads texts, and the words that were counted in them as one more level."""

    cached: Cached
    words: Dense

    def plain(self) -> WithWords:
        """Itself: no text is drawn in several ways."""
        return self

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[Levels]:
        """The chosen levels, then the words (B, L)."""
        for levels, words in zip(self.cached.batches(plan, epoch), self.words.batches(plan, epoch), strict=True):
            yield (*levels, Level(words))


@dataclass(frozen=True)
class Streamed:
    """Items read while the model works; `augment_seed` draws random views of them, one an epoch."""

    source: Source
    view: View
    augment_seed: int | None = None

    def plain(self) -> Streamed:
        """Whole items."""
        return replace(self, augment_seed=None)

    def check(self, rows: Rows, callback: Callback) -> None:
        """Read every item once: a damaged one is better found now than in the middle of a training.

        Raises:
            DataError: for an item that cannot be read.
        """
        plan = cut(rows, 64)
        with callback.task(f"look at {len(rows)} {self.source.things}", len(rows)) as advance:
            for batch, _ in zip(plan, self.plain().batches(plan), strict=True):
                advance(len(batch))

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[TowerInput]:
        """What the backbone reads: of pictures, uint8 (B, 3, size, size)."""
        augment = None if self.augment_seed is None else (self.augment_seed, epoch)
        yield from self.source.batches(plan, replace(self.view, augment=augment))


@dataclass(frozen=True)
class Inputs:
    """All modalities of some items, and their labels."""

    streams: Mapping[str, Stream]
    labels: Tensor | None

    def plain(self) -> Inputs:
        """The same inputs with nothing drawn at random."""
        return Inputs({name: stream.plain() for name, stream in self.streams.items()}, self.labels)

    def every(self) -> Inputs:
        """The inputs of everything that gets a code: of an item with several texts, all of them; without labels."""
        streams = {
            name: stream.stream if isinstance(stream, Drawn) else stream for name, stream in self.streams.items()
        }
        return Inputs({name: stream.plain() for name, stream in streams.items()}, None)

    def batches(
        self, plan: Sequence[Rows], modalities: Sequence[str] | None = None, *, epoch: int = 0
    ) -> Iterator[Batch]:
        """Batches of the given rows, with the modalities asked for (default: all); `epoch` varies random crops."""
        names = list(self.streams) if modalities is None else list(modalities)
        streams = [self.streams[name].batches(plan, epoch) for name in names]
        for rows in plan:
            inputs = {name: next(stream) for name, stream in zip(names, streams, strict=True)}
            yield Batch(inputs, torch.from_numpy(rows))


def widths(dataset: Dataset, vocabulary: Vocabulary | None) -> dict[str, int]:
    """Modality name -> width of its input: colors, words, or feature width."""
    words = dict.fromkeys(dataset.texts, len(vocabulary)) if vocabulary else {}
    return {name: source.width for name, source in dataset.modalities.items()} | words


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
    draw_seed: int | None = None,
    workers: int | None = None,
    callback: Callback | None = None,
    extract: Extract = cached_levels,
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
        draw_seed: draws one text an epoch of an item that has several; none: the first.
        workers: processes that read pictures.
        callback: told the progress.
        extract: how the levels of frozen backbones are had.

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
        source = dataset.modalities[name]
        whole = source.every if isinstance(source, Captions) else source
        stream = _stream(
            name,
            whole,
            model,
            vocabulary,
            device,
            mirror=mirror,
            seed=augment_seed,
            workers=workers,
            callback=callback,
            extract=extract,
        )
        streams[name] = Drawn(stream, source.owners, draw_seed) if isinstance(source, Captions) else stream
    labels = None if dataset.labels is None else torch.from_numpy(np.asarray(dataset.labels, dtype=np.uint8))
    if guides and labels is not None:
        read = Dense(Matrix(np.asarray(dataset.labels, dtype=np.float32)), counted=True)
        streams |= dict.fromkeys(model.guides, read)
    return Inputs(streams, labels)


def _stream(
    name: str,
    source: Source,
    model: HashModel,
    vocabulary: Vocabulary | None,
    device: torch.device,
    *,
    mirror: bool,
    seed: int | None,
    workers: int | None,
    callback: Callback | None,
    extract: Extract,
) -> Stream:
    """The inputs of one modality: in memory, cached, or read while the model works."""
    tower = model.tower(name)
    reads = tower.backbone.reads
    counted = isinstance(source, Texts) and reads in Matrix.feeds
    if isinstance(source, Texts) and counted:
        source = count_words(name, source, vocabulary, tower.in_features, callback)
    if reads not in source.feeds:
        raise SettingsError(_mismatch(name, source, reads))
    if isinstance(source, Matrix):
        return Dense(_fitting(name, source, tower.in_features), counted=counted)
    if tower.condense is None:
        return Streamed(source, View(tower.backbone.size, workers=workers, pin_memory=device.type == "cuda"), seed)
    sides = [
        tower.choose(
            extract(
                tower.backbone,
                source,
                grid=tower.condense,
                device=device,
                mirrored=mirrored,
                workers=workers,
                callback=callback,
            )
        )
        for mirrored in ([False, True] if mirror and source.mirrors else [False])
    ]
    levels = Cached(*sides)
    if tower.words and isinstance(source, Texts):
        return WithWords(levels, Dense(count_words(name, source, vocabulary, tower.words), counted=True))
    return levels


def count_words(
    name: str, texts: Texts, vocabulary: Vocabulary | None, in_features: int, callback: Callback | None = None
) -> Matrix:
    """Texts as rows of words (N, L).

    Args:
        name: of the modality, for messages.
        texts: N of them.
        vocabulary: L words.
        in_features: columns that the model was trained on.
        callback: told how many texts have no word of the vocabulary.

    Raises:
        DataError: if there is no vocabulary.
    """
    if vocabulary is None:
        raise DataError(
            f"{name}: the run has no vocabulary, because it was trained on a matrix or has lost its "
            f"vocabulary.json; give a matrix of {in_features} columns with --data, or restore the file"
        )
    counts = vocabulary.transform(texts.items)
    wordless = int((np.diff(counts.indptr) == 0).sum())
    if wordless and callback is not None:
        callback.on_note(
            f"{wordless} of {len(texts)} texts have none of the {len(vocabulary)} words of the run, so their codes say "
            f"nothing about them"
        )
    return Matrix(counts)


WANTED = {"image": "pictures", "string": "texts as they were written", "vector": "rows of features", "text": "words"}
"""What a backbone reads, in words."""
SUGGESTED = {"image": "efficientnet-lite0", "text": "bow-mlp", "vector": "mlp"}
"""Kind of a source -> a backbone that reads it."""


def _mismatch(name: str, source: Source, reads: str) -> str:
    wanted, such = WANTED.get(reads, reads), SUGGESTED.get(source.kind)
    return (
        f"{name}: the model reads {wanted}, but the data has {source.things}; give {wanted}, or train with a backbone "
        f"that reads {source.things}" + (f", such as {such}" if such else "")
    )


def _fitting(name: str, source: Matrix, in_features: int) -> Matrix:
    if source.width != in_features:
        raise DataError(
            f"{name}: rows of {source.width} values, but the model was trained on rows of {in_features}; give the same "
            f"features as in training"
        )
    return source
