"""How much a mean over queries varies with the queries: percentile bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import DataError, SettingsError, ShapeError

ROUNDING = 1e-9
"""Differences of a query's score below this count as 0."""


@dataclass(frozen=True)
class Interval:
    """A mean and its interval.

    Attributes:
        mean: mean over the actual queries.
        low: lower end.
        high: upper end.
        level: share of the resamples inside.
    """

    mean: float
    low: float
    high: float
    level: float


def mean_interval(
    values: NDArray[np.float64], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of the mean over queries (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: per query, (Q,); NaN marks a query that is left out.
        level: in (0, 1).
        resamples: number of resamples, >= 1.
        seed: makes the interval reproducible.

    Returns:
        The interval; its ends are equal when all values are.

    Raises:
        DataError: if no value is left.
        SettingsError: if the level is outside (0, 1) or resamples < 1.

    Example:
        >>> mean_interval(np.array([0.2, 0.2, 0.2])).low.__round__(6)
        0.2
    """
    if not 0 < level < 1 or resamples < 1:
        raise SettingsError(f"an interval needs a level in (0, 1) and at least 1 resample, not {level}, {resamples}")
    values = values[~np.isnan(values)]
    if len(values) == 0:
        raise DataError("there is no query left to resample")
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, mean, mean, level)
    # Importing it takes as long as the rest of the package, and not everybody wants intervals.
    from scipy import stats

    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, 2_000_000 // len(values)),
        confidence_level=level,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), level)


def paired_interval(
    a: NDArray[np.float64], b: NDArray[np.float64], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Bootstrap interval of mean(a - b) over the same queries; an interval without 0 means that two systems differ.

    Args:
        a: per query, (Q,); a query with NaN in either array is left out.
        b: the same queries with another system, (Q,).
        level: in (0, 1).
        resamples: number of resamples, >= 1.
        seed: makes the interval reproducible.

    Returns:
        Interval of the difference.

    Raises:
        ShapeError: if a and b differ in length.
        DataError: if no query is left.
        SettingsError: if the level is outside (0, 1) or resamples < 1.
    """
    if a.shape != b.shape:
        raise ShapeError(f"paired values must belong to the same queries, but have shapes {a.shape} and {b.shape}")
    apart = a - b
    # The same ranking is summed in another order: without this, an interval leaves out 0 by the last digit of a float.
    apart[np.abs(apart) < ROUNDING] = 0
    return mean_interval(apart, level=level, resamples=resamples, seed=seed)
