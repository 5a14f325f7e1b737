"""Which epoch is kept: the rule, used in training and wherever the kept epoch is reported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from crossmodal_hash.runs.history import read_rows

CHOOSING = ("/unseen/", "/partners/")
"""What a score among items that were not trained on has in its name: by shared labels, and by belonging together."""


def selection_score(scores: Mapping[str, float]) -> float:
    """The score that selects the epoch: the mean of the scores among items that were not trained on.

    Over both directions, and over labels and pairs where a training sees both. Codes of training items are memorized,
    better with every epoch, so their scores say nothing about new items.

    Example:
        >>> selection_score({"image->text/map@all": 0.9, "image->text/unseen/map@all": 0.5})
        0.5
    """
    chosen = [value for name, value in scores.items() if any(part in name for part in CHOOSING)]
    return sum(chosen) / len(chosen)


def replaces(score: float, best: float) -> bool:
    """Whether a later epoch of this selection score replaces the best one so far.

    Of equals the later: few held-out items leave many, and most epochs are better than the first.
    """
    return score >= best


def kept_scores(path: Path, select: str) -> dict[str, Any]:
    """The epoch whose weights were kept and its validation scores; an empty dict if nothing was validated.

    Args:
        path: path of `metrics.jsonl`.
        select: the `best` by `selection_score`, or the `last` epoch.
    """
    by_epoch: dict[int, dict[str, float]] = {}
    for row in read_rows(path):
        if row.split == "validation":
            by_epoch.setdefault(row.epoch, {})[row.metric] = row.value
    if not by_epoch:
        return {}
    kept = max(by_epoch)
    if select == "best":
        scores = {epoch: selection_score(by_epoch[epoch]) for epoch in sorted(by_epoch)}
        kept = reduce(lambda best, later: later if replaces(scores[later], scores[best]) else best, scores)
    return {"epoch": kept, "scores": by_epoch[kept]}
