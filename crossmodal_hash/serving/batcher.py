"""A thread that takes whatever waits and answers it together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from crossmodal_hash.serving.request_error import RequestError

Q = TypeVar("Q")
A = TypeVar("A")


class Batcher(Generic[Q, A]):
    """Answers what waits in batches: while one is computed, the next one gathers. Nobody is made to wait for others.

    Args:
        answer: batch -> answers, in order; called in one thread only.
        most: largest batch, >= 1.
        waiting: how many may wait; more are refused.

    Example:
        >>> with Batcher(lambda batch: [2 * x for x in batch], most=8, waiting=8) as double:
        ...     double.submit(21).result()
        42
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Sequence[A]], *, most: int, waiting: int) -> None:
        self._answer, self._most = answer, most
        self._queue: queue.Queue[tuple[Q, Future[A]] | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="chash-model", daemon=True)
        self._thread.start()

    def submit(self, asked: Q) -> Future[A]:
        """The answer to come.

        Raises:
            RequestError: if too many wait.
        """
        future: Future[A] = Future()
        try:
            self._queue.put_nowait((asked, future))
        except queue.Full:
            raise RequestError(503, "too many queries wait for the model; ask again in a moment") from None
        return future

    def waiting(self) -> int:
        """How many wait."""
        return self._queue.qsize()

    def close(self) -> None:
        """Answer what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def __enter__(self) -> Batcher[Q, A]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        ends = False
        while not ends:
            taken = [self._queue.get()]
            while len(taken) < self._most and taken[-1] is not None:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            ends = taken[-1] is None
            batch = [each for each in taken if each is not None and each[1].set_running_or_notify_cancel()]
            if batch:
                self._settle(batch)

    def _settle(self, batch: list[tuple[Q, Future[A]]]) -> None:
        try:
            for (_, future), answer in zip(batch, self._answer([asked for asked, _ in batch]), strict=True):
                future.set_result(answer)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One that cannot be answered must not take the others with it.
            for each in batch:
                if not each[1].done():
                    self._settle([each])
