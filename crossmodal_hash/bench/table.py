"""Scores of finished cells as tables: the papers' layout, differences to one method, and one row per score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from crossmodal_hash.bench.done import Done
from crossmodal_hash.bench.published import data_set, notes, printed
from crossmodal_hash.errors import RunError
from crossmodal_hash.metrics import parse
from crossmodal_hash.report.conventions import DATABASES, TIES
from crossmodal_hash.report.tables import Strong, Table


@dataclass(frozen=True)
class Spread:
    """Scores of several seeds.

    Attributes:
        mean: over the seeds.
        spread: sample standard deviation; None for one seed.
        seeds: number of seeds.
    """

    mean: float
    spread: float | None
    seeds: int

    def text(self, form: str = ".4f") -> str:
        """`0.8190 ± 0.0051`."""
        return f"{self.mean:{form}}" + ("" if self.spread is None else f" ± {self.spread:.4f}")


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of at least one value.

    Example:
        >>> spread([0.5, 0.7]).text()
        '0.6000 ± 0.1414'
        >>> spread([0.5]).text()
        '0.5000'
    """
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, len(values))


class Scores:
    """The finished cells of one data set, by method, bits and seed.

    Args:
        done: at least one cell; all of one data set.
        metric: the tabulated metric, by its full or short name.
        database: `all` or `unseen`.

    Raises:
        RunError: if no cell has the metric against the database.
    """

    def __init__(self, done: Sequence[Done], metric: str, database: str) -> None:
        asked = parse(metric)
        self.metric = metric = asked.name
        self.better = max if asked.larger_is_better else min
        self.database = database
        self.done = [d for d in done if any(metric in s.result.values for s in d.record.scores)]
        if not self.done:
            known = dict.fromkeys(name for d in done for s in d.record.scores for name in s.result.values)
            raise RunError(
                f"no cell has scores of {metric}, only of {', '.join(known)}; run the bench with another metric to "
                "compute it for the same codes"
            )
        self.by_key = {(d.cell.method.name, d.cell.bits, d.cell.seed): d for d in self.done}
        self.methods = list(dict.fromkeys(d.cell.method.name for d in self.done))
        self.bits = sorted({d.cell.bits for d in self.done})
        self.seeds = sorted({d.cell.seed for d in self.done})
        scores = [s for d in self.done for s in d.record.scores if s.is_cross_modal and s.database == database]
        if not scores:
            raise RunError(f"no cell is scored against database {database!r}; known are all and unseen")
        self.directions = list(dict.fromkeys(s.direction for s in scores))
        self.ties = scores[0].result.ties
        self.columns = [(direction, bits) for direction in self.directions for bits in self.bits]

    def of(self, method: str, direction: str, bits: int) -> dict[int, float]:
        """Seed -> value."""
        found = {seed: self.by_key.get((method, bits, seed)) for seed in self.seeds}
        values = {s: d.value(direction, self.database, self.metric) for s, d in found.items() if d is not None}
        return {seed: value for seed, value in values.items() if value is not None}

    def floor(self, direction: str, bits: int) -> list[float]:
        """Scores of a random order, one per seed."""
        found = {d.cell.seed: d.random(direction, self.database, self.metric) for d in self.done if d.cell.bits == bits}
        return [value for value in found.values() if value is not None]

    def cells(self, method: str) -> list[Done]:
        """All cells of a method."""
        return [d for d in self.done if d.cell.method.name == method]


def score_table(scores: Scores, *, show: Sequence[str] = (), with_published: bool = False) -> Table:
    """The papers' table: one row per method, one column per direction and code length, the best of each column bold.

    Args:
        scores: scores of one data set and database.
        show: facts of the runs in separate columns, such as `fusion` and `similarity`.
        with_published: whether printed figures follow each method.
    """
    summary = {
        (method, column): spread(list(values.values()))
        for method in scores.methods
        for column in scores.columns
        if (values := scores.of(method, *column))
    }
    means = {column: [s.mean for (_, c), s in summary.items() if c == column] for column in scores.columns}
    # Equal as shown is equally good.
    best = {column: f"{scores.better(found):.4f}" for column, found in means.items() if found}
    data = data_set(scores.done[0].cell.data.name) if with_published else ""
    rows: list[tuple[Any, ...]] = []
    for method in scores.methods:
        cells = scores.cells(method)
        facts = [cells[0].record.facts.get(name, "") for name in show]
        texts = []
        for column in scores.columns:
            own = summary.get((method, column))
            text = "" if own is None else own.text() + _of_seeds(own.seeds, len(scores.seeds))
            texts.append(Strong(text) if own and f"{own.mean:.4f}" == best[column] else text)
        peak = _peak(cells)
        cost = (f"{mean(d.seconds for d in cells):.0f}", "" if peak is None else f"{peak:.1f}")
        rows.append((method, *facts, *texts, *cost))
        for row in printed(method, data) if with_published else ():
            figures = [row.values.get(direction, {}).get(bits) for direction, bits in scores.columns]
            if any(figure is not None for figure in figures):
                said = ["" if figure is None else f"{figure:.4f}" for figure in figures]
                rows.append((f"{method}, as printed {row.papers}", *("" for _ in show), *said, "", ""))
    floors = [spread(found).text() if (found := scores.floor(*column)) else "" for column in scores.columns]
    rows.append(("random order", *("" for _ in show), *floors, "", ""))
    columns = ["method", *show, *(f"{direction}, {bits}" for direction, bits in scores.columns), "seconds", "GB"]
    said = [*_conventions(scores), *(notes() if with_published else ())]
    return Table(columns, rows, said, strong="the best of each column")


def difference_table(scores: Scores, against: str) -> Table:
    """Mean difference of each method to one of them, seed by seed, because a seed gives both the same split.

    Raises:
        RunError: if that method has no finished cell.
    """
    if against not in scores.methods:
        raise RunError(f"no finished cell of {against!r} to compare with; known are {', '.join(scores.methods)}")
    rows = []
    for method in scores.methods:
        values = []
        for direction, bits in scores.columns:
            own, other = scores.of(method, direction, bits), scores.of(against, direction, bits)
            both = [own[seed] - other[seed] for seed in own if seed in other]
            values.append(spread(both).text("+.4f") if both else "")
        if method != against:
            rows.append((method, *values))
    columns = [f"minus {against}", *(f"{direction}, {bits}" for direction, bits in scores.columns)]
    text = f"differences to {against}, mean ± sample standard deviation over seeds of the differences seed by seed"
    return Table(columns, rows, [text])


def long_table(done: Sequence[Done], *, with_published: bool = False) -> Table:
    """One row per method, code length, direction, database and metric, also within modalities."""
    found: dict[tuple[Any, ...], list[tuple[Done, float, float | None]]] = {}
    for each in done:
        cell = each.cell
        for score in each.record.scores:
            for metric, value in score.result.values.items():
                key = (cell.data.name, cell.method.name, cell.bits, score.direction, score.database, metric)
                found.setdefault(key, []).append((each, value, score.result.floors.get(metric)))
    rows = []
    for key, values in found.items():
        summary = spread([value for _, value, _ in values])
        floors = [floor for _, _, floor in values if floor is not None]
        row = {
            **dict(zip(("data", "method", "bits", "direction", "database", "metric"), key, strict=True)),
            "mean": summary.mean,
            "spread": summary.spread,
            "seeds": " ".join(str(d.cell.seed) for d, _, _ in values),
            "random": mean(floors) if floors else None,
            "seconds": mean(d.seconds for d, _, _ in values),
            "peak_gb": _peak([d for d, _, _ in values]),
        }
        if with_published:
            row |= _beside(row)
        rows.append(row)
    return Table(list(rows[0]) if rows else ["data"], [tuple(row.values()) for row in rows])


def _peak(cells: Sequence[Done]) -> float | None:
    """The most gigabytes that any of the cells needed; none where the system told of none."""
    return max((cell.peak_gb for cell in cells if cell.peak_gb is not None), default=None)


def _beside(row: dict[str, Any]) -> dict[str, Any]:
    """What the papers print for a row of the long table."""
    if (row["database"], row["metric"]) == ("all", "map@all"):
        for found in printed(row["method"], data_set(row["data"])):
            figure = found.values.get(row["direction"], {}).get(row["bits"])
            if figure is not None:
                return {"printed": figure, "source": ", ".join(found.sources)}
    return {"printed": None, "source": None}


def tables(
    done: Sequence[Done],
    *,
    metric: str,
    databases: Sequence[str] = ("all", "unseen"),
    show: Sequence[str] = (),
    against: str | None = None,
    with_published: bool = False,
) -> dict[str, Table]:
    """All tables by title: for each data set and database the scores, and the differences if requested."""
    out = {}
    by_data: dict[str, list[Done]] = {}
    for each in done:
        by_data.setdefault(each.cell.data.name, []).append(each)
    for data, own in by_data.items():
        there = {score.database for each in own for score in each.record.scores}
        for database in databases:
            if database not in there and there & set(databases):
                continue  # a split may leave no unseen item
            scores = Scores(own, metric, database)
            title = f"{data}: {scores.metric}, database {database}"
            with_printed = with_published and database == "all" and scores.metric == "map@all"
            out[title] = score_table(scores, show=show, with_published=with_printed)
            if against is not None:
                out[f"{title}, minus {against}"] = difference_table(scores, against)
    return out


def _of_seeds(found: int, wanted: int) -> str:
    return "" if found == wanted else f" ({found} of {wanted} seeds)"


def _conventions(scores: Scores) -> list[str]:
    seeds = ", ".join(map(str, scores.seeds))
    several = f"mean ± sample standard deviation over seeds {seeds}, each with its own split unless one is given"
    over = several if len(scores.seeds) > 1 else f"seed {seeds} only"
    return [
        f"{scores.metric}, {over}",
        f"ties {scores.ties}: {TIES[scores.ties]}",
        f"database {scores.database}: {DATABASES.get(scores.database, scores.database)}",
        "seconds: of the training steps, mean over code lengths and seeds; GB: largest memory of any cell's process",
    ]
