"""What happened in training, epoch by epoch: `metrics.jsonl`, written as it goes and read by everybody here.

One object a line, each with epoch, part (train, refit, validation), the metric's full name and its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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
    """Add what an epoch came to."""
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
    """Every line; none where there is no such file, and not the last one of a killed process, which may be half a line.

    Raises:
        RunError: for a line that is none of ours.
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
    """Drop what was written after `epoch`: it is about to be written again."""
    if path.exists():
        write_bytes(path, "".join(_line(row) for row in read_rows(path) if row.epoch <= epoch).encode())


def selection_score(scores: Mapping[str, float]) -> float:
    """What an epoch is chosen by: the mean over directions of the scores among items that were not trained on.

    Codes of training items are memorized, better with every epoch, so what they find says nothing of a new item.

    Example:
        >>> selection_score({"image->text/map@all": 0.9, "image->text/unseen/map@all": 0.5})
        0.5
    """
    unseen = [value for name, value in scores.items() if "/unseen/" in name]
    return sum(unseen) / len(unseen)


def kept_scores(path: Path, select: str) -> dict[str, Any]:
    """The epoch whose weights were kept and its validation scores; an empty table where nothing was validated.

    Args:
        path: of `metrics.jsonl`.
        select: the `best` by `selection_score`, of equals the later, or the `last` epoch.
    """
    by_epoch: dict[int, dict[str, float]] = {}
    for row in read_rows(path):
        if row.split == "validation":
            by_epoch.setdefault(row.epoch, {})[row.metric] = row.value
    if not by_epoch:
        return {}
    epoch = max(by_epoch, key=lambda e: (selection_score(by_epoch[e]), e)) if select == "best" else max(by_epoch)
    return {"epoch": epoch, "scores": by_epoch[epoch]}


def read_history(path: Path) -> tuple[History, History]:
    """Losses and validation scores by name; empty where a run has no `metrics.jsonl`."""
    losses: History = {}
    validation: History = {}
    for row in read_rows(path):
        if row.split == "validation":
            validation.setdefault(row.metric, []).append((row.epoch, row.value))
        elif row.metric.startswith("loss/"):
            losses.setdefault(row.metric.removeprefix("loss/"), []).append((row.epoch, row.value))
    return losses, validation


def training_cost(path: Path) -> dict[str, float]:
    """Seconds of all epochs and the most gigabytes of any, over every process that worked on a run.

    Empty for a method that has no epochs.
    """
    rows = list(read_rows(path))
    costs = (("seconds", sum), ("memory/GB", max))
    return {name: of(values) for name, of in costs if (values := [r.value for r in rows if r.metric == name])}


def _line(row: Row) -> str:
    return json.dumps(row._asdict()) + "\n"
