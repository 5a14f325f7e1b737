"""Random pairs of items that share a label, and of items that do not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 100


class Pairs(NamedTuple):
    """P pairs of rows.

    Attributes:
        first: (P,) rows.
        second: (P,) rows.
        alike: (P,), 1 for pairs that share a label, otherwise -1.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    alike: NDArray[np.float64]


def draw_pairs(labels: NDArray[np.uint8], count: int, generator: np.random.Generator) -> Pairs:
    """`count` pairs of each kind, uniformly and with replacement.

    If a kind is so rare that a hundred rounds of drawing do not find that many, there are fewer. A labeled item is
    alike with itself, so there are always some alike pairs.

    Args:
        labels: (N, C) in {0, 1}.
        count: pairs of each kind, >= 1.
        generator: draws them.
    """
    found: dict[bool, list[NDArray[np.int64]]] = {True: [], False: []}
    missing = {True: count, False: count}
    for _ in range(_ROUNDS):
        drawn = generator.integers(len(labels), size=(2, 2 * count))
        alike = (labels[drawn[0]] & labels[drawn[1]]).any(1)
        for kind in (True, False):
            some = drawn[:, alike == kind][:, : missing[kind]]
            found[kind].append(some)
            missing[kind] -= some.shape[1]
        if not any(missing.values()):
            break
    if missing[True] == count:
        own = np.flatnonzero(labels.any(1))[:count]
        found[True].append(np.stack([own, own]))
    similar, different = (np.concatenate(found[kind], 1) for kind in (True, False))
    first, second = np.concatenate([similar, different], 1)
    return Pairs(first, second, np.repeat([1.0, -1.0], [similar.shape[1], different.shape[1]]))
