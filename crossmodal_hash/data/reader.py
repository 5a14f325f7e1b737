"""The base class of reader plug-ins: recognizes and reads one layout of a data set on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any, NamedTuple

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.registry import parameters


class Match(IntEnum):
    """How certain a reader is that a path has its layout."""

    NO = 0
    """It is not."""
    MAYBE = 1
    """Possible: a file of the right kind, whatever its content."""
    LIKELY = 2
    """Likely: the names are those of this layout."""
    SURE = 3
    """Certain: the data declares its layout, so no other reader is tried."""


class Needs(NamedTuple):
    """What must be present; if it is missing, a reader can give a better message than the general one.

    Attributes:
        labels: any labels at all; otherwise the data set may have `labels=None`.
        texts: a text for every item.
        pictures: the file of every picture, whether it can be decoded or not.
    """

    labels: bool = True
    texts: bool = True
    pictures: bool = True


class Reader(ABC):
    """One layout. Constructor parameters are keyword-only, with a default, and stored under their own names."""

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}

    @abstractmethod
    def matches(self, place: Place) -> Match:
        """How certain it is that `place`, which exists, has this layout; checks names quickly, never contents."""

    @abstractmethod
    def read(self, place: Place, needs: Needs) -> Dataset:
        """The data set. Pictures are named, not decoded; `Dataset.notes` says what was left out.

        Raises:
            DataError: if anything is missing, damaged or does not fit together.
        """
