"""The history of training by epoch: `metrics.jsonl`, written during training and read only here.

One object per line, each with epoch, part (train, refit, validation), the metric's full name and its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.callbacks import EpochRecord
from crossmodal_hash.errors import RunError

History = dict[str, list[tuple[int, float]]]
"""Name -> epoch and value."""


class Row(NamedTuple):
    """One line of `metrics.jsonl`."""

    epoch: int
    split: str
    metric: str
    value: float


def append(path: Path, record: EpochRecord) -> None:
    """Add the results of an epoch."""
    losses = {f"loss/{name}": value for name, value in record.losses.items()}
    if losses:
        losses["loss/total"] = sum(record.losses.values())
    cost = {"seconds": record.seconds}
    if not math.isnan(record.memory):  # which is no JSON
        cost["memory/GB"] = record.memory
    split = "refit" if record.refit else "train"
    rows = [Row(record.epoch, split, name, value) for name, value in {**losses, **cost}.items()]
    rows += [Row(record.epoch, "validation", name, value) for name, value in record.scores.items()]
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(_line(row) for row in rows)


def read_rows(path: Path) -> Iterator[Row]:
    """Every line, if the file exists, except an incomplete last line of a killed process.

    Raises:
        RunError: for any other invalid line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read ({error}); restore the file, or train again") from error
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            return
        try:
            found = json.loads(line)
            row = Row(int(found["epoch"]), str(found["split"]), str(found["metric"]), float(found["value"]))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise RunError(
                f"line {number} of {path} is not an object with epoch, split, metric and value; restore the file, or "
                f"train again"
            ) from error
        yield row


def keep_until(path: Path, epoch: int) -> None:
    """Drop what was written after `epoch`, because it will be written again."""
    if path.exists():
        write_bytes(path, "".join(_line(row) for row in read_rows(path) if row.epoch <= epoch).encode())


def read_history(path: Path) -> tuple[History, History]:
    """Losses and validation scores by name; empty if a run has no `metrics.jsonl`."""
    losses: History = {}
    validation: History = {}
    for row in read_rows(path):
        if row.split == "validation":
            validation.setdefault(row.metric, []).append((row.epoch, row.value))
        elif row.metric.startswith("loss/"):
            losses.setdefault(row.metric.removeprefix("loss/"), []).append((row.epoch, row.value))
    return losses, validation


def training_cost(path: Path) -> dict[str, float]:
    """Seconds of all epochs and the largest memory in gigabytes, over every process that worked on a run.

    Empty for a method that has no epochs.
    """
    rows = list(read_rows(path))
    costs = (("seconds", sum), ("memory/GB", max))
    return {name: of(values) for name, of in costs if (values := [r.value for r in rows if r.metric == name])}


def _line(row: Row) -> str:
    return json.dumps(row._asdict()) + "\n"
