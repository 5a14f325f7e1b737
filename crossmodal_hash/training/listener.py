"""Whom training tells what it is doing; the command line draws it, the library stays silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossmodal_hash.runs.history import EpochRecord


class Listener:
    """Hears everything, says nothing."""

    def note(self, text: str) -> None:
        """Something worth knowing, in one sentence."""

    def started(self, run: Path) -> None:
        """The run folder is there, and training can be resumed from it."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch has ended."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Long work of `total` parts; call what is yielded with the number of parts done since the last call."""
        yield lambda done: None
