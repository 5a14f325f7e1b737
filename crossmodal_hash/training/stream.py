"""The contract of one modality's inputs, whether they are in memory, cached, read, or drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from crossmodal_hash.training.rows import Rows
from crossmodal_hash.types import TowerInput


class Stream(Protocol):
    """One modality's inputs, in batches of given rows."""

    def batches(self, plan: Sequence[Rows], epoch: int = 0) -> Iterator[TowerInput]:
        """The input of each batch of rows, in order."""

    def plain(self) -> Stream:
        """The same input as `chash encode` sees it: nothing drawn at random."""
