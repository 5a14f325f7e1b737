"""A training in the log of the program that trains, by the standard library's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossmodal_hash.callbacks import Callback, EpochRecord
from crossmodal_hash.runs.best_epoch import kept_scores
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.runs.words import epoch_line, kept_line

LOGGER = logging.getLogger("crossmodal_hash")


class Logging(Callback):
    """Tells the logger `crossmodal_hash` what happens, at level INFO, which nobody sees who has not asked for it.

    Example:
        >>> from unittest import TestCase
        >>> with TestCase().assertLogs("crossmodal_hash") as seen:
        ...     Logging().on_epoch_end(EpochRecord(1, 5, 0.5, 0.1, {"hard": 0.25}))
        >>> seen.output
        ['INFO:crossmodal_hash:epoch 1/5    0.5 s, peak 0.1 GB | hard 0.2500']
    """

    def on_note(self, text: str) -> None:
        """The note."""
        LOGGER.info(text)

    def on_run_start(self, run: Path) -> None:
        """Where the run lies."""
        LOGGER.info("training into %s", run)

    def on_epoch_end(self, record: EpochRecord) -> None:
        """One line for the epoch."""
        LOGGER.info(epoch_line(record))

    def on_run_end(self, run: Path) -> None:
        """Which epoch was kept, and where the weights are."""
        finished = Run(run)
        if kept := kept_line(kept_scores(finished.metrics, finished.settings().train.select)):
            LOGGER.info(kept)
        LOGGER.info("the weights are in %s", finished.weights)

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """One line when long work starts; epochs have theirs when they end."""
        if not label.startswith("epoch"):
            LOGGER.info("%s ...", label)
        yield lambda done: None
