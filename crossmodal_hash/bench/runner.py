"""Run the cells of a grid, each in its own process; one that fails or dies does not stop the others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from crossmodal_hash.atomic import write_json
from crossmodal_hash.bench.callback import BenchCallback, Failure
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.bench.state import State, state
from crossmodal_hash.errors import ChashError

PATIENCE = 60.0
"""Seconds that a training has to save its state when the bench is stopped."""

Command = Callable[[Cell, Path], list[str]]


@dataclass
class _Children:
    """The running processes, and whether new ones are blocked."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, command: list[str], env: dict[str, str], stderr: IO[bytes]) -> subprocess.Popen[bytes] | None:
        """A process whose standard input stays open while it may run; Ctrl-C at the terminal does not reach it."""
        with self.lock:
            if self.stopped:
                return None
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
            self.running.add(process)
            return process

    def stop(self) -> None:
        """Let all processes save their state and end."""
        with self.lock:
            self.stopped = True
            running = list(self.running)
        for process in running:
            if process.stdin is not None:
                process.stdin.close()
        until = time.monotonic() + PATIENCE
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def cell_command(cell: Cell, out: Path) -> list[str]:
    """The command that runs one cell."""
    return [sys.executable, "-m", "crossmodal_hash.bench.cell", str(out), json.dumps(cell.to_json())]


def features_command(cells: Sequence[Cell]) -> list[str]:
    """The command that extracts the features of one data set for these cells, one per method."""
    return [sys.executable, "-m", "crossmodal_hash.bench.features", *(json.dumps(cell.to_json()) for cell in cells)]


def run(
    cells: Sequence[Cell],
    out: Path,
    *,
    jobs: int = 1,
    again: bool = False,
    callback: BenchCallback | None = None,
    command: Command = cell_command,
) -> list[Failure]:
    """Run the missing cells, in order.

    Args:
        cells: cells of one or several data sets.
        out: the bench folder.
        jobs: number of parallel processes; each gets its share of the cores.
        again: remove the folders of cells that were created with other settings and run them again; otherwise they
            fail.
        callback: receives the progress.
        command: the command that runs one cell.

    Returns:
        The failed cells, in order; empty if all are done.

    Raises:
        KeyboardInterrupt: when interrupted; every running cell has then saved its state.
    """
    callback = callback or BenchCallback()
    states = [(cell, *state(cell, out)) for cell in cells]
    failures = {}
    todo = []
    for cell, found, changed in states:
        if found is State.OTHER and not again:
            failures[cell.folder(out)] = Failure(
                cell, f"{cell.folder(out)} was created with other settings: {changed}; use --again to run it again"
            )
        elif found is not State.DONE:
            todo.append((cell, found is State.OTHER))
    callback.on_bench_start(len(todo), sum(found is State.DONE for _, found, _ in states))
    for failure in failures.values():
        callback.on_cell_failed(failure)

    children = _Children()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Somebody who has set the number of threads knows why. What a process says is read as UTF-8, whatever the locale.
    env = {"OMP_NUM_THREADS": str(max(1, cores // jobs)), **os.environ, "PYTHONIOENCODING": "utf-8"}

    def work(cell: Cell, fresh: bool) -> Failure | None:
        if fresh:
            shutil.rmtree(cell.folder(out))
        return _run_one(cell, out, command(cell, out), children, env, callback)

    for data in dict.fromkeys(cell.data.name for cell, _ in todo):
        own = [(cell, fresh) for cell, fresh in todo if cell.data.name == data]
        try:
            if command is cell_command:
                why = _prepare(list({cell.method.name: cell for cell, _ in own}.values()), children, env, callback)
                if why is not None:
                    callback.on_data_refused(data, len(own), why)
                    for cell, _ in own:
                        failures[cell.folder(out)] = _keep(Failure(cell, why, of_data=True), out, ChashError.exit_code)
                    continue
            with ThreadPoolExecutor(jobs) as pool:
                futures = [pool.submit(work, cell, fresh) for cell, fresh in own]
                try:
                    wait(futures)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    children.stop()
                    raise
        except BaseException:
            children.stop()
            raise
        for (cell, _), future in zip(own, futures, strict=True):
            if (failed := future.result()) is not None:
                failures[cell.folder(out)] = failed
    return [failures[cell.folder(out)] for cell in cells if cell.folder(out) in failures]


def _run_one(
    cell: Cell, out: Path, command: list[str], children: _Children, env: dict[str, str], callback: BenchCallback
) -> Failure | None:
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = children.start(command, env, errors)
        if process is None:
            return None
        callback.on_cell_start(cell)
        share = 0.0
        for said in _lines(process):
            share = said["done"] / said["of"] if "of" in said else share
            callback.on_cell_progress(cell, str(said.get("doing", "")), share)
        code = _ended(process, children)
        if children.stopped:
            return None
        errors.seek(0)
        words = errors.read().decode(errors="replace")
    if code == 0:
        cell.failure(out).unlink(missing_ok=True)
        callback.on_cell_end(cell, time.monotonic() - began)
        return None
    failure = _keep(Failure(cell, reason(code, words)), out, code, words)
    callback.on_cell_failed(failure)
    return failure


def _keep(failure: Failure, out: Path, code: int, words: str = "") -> Failure:
    """Record why a cell failed."""
    cell, said = failure.cell, words.splitlines()[-40:]
    write_json(cell.failure(out), {"cell": cell.to_json(), "exit": code, "reason": failure.reason, "stderr": said})
    return failure


def _prepare(cells: Sequence[Cell], children: _Children, env: dict[str, str], callback: BenchCallback) -> str | None:
    """Extract features with all cores.

    Returns:
        Why the data set cannot be used, since every cell would fail for the same reason. None if it can be used, or if
        anything else went wrong: then the cells that need the features report it.
    """
    alone = {key: value for key, value in env.items() if key != "OMP_NUM_THREADS" or key in os.environ}
    with tempfile.TemporaryFile() as errors:
        process = children.start(features_command(cells), alone, errors)
        if process is None:
            return None
        for said in _lines(process):
            callback.on_features(cells[0].data.name, str(said.get("doing", "")))
        code = _ended(process, children)
        errors.seek(0)
        words = errors.read().decode(errors="replace")
    return reason(code, words) if code == ChashError.exit_code and not children.stopped else None


def _ended(process: subprocess.Popen[bytes], children: _Children) -> int:
    code = process.wait()
    with children.lock:
        children.running.discard(process)
        if process.stdin is not None and not children.stopped:
            process.stdin.close()
    return code


def _lines(process: subprocess.Popen[bytes]) -> Any:
    """The JSON objects that a process prints; anything else it prints is ignored."""
    if process.stdout is None:
        return
    for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said


def reason(code: int, words: str) -> str:
    """Why a process failed: the last line it wrote to standard error, or the signal that ended it.

    Example:
        >>> reason(-9, "")
        'killed by SIGKILL, as the system does when memory runs out'
    """
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}" + (f"; its last output: {lines[-1]}" if lines else "")
    return lines[-1] if lines else f"ended with exit code {code} and no output"
