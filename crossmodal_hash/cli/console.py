"""Progress of training, on a terminal or line by line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crossmodal_hash.callbacks import Callback, EpochRecord
from crossmodal_hash.cli.output import Output
from crossmodal_hash.runs.words import epoch_line

if TYPE_CHECKING:
    from rich.progress import Progress


class ConsoleCallback(Callback):
    """A callback that draws progress bars on a terminal, and otherwise prints a line per epoch and task."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.bars = sys.stderr.isatty() and not output.quiet
        self.run: Path | None = None
        self._progress: Progress | None = None

    def on_run_start(self, run: Path) -> None:
        """The run folder."""
        self.run = run
        self.output.say(f"training into {run}")

    def on_note(self, text: str) -> None:
        """Something worth knowing."""
        self.output.note(text)

    def on_epoch_end(self, record: EpochRecord) -> None:
        """One line for the epoch."""
        text = epoch_line(record)
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self.output.say(text)

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar, or one line when a long task starts."""
        self.output.tell_notes()
        if not self.bars:
            if not label.startswith(("epoch", "codes")):
                self.output.say(f"{label} ...")
            yield lambda done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            self._progress, outer = progress, self._progress
            bar = progress.add_task(label, total=total)
            try:
                yield lambda done: progress.advance(bar, done)
            finally:
                self._progress = outer
