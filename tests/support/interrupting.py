"""Ctrl-C in the middle of a training."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from crossmodal_hash.training import gradient


@contextmanager
def interrupt_at(step: int | None) -> Iterator[list[int]]:
    """Until the block ends, the training is interrupted as it begins its step of that number, counted from 1; or never.

    Yields:
        A list with an entry for each step that has begun.
    """
    real, begun = gradient.train_step, list[int]()

    def counted(*args, **options):
        begun.append(len(begun) + 1)
        if len(begun) == step:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*args, **options)

    gradient.train_step = counted
    try:
        yield begun
    finally:
        gradient.train_step = real
