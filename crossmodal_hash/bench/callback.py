"""Hooks for the events of a bench."""

from __future__ import annotations

from dataclasses import dataclass

from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.callbacks import Callback


@dataclass(frozen=True)
class Failure:
    """A cell that did not finish.

    Attributes:
        cell: the cell.
        reason: one sentence.
        of_data: whether the data set cannot be used, so that the cell was not started.
    """

    cell: Cell
    reason: str
    of_data: bool = False


class BenchCallback(Callback):
    """Hooks of a bench that do nothing; its cells are trained in other processes."""

    def on_bench_start(self, todo: int, done: int) -> None:
        """Number of cells to run, and number of cells that were already done."""

    def on_features(self, data: str, doing: str) -> None:
        """Features of a data set are extracted."""

    def on_data_refused(self, data: str, cells: int, why: str) -> None:
        """A data set cannot be used, so its cells are not started."""

    def on_cell_start(self, cell: Cell) -> None:
        """A cell has started."""

    def on_cell_progress(self, cell: Cell, doing: str, share: float) -> None:
        """Progress of a cell; `share` of its training, in [0, 1]."""

    def on_cell_end(self, cell: Cell, seconds: float) -> None:
        """A cell is done."""

    def on_cell_failed(self, failure: Failure) -> None:
        """A cell failed; the others continue."""
