"""Scores that must be reached, for use in continuous integration: `map@all=0.7`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crossmodal_hash.errors import SettingsError, did_you_mean
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import parse


@dataclass(frozen=True)
class Threshold:
    """One score that must be reached.

    Attributes:
        metric: full name.
        least: the smallest accepted value.
        direction: such as `image->text`; None for every direction across modalities.
    """

    metric: str
    least: float
    direction: str | None = None


def read_threshold(text: str) -> Threshold:
    """`[DIRECTION/]METRIC=VALUE` as a threshold.

    Raises:
        SettingsError: if it has another form, or the metric is unknown, a curve, or better when smaller.

    Example:
        >>> read_threshold("image->text/map@50=0.7")
        Threshold(metric='map@50/retrieved', least=0.7, direction='image->text')
    """
    name, _, value = text.rpartition("=")
    direction = None
    if "->" in name:
        direction, _, name = name.partition("/")
    try:
        least = float(value)
    except ValueError:
        name = ""
        least = 0.0
    if not name:
        raise SettingsError(f"{text!r} is not METRIC=VALUE or DIRECTION/METRIC=VALUE, such as map@all=0.7")
    metric = parse(name)
    if metric.values is None or not metric.larger_is_better:
        what = "a curve" if metric.values is None else "better when it is smaller"
        raise SettingsError(f"{metric.name} is {what}, so it cannot have a smallest value; choose another metric")
    return Threshold(metric.name, least, direction)


def missed(scores: Sequence[Score], thresholds: Sequence[Threshold]) -> list[str]:
    """A sentence for each score that is too low, in the papers' database (the first of each direction).

    Raises:
        SettingsError: if a direction is not among the scores, or no direction crosses modalities.
    """
    first: dict[str, Score] = {}
    for score in scores:
        first.setdefault(score.direction, score)
    out = []
    for threshold in thresholds:
        if threshold.direction is not None and threshold.direction not in first:
            hint = did_you_mean(threshold.direction, first)
            raise SettingsError(f"unknown direction {threshold.direction!r}{hint}; known are {', '.join(first)}")
        asked = [s for d, s in first.items() if threshold.direction in (d, None)]
        if threshold.direction is None:
            asked = [s for s in asked if s.is_cross_modal]
        if not asked:
            raise SettingsError(
                f"no direction crosses modalities here; name one of {', '.join(first)} before the metric"
            )
        for score in asked:
            value = score.result.values[threshold.metric]
            if not value >= threshold.least:
                out.append(f"{score.direction} {threshold.metric} is {value:.4f}, below {threshold.least:g}")
    return out
