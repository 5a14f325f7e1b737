"""The base class of engine plug-ins: keeps codes with their ids somewhere, and finds the nearest to a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.registry import parameters

Packed = NDArray[np.uint8]


@dataclass(frozen=True)
class Content:
    """What the codes of an index are; codes of anything else are refused.

    Attributes:
        bits: K.
        modality: such as `image`.
        fingerprint: of the model that made them, or None where it is not known.
    """

    bits: int
    modality: str
    fingerprint: str | None = None


class Hits(NamedTuple):
    """What one query found, nearest first.

    Attributes:
        ids: (k,) text.
        distances: Hamming distances in 0..K, int (k,), ascending; equal ones in the order in which items were added,
            if the engine is exact.
        packed: the codes found, uint8 (k, ceil(K / 8)), to be ordered again by the query before the sign.
    """

    ids: NDArray[np.str_]
    distances: NDArray[np.int64]
    packed: Packed


class Engine(ABC):
    """An index of packed codes. Constructor parameters are keyword-only, with a default, stored under their own names.

    `create` or `open` comes first, `close` last. `add` and `remove` are all or nothing: whoever opens the index at any
    moment, or after a crash at any moment, finds it as it was before or as it is after. One process writes at a time;
    any number reads.
    """

    exact: ClassVar[bool]
    """Whether `search` always finds the nearest; otherwise some of them are missed."""
    scheme: ClassVar[str | None] = None
    """How an address of a server begins, such as `milvus`; None for an index in a folder."""

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}

    @abstractmethod
    def create(self, where: str, content: Content) -> Self:
        """A new index without items.

        Raises:
            CodesError: if something is there already, or cannot be written.
        """

    @abstractmethod
    def open(self, where: str) -> Self:
        """The index that is there."""

    @property
    @abstractmethod
    def content(self) -> Content:
        """What its codes are."""

    @abstractmethod
    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """Add items. An id that is there already is replaced, so that adding the same again changes nothing."""

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> int:
        """Remove items, all codes of each id; how many codes were there."""

    @abstractmethod
    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The k nearest of each query, or all if there are fewer."""

    @abstractmethod
    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Every item within `radius` bits of each query."""

    @abstractmethod
    def __len__(self) -> int:
        """N, codes that can be found."""

    def close(self) -> None:  # noqa: B027  # most engines hold nothing open
        """Give back what is held open; nothing by default."""
