"""One cell in its own process: train or resume, encode, score.

    python -m crossmodal_hash.bench.cell OUT CELL      (CELL: JSON as `Cell.to_json` writes it)

Communication with the bench is in `crossmodal_hash.bench.process`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crossmodal_hash.api import Run, build, open_run, train
from crossmodal_hash.atomic import write_json
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.bench.process import guarded, stop_with_the_bench, tell
from crossmodal_hash.bench.state import FACTS, SCORES, read_facts
from crossmodal_hash.callbacks import Callback, EpochRecord
from crossmodal_hash.codes import save
from crossmodal_hash.data import Dataset
from crossmodal_hash.device import pick_device
from crossmodal_hash.evaluation import score
from crossmodal_hash.opening.open import open_data
from crossmodal_hash.report.result import Record
from crossmodal_hash.report.run import facts as run_facts
from crossmodal_hash.runs.history import training_cost
from crossmodal_hash.training.resources import peak_memory
from crossmodal_hash.training.trainer import resume

HALF_MADE = ("vocabulary.json", "environment.json", "split.json", "model.json")
"""What a run folder may hold before its `config.json`, which is written last."""


class JsonLines(Callback):
    """A callback that reports to the bench, one JSON object per line."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Progress of the training."""
        tell(done=record.epoch, of=record.epochs, doing=f"epoch {record.epoch} of {record.epochs}")

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """The current task; epochs are reported when they end."""
        if not label.startswith("epoch"):
            tell(doing=label)
        yield lambda done: None


def run_cell(cell: Cell, out: Path, callback: Callback | None = None) -> Record:
    """Train the cell if it is not trained, and score it.

    Args:
        cell: what to run; its folder is empty, or an unfinished or finished run of the same settings.
        out: the bench folder.
        callback: receives the progress.

    Returns:
        The scores, which are also in the run folder.

    Raises:
        ChashError: as for `chash train`, `encode` and `evaluate`.
    """
    folder = cell.folder(out)
    callback = callback or Callback()
    dataset = open_data(cell.data.path, cell.data.reader, skip_bad=cell.data.skip_bad, callback=callback)
    run, seconds = _trained(cell, folder, dataset, callback)
    clock = time.monotonic()
    codes = run.encode(dataset, device=cell.device or "auto", callback=callback)
    encoding = time.monotonic() - clock
    for modality, found in codes.items():
        save(run.codes / f"{modality}.safetensors", found)
    with callback.task("scores", len(cell.metrics)):
        scores = score(codes, cell.metrics)
    trained = training_cost(run.metrics)
    seconds = trained.get("seconds", seconds)
    peaks = [peak_memory(pick_device(cell.device or "auto")), trained.get("memory/GB")]
    before = read_facts(folder)
    if before is not None:
        # It is scored by other metrics now; what its training took is known.
        seconds, peaks = before["seconds"], [*peaks, before["peak_gb"]]
    peak = max((gb for gb in peaks if gb is not None and not math.isnan(gb)), default=None)
    content = {
        "cell": cell.to_json(),
        "metrics": list(cell.metrics),
        "seconds": seconds,
        "seconds_encoding": encoding,
        "peak_gb": peak,
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    facts = {**run_facts(run), "seconds": f"{seconds:.1f}"}
    if peak is not None:
        facts["peak memory"] = f"{peak:.2f} GB"
    record = Record(cell.method.name, scores, facts)
    write_json(folder / FACTS, content)
    # Last: with its scores a cell is done.
    record.save(folder / SCORES)
    # A finished run goes on with nothing, and its checkpoint is most of its disk.
    shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
    return record


def _trained(cell: Cell, folder: Path, dataset: Dataset, callback: Callback) -> tuple[Run, float]:
    """The finished run, and the time this process took for it."""
    clock = time.monotonic()
    if not (folder / "config.json").exists():
        remove_half_made(folder)
        method = build(cell.method.recipe, sets=cell.all_sets(), **cell.flags())
        run = train(method, dataset, out=folder, callbacks=[callback])
    else:
        run = open_run(folder)
        if not run.is_finished():
            resume(run, dataset, callback=callback)
    return run, time.monotonic() - clock


def remove_half_made(folder: Path) -> None:
    """Delete what a process left that was killed while it created the run folder; keep everything else."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if names and all(name in HALF_MADE or name.startswith(".") for name in names):
        shutil.rmtree(folder)


def main(argv: Sequence[str]) -> int:
    """Run one cell; the exit code is that of `chash`."""
    stop_with_the_bench()
    return guarded(lambda: run_cell(Cell.from_json(json.loads(argv[1])), Path(argv[0]), JsonLines()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
