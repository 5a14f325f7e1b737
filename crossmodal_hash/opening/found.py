"""What queries find, as every command and the server say it: ids, distances, texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.engines.answers import Searchable, answers
from crossmodal_hash.opening.words import Words


@dataclass
class Found:
    """What some queries found.

    Attributes:
        has_words: whether each item has a text to show.
        document: for each query its text or id and the items, nearest first.
        missed: queries that found nothing within the radius, and the distance of what comes nearest.
    """

    has_words: bool
    document: list[dict[str, Any]] = field(default_factory=list)
    missed: list[tuple[str, int]] = field(default_factory=list)


def ranked(
    index: Searchable,
    asked: Codes,
    names: Sequence[str],
    words: Words | None,
    u: NDArray[np.float32] | None,
    *,
    k: int,
    radius: int | None = None,
    first: int,
) -> Found:
    """The items nearest to each query.

    Args:
        index: what is searched.
        asked: codes of Q queries.
        names: what to call them.
        words: the texts of the items, or None.
        u: the queries before the sign, (Q, K); None where they are codes, and then `first` is 0.
        k: items for each query.
        radius: none further away.
        first: how many of the nearest are ordered by `u`; 0: none.
    """
    found = Found(words is not None)
    for name, hits in zip(names, answers(index, asked.packed, u, k, first), strict=True):
        whole = zip(hits.ids.tolist(), hits.numbers.tolist(), hits.distances.tolist(), strict=True)
        near = [hit for hit in whole if radius is None or hit[2] <= radius][:k]
        items = [
            {"item": item, "distance": distance} | ({} if words is None else {"text": words.of(item, number) or ""})
            for item, number, distance in near
        ]
        found.document.append({"query": name, "results": items})
        found.missed += [(name, int(hits.distances.min()))] if len(hits.ids) and not near else []
    return found
