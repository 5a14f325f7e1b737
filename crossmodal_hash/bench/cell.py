"""One cell in a process of its own: train or go on, encode, score.

    python -m crossmodal_hash.bench.cell OUT CELL      (CELL: JSON as `Cell.to_json` writes it)

Standard output is one JSON object a line: how far it is. Standard error ends with the reason of a failure. When
standard input ends the bench is gone or wants to stop: training saves its state and ends, as it does on Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.bench.state import FACTS, SCORES, read_facts
from crossmodal_hash.codes import save
from crossmodal_hash.data import Dataset
from crossmodal_hash.errors import ChashError
from crossmodal_hash.evaluation import score
from crossmodal_hash.files import write_json
from crossmodal_hash.library import build, train
from crossmodal_hash.report.result import Record
from crossmodal_hash.report.run import facts as run_facts
from crossmodal_hash.training.listener import EpochRecord, Listener
from crossmodal_hash.training.own_data import open_data
from crossmodal_hash.training.peak import peak_memory
from crossmodal_hash.training.run import Run, open_run, pick_device
from crossmodal_hash.training.trainer import resume

HALF_MADE = ("vocabulary.json", "environment.json", "split.json", "model.json")
"""What a run folder may hold before its `config.json`, which is written last."""


class Lines(Listener):
    """A listener that tells the bench, one JSON object a line."""

    def epoch(self, record: EpochRecord) -> None:
        """How far training is."""
        tell(done=record.epoch, of=record.epochs, doing=f"epoch {record.epoch} of {record.epochs}")

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """What is being done; epochs are told when they end."""
        if not label.startswith("epoch"):
            tell(doing=label)
        yield lambda done: None


def tell(**said: Any) -> None:
    """One line to the bench."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def run_cell(cell: Cell, out: Path, listener: Listener | None = None) -> Record:
    """Train the cell if it is not trained, and score it.

    Args:
        cell: what to run; its folder is empty, or an unfinished or finished run of the same settings.
        out: the bench folder.
        listener: hears the progress.

    Returns:
        The scores, which are also in the run folder.

    Raises:
        ChashError: as `chash train`, `encode` and `evaluate` say it.
    """
    folder = cell.folder(out)
    listener = listener or Listener()
    dataset = open_data(cell.data.path, cell.data.reader, skip_bad=cell.data.skip_bad, listener=listener)
    run, seconds = _trained(cell, folder, dataset, listener)
    clock = time.monotonic()
    codes = run.encode(dataset, device=cell.device or "auto", listener=listener)
    encoding = time.monotonic() - clock
    for modality, found in codes.items():
        save(run.codes / f"{modality}.safetensors", found)
    with listener.task("scores", len(cell.metrics)):
        scores = score(codes, cell.metrics)
    trained = training_cost(run.metrics)
    seconds = trained.get("seconds", seconds)
    peak = max(peak_memory(pick_device(cell.device or "auto")), trained.get("memory/GB", 0.0))
    before = read_facts(folder)
    if before is not None:
        # It is scored by other metrics now; what its training took is known.
        seconds, peak = before["seconds"], max(peak, before["peak_gb"])
    content = {
        "cell": cell.to_json(),
        "metrics": list(cell.metrics),
        "seconds": seconds,
        "seconds_encoding": encoding,
        "peak_gb": peak,
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    facts = {**run_facts(run), "seconds": f"{seconds:.1f}", "peak memory": f"{peak:.2f} GB"}
    record = Record(cell.method.name, scores, facts)
    write_json(folder / FACTS, content)
    # Last: with its scores a cell is done.
    record.save(folder / SCORES)
    return record


def _trained(cell: Cell, folder: Path, dataset: Dataset, listener: Listener) -> tuple[Run, float]:
    """The finished run, and how long this process took for it."""
    clock = time.monotonic()
    if not (folder / "config.json").exists():
        remove_half_made(folder)
        method = build(cell.method.recipe, sets=cell.all_sets(), **cell.flags())
        run = train(method, dataset, out=folder, listener=listener)
    else:
        run = open_run(folder)
        if not run.is_finished():
            resume(run, dataset, listener=listener)
    return run, time.monotonic() - clock


def remove_half_made(folder: Path) -> None:
    """Take away what a process killed while it made the run folder has left; anything else there stays."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if names and all(name in HALF_MADE or name.startswith(".") for name in names):
        shutil.rmtree(folder)


def training_cost(metrics: Path) -> dict[str, float]:
    """Seconds of all epochs and the most gigabytes of any, over every process that worked on a run.

    Empty for a method that has no epochs.
    """
    if not metrics.exists():
        return {}
    rows = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
    by_name: dict[str, list[float]] = {}
    for row in rows:
        by_name.setdefault(row["metric"], []).append(row["value"])
    out = {}
    if "seconds" in by_name:
        out["seconds"] = sum(by_name["seconds"])
    if "memory/GB" in by_name:
        out["memory/GB"] = max(by_name["memory/GB"])
    return out


def stop_with_the_bench() -> None:
    """Press Ctrl-C when standard input ends."""

    def wait() -> None:
        # Not sys.stdin, whose lock a thread would still hold when the interpreter ends.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def main(argv: Sequence[str]) -> int:
    """Run one cell; the exit code is that of `chash`."""
    stop_with_the_bench()
    return guarded(lambda: run_cell(Cell.from_json(json.loads(argv[1])), Path(argv[0]), Lines()))


def guarded(work: Callable[[], object]) -> int:
    """Do some work; what goes wrong is said in the last line of standard error."""
    try:
        work()
    except KeyboardInterrupt:
        return 130
    except ChashError as error:
        sys.stderr.write("; ".join([str(error), *getattr(error, "__notes__", ())]) + "\n")
        return error.exit_code
    except Exception as error:
        traceback.print_exception(error)
        return 101
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
