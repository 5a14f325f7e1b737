"""What a reader plug-in subclasses: one layout of a data set on disk, recognized and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any, NamedTuple

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.registry import parameters


class Match(IntEnum):
    """How sure a reader is that a path is of its layout."""

    NO = 0
    """It is not."""
    MAYBE = 1
    """It could be: a file of the right kind, whatever is in it."""
    LIKELY = 2
    """The names are those of this layout."""
    SURE = 3
    """It says so itself; nobody else is asked."""


class Needs(NamedTuple):
    """What must be there; a reader may refuse what lacks it with a better sentence than the general one.

    Attributes:
        labels: any labels at all; otherwise the data set may have `labels=None`.
        texts: a text for every item.
        pictures: the file of every picture, whether it can be decoded or not.
    """

    labels: bool = True
    texts: bool = True
    pictures: bool = True


class Reader(ABC):
    """One layout. Constructor parameters are keyword-only, each with a default, each stored under its own name."""

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}

    @abstractmethod
    def matches(self, place: Place) -> Match:
        """How sure it is that `place`, which exists, is of this layout; a quick look at names, never at contents."""

    @abstractmethod
    def read(self, place: Place, needs: Needs) -> Dataset:
        """The data set. Pictures are named, not decoded; what was left out is said in `Dataset.notes`.

        Raises:
            DataError: if anything is missing, damaged or does not fit together.
        """
