"""Whom training tells what it is doing; the command line draws it, the library stays silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch came to.

    Attributes:
        epoch: counted from 1.
        epochs: how many there will be.
        seconds: how long it took.
        memory: gigabytes needed so far, at the most.
        losses: term -> mean over the epoch's steps; `total` is their sum.
        scores: full metric name -> value on the validation part; empty where the epoch was not scored.
        best: whether this epoch is the best so far.
        refit: whether this is the second pass, with the validation items among those trained on; epochs count on.
    """

    epoch: int
    epochs: int
    seconds: float
    memory: float
    losses: dict[str, float]
    scores: dict[str, float] = field(default_factory=dict)
    best: bool = False
    refit: bool = False


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
