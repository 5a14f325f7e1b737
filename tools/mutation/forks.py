"""Do things in forks of this process, a few at a time, each with a limit."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
Action = Callable[[Path], tuple[int, dict[str, Any]]]
"""What a fork does in a folder of its own; gives the exit code and something to say, as JSON."""
MEMORY = 12 << 30
"""Bytes a fork may ask for, since a mutant may grow something without end."""
FAULT = 70
"""Exit code of a fork that could not do its task."""
WAITING = 20
"""Times its seconds of the processor that a fork may take by the clock, since it waits for them on a busy machine."""


@dataclass(frozen=True)
class Ended:
    """How a fork ended.

    Attributes:
        code: its exit code, negative for a signal; none if it ran out of time.
        seconds: how long it took.
        busy: seconds of the processor that it used.
        said: what it had to say; empty if it did not come to that.
        output: what it printed.
    """

    code: int | None
    seconds: float
    busy: float
    said: dict[str, Any]
    output: str


@dataclass
class _Fork:
    pid: int
    began: float
    limit: float
    folder: TemporaryDirectory[str]
    looked: float
    waited: float = 0.0

    def ended(self) -> Ended | None:
        """None while it runs."""
        done, status, usage = os.wait4(self.pid, os.WNOHANG)
        now = time.monotonic()
        self.waited += min(now - self.looked, 1.0)  # not what passed while everything was stopped
        self.looked = now
        if not done and self.waited < WAITING * self.limit:
            return None
        self.kill(reap=not done)
        code = os.waitstatus_to_exitcode(status) if done else -signal.SIGXCPU
        said, output = Path(self.folder.name, "said.json"), Path(self.folder.name, "output")
        ended = Ended(
            None if code == -signal.SIGXCPU else code,
            now - self.began,
            usage.ru_utime + usage.ru_stime,
            json.loads(said.read_text()) if said.exists() else {},
            output.read_text(errors="replace") if output.exists() else "",
        )
        self.folder.cleanup()
        return ended

    def kill(self, *, reap: bool) -> None:
        """End it and what it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if reap:
            os.waitpid(self.pid, 0)


def forks(tasks: Iterable[tuple[T, Action, float]], jobs: int) -> Iterator[tuple[T, Ended]]:
    """Do each task in a fork of this process.

    Args:
        tasks: each a name for it, what is done, and the seconds of the processor it may use.
        jobs: how many at a time.

    Yields:
        The name of each task and how it ended, as they end.
    """
    waiting = iter(tasks)
    running: dict[int, tuple[T, _Fork]] = {}
    try:
        while True:
            while len(running) < jobs and (task := next(waiting, None)) is not None:
                name, action, limit = task
                fork = _start(action, limit)
                running[fork.pid] = name, fork
            if not running:
                return
            for name, fork in list(running.values()):
                if (ended := fork.ended()) is not None:
                    del running[fork.pid]
                    yield name, ended
            time.sleep(0.02)
    finally:
        for _, fork in running.values():
            fork.kill(reap=True)
            fork.folder.cleanup()


def _start(action: Action, limit: float) -> _Fork:
    folder = TemporaryDirectory(prefix="mutate-", ignore_cleanup_errors=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _live(action, limit, Path(folder.name))
    with suppress(OSError):  # either of the two comes first
        os.setpgid(pid, pid)
    now = time.monotonic()
    return _Fork(pid, now, limit, folder, now)


def _live(action: Action, limit: float, folder: Path) -> NoReturn:
    """What the fork does, from its first to its last moment."""
    code = FAULT
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 5))
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        code, said = action(folder)
        (folder / "said.json").write_text(json.dumps(said))
    except BaseException:  # whatever it is, this process must not go on as its parent would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
