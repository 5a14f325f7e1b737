"""Several records side by side, with paired intervals of their difference to the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from crossmodal_hash.errors import DataError
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import Interval, paired_interval
from crossmodal_hash.report.result import Line, Record
from crossmodal_hash.report.tables import Table


@dataclass(frozen=True)
class Comparison:
    """One metric in one direction against one database, in every record.

    Attributes:
        lines: one per record.
        differences: to the first record, one per record from the second on; None for a metric that is not a mean.
    """

    lines: Sequence[Line]
    differences: Sequence[Interval | None]


def compare(records: Sequence[Record], level: float = 0.95) -> list[Comparison]:
    """All scores that all records have, in the order of the first.

    Queries are paired by id, so that the interval is that of the difference, which is much narrower than two separate
    intervals, because queries that are hard for one system are hard for the other.

    Args:
        records: two or more, with different names.
        level: level of the intervals.

    Raises:
        DataError: if there are fewer than two records, they share no score, or have different queries.
    """
    if len(records) < 2:
        raise DataError(f"a comparison needs at least 2 runs, not {len(records)}; name another one")
    tables = [{(x.direction, x.database, x.metric): x for x in record.lines(level)} for record in records]
    shared = [key for key in tables[0] if all(key in table for table in tables[1:])]
    if not shared:
        names = " and ".join(record.name for record in records)
        raise DataError(f"{names} have no score in common; score them in the same directions with the same metrics")
    return list(_compared(records, tables, shared, level))


def _compared(
    records: Sequence[Record],
    tables: Sequence[dict[tuple[str, str, str], Line]],
    shared: Sequence[tuple[str, str, str]],
    level: float,
) -> Iterator[Comparison]:
    for direction, database, metric in shared:
        first, *others = (record.score(direction, database) for record in records)
        lines = [table[direction, database, metric] for table in tables]
        differences = []
        for record, other, line in zip(records[1:], others, lines[1:], strict=True):
            assert first is not None
            assert other is not None
            _check_alike(records[0].name, lines[0], record.name, line)
            differences.append(_difference(records[0].name, first, record.name, other, metric, level))
        yield Comparison(lines, differences)


def _difference(a: str, first: Score, b: str, other: Score, metric: str, level: float) -> Interval | None:
    order, at = np.argsort(first.result.query_ids), np.argsort(other.result.query_ids)
    if not np.array_equal(first.result.query_ids[order], other.result.query_ids[at]):
        raise DataError(
            f"{b} has other queries than {a} in {first.direction}, so they cannot be paired; compare runs of one "
            "data set and split"
        )
    if other.interval(metric, level) is None or first.interval(metric, level) is None:
        return None
    return paired_interval(other.result.per_query[metric][at], first.result.per_query[metric][order], level=level)


def _check_alike(a: str, first: Line, b: str, other: Line) -> None:
    for what in ("items", "ties", "empty", "ranked_by"):
        if getattr(first, what) != getattr(other, what):
            raise DataError(
                f"{a} has {what.replace('_', ' ')} {getattr(first, what)} in {first.direction} {first.database} and "
                f"{b} has {getattr(other, what)}; scores of different databases or rules are not comparable"
            )


def wide_table(records: Sequence[Record], comparisons: Sequence[Comparison], level: float) -> Table:
    """One line per metric, one column per record: for reading, and for a paper."""
    names = [record.name for record in records]
    columns = ("direction", "database", "metric", *names, *(f"{name} - {names[0]}" for name in names[1:]))
    rows = [
        (
            found.lines[0].direction,
            found.lines[0].database,
            found.lines[0].metric,
            *(line.value for line in found.lines),
            *(_say(difference) for difference in found.differences),
        )
        for found in comparisons
    ]
    note = f"Differences with their paired {level:.0%} bootstrap interval over the queries; * if 0 is outside."
    return Table(columns, rows, (note,))


def long_table(records: Sequence[Record], comparisons: Sequence[Comparison]) -> Table:
    """One line per metric and record, each number in its own column: for other programs."""
    apart = ("difference", "difference_low", "difference_high")
    columns = ("direction", "database", "metric", "run", "value", "low", "high", "random", *apart)
    rows = []
    for found in comparisons:
        for record, line, difference in zip(records, found.lines, (None, *found.differences), strict=True):
            to_first = (None, None, None) if difference is None else (difference.mean, difference.low, difference.high)
            own = (line.value, line.low, line.high, line.random)
            rows.append((line.direction, line.database, line.metric, record.name, *own, *to_first))
    return Table(columns, rows)


def _say(difference: Interval | None) -> str:
    if difference is None:
        return ""
    mark = "*" if difference.low > 0 or difference.high < 0 else ""
    # Adding 0 turns a rounded -0.0 into 0.0.
    mean, low, high = (round(value, 4) + 0.0 for value in (difference.mean, difference.low, difference.high))
    return f"{mean:+.4f}{mark} [{low:+.4f}, {high:+.4f}]"
