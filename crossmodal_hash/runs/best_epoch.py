"""Which epoch is kept: the rule, used in training and wherever the kept epoch is reported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal_hash.runs.history import read_rows


def selection_score(scores: Mapping[str, float]) -> float:
    """The score that selects the epoch: the mean over directions of the scores among items that were not trained on.

    Codes of training items are memorized, better with every epoch, so their scores say nothing about new items.

    Example:
        >>> selection_score({"image->text/map@all": 0.9, "image->text/unseen/map@all": 0.5})
        0.5
    """
    unseen = [value for name, value in scores.items() if "/unseen/" in name]
    return sum(unseen) / len(unseen)


def kept_scores(path: Path, select: str) -> dict[str, Any]:
    """The epoch whose weights were kept and its validation scores; an empty dict if nothing was validated.

    Args:
        path: path of `metrics.jsonl`.
        select: the `best` by `selection_score` (the later one if equal), or the `last` epoch.
    """
    by_epoch: dict[int, dict[str, float]] = {}
    for row in read_rows(path):
        if row.split == "validation":
            by_epoch.setdefault(row.epoch, {})[row.metric] = row.value
    if not by_epoch:
        return {}
    epoch = max(by_epoch, key=lambda e: (selection_score(by_epoch[e]), e)) if select == "best" else max(by_epoch)
    return {"epoch": epoch, "scores": by_epoch[epoch]}
