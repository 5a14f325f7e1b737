"""What is said of a training, in a console and in a log alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from crossmodal_hash.callbacks import EpochRecord


def epoch_line(record: EpochRecord) -> str:
    """An epoch in one line: its cost, the terms of its loss, the scores of the validation part, a `*` if it leads.

    Example:
        >>> epoch_line(EpochRecord(3, 25, 0.51, 1.24, {"hard": 0.25}, {"image->text/map@all": 0.5}, best=True))
        'epoch  3/25    0.5 s, peak 1.2 GB | hard 0.2500 | validation image->text 0.5000 *'
        >>> epoch_line(EpochRecord(1, 2, 0.51, float("nan"), {}))
        'epoch 1/2    0.5 s'
    """
    losses = " ".join(f"{name} {value:.4f}" for name, value in record.losses.items())
    scores = " ".join(f"{name.removesuffix('/map@all')} {value:.4f}" for name, value in record.scores.items())
    mark = " *" if record.best else ""
    width = len(str(record.epochs))
    scored = f"validation {scores}{mark}" if scores else ""
    cost = f"{record.seconds:6.1f} s"
    cost += "" if math.isnan(record.memory) else f", peak {record.memory:.1f} GB"
    cost += ", with all items" if record.refit else ""
    return " | ".join(filter(None, [f"epoch {record.epoch:{width}}/{record.epochs} {cost}", losses, scored]))


def kept_line(kept: Mapping[str, Any]) -> str:
    """The epoch that was kept and its scores, as `best_epoch.kept_scores` has them; nothing where none was validated.

    Example:
        >>> kept_line({"epoch": 3, "scores": {"image->text/map@all": 0.5}})
        'epoch 3 kept; on the validation items: image->text/map@all 0.5000'
    """
    if not kept:
        return ""
    scores = ", ".join(f"{name} {value:.4f}" for name, value in kept["scores"].items())
    return f"epoch {kept['epoch']} kept; on the validation items: {scores}"
