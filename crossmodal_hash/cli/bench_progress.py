"""Progress of a bench: bars with the time left on a terminal, otherwise one line per cell."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crossmodal_hash.bench.callback import BenchCallback, Failure
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class BenchProgress(BenchCallback):
    """Shows the progress of a bench through `Output`; use `shown` around the run."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.todo = self.ended = 0
        self.began = time.monotonic()
        self.shares: dict[str, float] = {}
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._whole: TaskID | None = None
        self._bars: dict[str, TaskID] = {}
        self._prepared = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw bars within the block, if there is a terminal."""
        if self.output.quiet or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def on_bench_start(self, todo: int, done: int) -> None:
        """Number of cells to run."""
        self.todo, self.began = todo, time.monotonic()
        if done or not todo:
            self._say(f"{done} cells done, {todo} cells to run")
        if self._progress is not None and todo:
            self._whole = self._progress.add_task(f"{todo} cells", total=todo, said="")

    def on_features(self, data: str, doing: str) -> None:
        """Features are extracted; reported once for each kind."""
        if doing and doing != self._prepared:
            self._prepared = doing
            self._say(f"{data}: {doing} ...")

    def on_data_refused(self, data: str, cells: int, why: str) -> None:
        """One line for all cells, which will not be run."""
        with self._lock:
            self.todo -= cells
            if self._progress is not None and self._whole is not None:
                self._progress.update(self._whole, total=self.todo)
            self._say(f"{data}: its {cells} cells are skipped: {why}")

    def on_cell_start(self, cell: Cell) -> None:
        """One more bar."""
        with self._lock:
            self.shares[said_of(cell)] = 0.0
            if self._progress is not None:
                self._bars[said_of(cell)] = self._progress.add_task(said_of(cell), total=1.0, said="starts")

    def on_cell_progress(self, cell: Cell, doing: str, share: float) -> None:
        """Advance its bar, and the total bar by its share."""
        with self._lock:
            self.shares[said_of(cell)] = share
            if self._progress is not None:
                self._progress.update(self._bars[said_of(cell)], completed=share, said=doing)
                self._move()

    def on_cell_end(self, cell: Cell, seconds: float) -> None:
        """One line."""
        self._end(cell, f"{said_of(cell)}: done in {said_time(seconds)}")

    def on_cell_failed(self, failure: Failure) -> None:
        """One line."""
        self._end(failure.cell, f"{said_of(failure.cell)}: FAILED: {failure.reason}")

    def _end(self, cell: Cell, text: str) -> None:
        with self._lock:
            if said_of(cell) in self.shares:
                del self.shares[said_of(cell)]
                self.ended += 1
                text = f"[{self.ended}/{self.todo}] {text}"
            if self._progress is not None and said_of(cell) in self._bars:
                self._progress.remove_task(self._bars.pop(said_of(cell)))
                self._move()
            left = self.left()
            self._say(text + (f"; about {said_time(left)} left" if left and self._progress is None else ""))

    def left(self) -> float | None:
        """Estimated seconds for the remaining cells; None while this is unknown."""
        share = self.ended + sum(self.shares.values())
        return (time.monotonic() - self.began) * (self.todo - share) / share if share > 0 else None

    def _move(self) -> None:
        if self._progress is not None and self._whole is not None:
            left = self.left()
            said = f"{self.ended}/{self.todo}" + (f", about {said_time(left)} left" if left else "")
            self._progress.update(self._whole, completed=self.ended + sum(self.shares.values()), said=said)

    def _say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self.output.say(text)


def said_of(cell: Cell) -> str:
    """A cell in words."""
    return f"{cell.data.name} {cell.method.name} {cell.bits} bits, seed {cell.seed}"


def said_time(seconds: float) -> str:
    """Seconds in readable form.

    Example:
        >>> said_time(8), said_time(150), said_time(4000)
        ('8 s', '2 min 30 s', '1 h 7 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{round(seconds / 60) // 60} h {round(seconds / 60) % 60} min"
