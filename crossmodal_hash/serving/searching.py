"""Answers to queries that came together: one forward pass a modality, then the same search as `chash search`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.codes.rescore import FIRST
from crossmodal_hash.data import Source, Texts
from crossmodal_hash.engines.engine import Packed
from crossmodal_hash.opening.found import ranked
from crossmodal_hash.serving.library import Library
from crossmodal_hash.serving.upload import Square, Squares
from crossmodal_hash.training.query_encoder import QueryEncoder


@dataclass(frozen=True, eq=False)
class Asked:
    """A query.

    Attributes:
        what: a text, a picture, or the packed code (ceil(K / 8),) itself.
        of: modality of a text or picture.
        among: modality of the codes that are searched.
        k: items.
        radius: none further away.
    """

    what: str | Square | Packed
    of: str | None
    among: str
    k: int
    radius: int | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """What a query found.

    Attributes:
        code: packed code of the query, (ceil(K / 8),).
        results: as `chash search --json` has them.
    """

    code: Packed
    results: list[dict[str, Any]]


class Searching:
    """Answers batches of queries; for one thread.

    Args:
        encoder: of the run.
        library: what is searched.
        on_batch: told the number of queries of every forward pass.
    """

    def __init__(self, encoder: QueryEncoder, library: Library, on_batch: Callable[[int], None]) -> None:
        self._encoder, self._library, self._on_batch = encoder, library, on_batch

    def __call__(self, batch: Sequence[Asked]) -> list[Answered]:
        """The answer to each."""
        codes, u = self._encoded(batch)
        answers: list[Answered | None] = [None] * len(batch)
        for rows in _alike([(x.among, x.k, x.radius, x.of is None) for x in batch]):
            first = batch[rows[0]]
            packed = np.stack([codes[row] for row in rows])
            asked = Codes(packed, self._library.bits, np.array([str(row) for row in rows]), first.of or "code")
            found = ranked(
                self._library.indexes[first.among],
                asked,
                [str(row) for row in rows],
                self._library.words[first.among],
                None if first.of is None else np.stack([u[row] for row in rows]),
                k=first.k,
                radius=first.radius,
                first=0 if first.of is None else FIRST,
            )
            for row, each in zip(rows, found.document, strict=True):
                answers[row] = Answered(codes[row], each["results"])
        return [answer for answer in answers if answer is not None]

    def _encoded(self, batch: Sequence[Asked]) -> tuple[dict[int, Packed], dict[int, NDArray[np.float32]]]:
        """Row of the batch -> code, and, for what the model encoded, -> the same before the sign."""
        codes = {row: np.asarray(x.what) for row, x in enumerate(batch) if x.of is None}
        u: dict[int, NDArray[np.float32]] = {}
        given = [row for row, x in enumerate(batch) if x.of is not None]
        for rows in _alike([batch[row].of for row in given]):
            chosen = [given[row] for row in rows]
            what = [batch[row].what for row in chosen]
            source: Source = (
                Texts(tuple(map(str, what))) if isinstance(what[0], str) else Squares([np.asarray(x) for x in what])
            )
            made, values = self._encoder.encode(str(batch[chosen[0]].of), source)
            self._on_batch(len(chosen))
            codes |= dict(zip(chosen, made.packed, strict=True))
            u |= dict(zip(chosen, values, strict=True))
        return codes, u


def _alike(keys: Sequence[Any]) -> list[list[int]]:
    """Positions with equal keys together.

    Example:
        >>> _alike(["a", "b", "a"])
        [[0, 2], [1]]
    """
    groups: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())
