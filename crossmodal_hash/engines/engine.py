"""The base class of engine plug-ins: keeps codes with their ids somewhere, and finds the nearest to a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.errors import CodesError
from crossmodal_hash.registry import parameters

Packed = NDArray[np.uint8]
"""Codes, uint8 (n, ceil(K / 8)), in the layout of `crossmodal_hash.codes.bits`."""


@dataclass(frozen=True)
class Content:
    """What the codes of an index are, and what opens it. An engine keeps it as it is, and gives it back.

    Attributes:
        bits: K.
        modality: such as `image`.
        fingerprint: of the model that made them, or None where it is not known.
        engine: name and parameters of the engine.
    """

    bits: int
    modality: str
    fingerprint: str | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)


class Hits(NamedTuple):
    """What one query found, nearest first.

    Attributes:
        ids: (k,) text.
        numbers: which of the codes of its id each is, int (k,); 0 where an id has one code.
        distances: Hamming distances in 0..K, int (k,), ascending; equal ones in the order in which items were added,
            if the engine is exact.
        packed: the codes found, uint8 (k, ceil(K / 8)), to be ordered again by the query before the sign.
    """

    ids: NDArray[np.str_]
    numbers: NDArray[np.int64]
    distances: NDArray[np.int64]
    packed: Packed


def check_codes(ids: Sequence[str], packed: Packed, bits: int) -> None:
    """Reject what cannot be added to an index.

    Raises:
        CodesError: if there are not as many codes as ids, or the codes do not have K bits.
    """
    check_packed(packed, bits)
    if len(ids) != len(packed):
        raise CodesError(f"there are {len(packed)} codes but {len(ids)} ids")


class Engine(ABC):
    """An index of packed codes. Constructor parameters are keyword-only, with a default, stored under their own names.

    `create` or `open` comes first, `close` last. An id may have several codes, such as those of five captions. `add`
    and `remove` are all or nothing wherever that is possible: whoever opens the index at any moment, or after a crash
    at any moment, finds it as it was before or as it is after. Where a server cannot do that, the same call again
    completes what was interrupted. One process writes at a time; any number reads.

    Every method raises `CodesError` for what cannot be read, written or reached, naming it and the way out.
    """

    addresses: ClassVar[tuple[str, ...]] = ()
    """What its addresses look like, as shell patterns such as `postgresql://*`. None: a folder, in whose `index.json`
    `content` is what `content` gives; `Store` does that."""

    @classmethod
    def example(cls, folder: Path) -> str | None:
        """A new address in a folder, for the conformance kit; None if an index takes a server."""
        return None if cls.addresses else str(folder / "index")

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether `search` always finds the nearest; otherwise some of them are missed."""

    @property
    def search_parameters(self) -> tuple[str, ...]:
        """Those of its parameters that may change from one search to the next, as it was made; none by default."""
        return ()

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}

    def restore(self, content: Content) -> None:
        """Take over the parameters that an index was made with, where only the index itself says them."""
        for name in self.config().keys() & content.engine.keys():
            setattr(self, name, content.engine[name])

    @abstractmethod
    def create(self, where: str, content: Content) -> Self:
        """A new index without items; whatever is there already is refused."""

    @abstractmethod
    def open(self, where: str) -> Self:
        """The index that is there."""

    @property
    @abstractmethod
    def content(self) -> Content:
        """What its codes are."""

    @abstractmethod
    def add(self, ids: Sequence[str], packed: Packed) -> None:
        """Add codes; an id that is repeated has several, numbered in their order.

        All codes of an id that is there already are replaced, so that adding the same again changes nothing.
        """

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> int:
        """Remove all codes of each id; how many codes were there."""

    @abstractmethod
    def codes_of(self, item: str) -> Packed:
        """The codes of one id in their order, (n, ceil(K / 8)); none if it is not there."""

    @abstractmethod
    def search(self, queries: Packed, k: int) -> list[Hits]:
        """The k nearest of each query, or all if there are fewer; k >= 1."""

    @abstractmethod
    def within(self, queries: Packed, radius: int) -> list[Hits]:
        """Every item within `radius` bits of each query."""

    @abstractmethod
    def __len__(self) -> int:
        """N, codes that can be found."""

    def close(self) -> None:  # noqa: B027  # most engines hold nothing open
        """Give back what is held open; nothing by default."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
