"""What happens, told to whoever wants to know: subclass `Callback`, and pass it to `train(..., callbacks=[...])`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch came to.

    Attributes:
        epoch: counted from 1.
        epochs: how many there will be.
        seconds: how long it took.
        memory: gigabytes needed so far, at the most; NaN where the system does not tell.
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


class Callback:
    """Hooks that do nothing; override those you need.

    They are called in the process that trains, between steps and never during one: notes and tasks as they come,
    `on_run_start` once, `on_epoch_end` after each epoch, `on_run_end` once. A run that is resumed starts again with
    `on_run_start`; epochs that it had finished are not told again. What a hook raises ends the training, which can be
    resumed from its last checkpoint.

    Example:
        >>> class Losses(Callback):
        ...     def __init__(self):
        ...         self.of = []
        ...     def on_epoch_end(self, record):
        ...         self.of.append(sum(record.losses.values()))
        >>> losses = Losses()
        >>> losses.on_epoch_end(EpochRecord(1, 5, 0.5, 0.1, {"hard": 0.25, "soft": 0.5}))
        >>> losses.of
        [0.75]
    """

    def on_note(self, text: str) -> None:
        """Something worth knowing, in one sentence."""

    def on_run_start(self, run: Path) -> None:
        """The run folder exists and describes itself; training can be resumed from it."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        """An epoch has ended and is written to `metrics.jsonl`."""

    def on_run_end(self, run: Path) -> None:
        """Training has finished, and the model is in the run folder."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Long work of `total` parts; call what is yielded with the number of parts done since the last call."""
        yield lambda done: None


class Callbacks(Callback):
    """Several as one, called in their order.

    Args:
        members: who is told.
    """

    def __init__(self, members: Sequence[Callback]) -> None:
        self.members = tuple(members)

    def on_note(self, text: str) -> None:
        """To each."""
        for member in self.members:
            member.on_note(text)

    def on_run_start(self, run: Path) -> None:
        """To each."""
        for member in self.members:
            member.on_run_start(run)

    def on_epoch_end(self, record: EpochRecord) -> None:
        """To each."""
        for member in self.members:
            member.on_epoch_end(record)

    def on_run_end(self, run: Path) -> None:
        """To each."""
        for member in self.members:
            member.on_run_end(run)

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """To each."""
        with ExitStack() as stack:
            told = [stack.enter_context(member.task(label, total)) for member in self.members]

            def advance(done: int) -> None:
                for tell in told:
                    tell(done)

            yield advance
