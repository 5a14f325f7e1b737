"""`metrics.jsonl`: one object a line, each with epoch, split, the metric's full name and its value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal_hash.files import write_bytes
from crossmodal_hash.training.listener import EpochRecord


def append(path: Path, record: EpochRecord) -> None:
    """Add what an epoch came to."""
    losses = {f"loss/{name}": value for name, value in record.losses.items()}
    if losses:
        losses["loss/total"] = sum(record.losses.values())
    cost = {"seconds": record.seconds, "memory/GB": record.memory}
    rows = [("refit" if record.refit else "train", name, value) for name, value in {**losses, **cost}.items()]
    rows += [("validation", name, value) for name, value in record.scores.items()]
    with path.open("a", encoding="utf-8") as file:
        for split, metric, value in rows:
            file.write(json.dumps({"epoch": record.epoch, "split": split, "metric": metric, "value": value}) + "\n")


def keep_until(path: Path, epoch: int) -> None:
    """Drop what was written after `epoch`: it is about to be written again."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        # The last line of a killed process may be half a line.
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["epoch"] <= epoch]
        write_bytes(path, "".join(kept).encode())


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
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "validation":
            by_epoch.setdefault(row["epoch"], {})[row["metric"]] = row["value"]
    if not by_epoch:
        return {}
    epoch = max(by_epoch, key=lambda e: (selection_score(by_epoch[e]), e)) if select == "best" else max(by_epoch)
    return {"epoch": epoch, "scores": by_epoch[epoch]}
