"""Run tasks in forked child processes, a few at a time, each with a time limit; not on Windows."""

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
Task = Callable[[Path], tuple[int, dict[str, Any]]]
"""Runs in the child, given a temporary folder; returns the exit code and a result that JSON can hold."""
MEMORY = 12 << 30
"""Bytes a child may allocate: a mutant may turn a loop into one that never stops appending."""
FAULT = 70
"""Exit code of a child whose task raised an exception."""
WALL = 20
"""Wall-clock limit, as a multiple of the CPU limit: generous, since the machine may be busy with other work."""


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: exit code, negative for a signal, None for a timeout.
        busy: CPU seconds used.
        result: what the task returned; empty if it did not get that far.
        output: stdout and stderr.
    """

    code: int | None
    busy: float
    result: dict[str, Any]
    output: str


@dataclass
class _Child:
    pid: int
    deadline: float
    folder: TemporaryDirectory[str]

    def ended(self) -> Ended | None:
        """None while it runs."""
        done, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not done and time.monotonic() < self.deadline:
            return None
        self.kill(reap=not done)
        code = os.waitstatus_to_exitcode(status) if done else -signal.SIGXCPU
        result, output = Path(self.folder.name, "result.json"), Path(self.folder.name, "output")
        ended = Ended(
            None if code == -signal.SIGXCPU else code,
            usage.ru_utime + usage.ru_stime,
            json.loads(result.read_text(encoding="utf-8")) if result.exists() else {},
            output.read_text(encoding="utf-8", errors="replace") if output.exists() else "",
        )
        self.folder.cleanup()
        return ended

    def kill(self, *, reap: bool) -> None:
        """Kill it and the processes it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if reap:
            os.waitpid(self.pid, 0)


def run_forked(tasks: Iterable[tuple[T, Task, float]], jobs: int) -> Iterator[tuple[T, Ended]]:
    """Run each task in a fork of this process.

    Args:
        tasks: name, task, limit in CPU seconds.
        jobs: how many run at a time.

    Yields:
        The name of each task and how it ended, in the order in which they end.
    """
    waiting = iter(tasks)
    running: list[tuple[T, _Child]] = []
    try:
        while True:
            while len(running) < jobs and (next_task := next(waiting, None)) is not None:
                name, task, limit = next_task
                running.append((name, _start(task, limit)))
            if not running:
                return
            for name, child in list(running):
                if (ended := child.ended()) is not None:
                    running.remove((name, child))
                    yield name, ended
            time.sleep(0.02)
    finally:
        for _, child in running:
            child.kill(reap=True)
            child.folder.cleanup()


def _start(task: Task, limit: float) -> _Child:
    folder = TemporaryDirectory(prefix="mutate-", ignore_cleanup_errors=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _run_child(task, limit, Path(folder.name))
    with suppress(OSError):  # parent and child both set it, whichever comes first
        os.setpgid(pid, pid)
    return _Child(pid, time.monotonic() + WALL * limit, folder)


def _run_child(task: Task, limit: float, folder: Path) -> NoReturn:
    code = FAULT
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 5))
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        code, result = task(folder)
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    except BaseException:  # nothing may leave this function: the child would go on as a second parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
