"""From two sets of codes to named numbers, with everything that is needed to compare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, get_args

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import CodesError, SettingsError, did_you_mean
from crossmodal_hash.metrics.ap import average_precision
from crossmodal_hash.metrics.counts import Counts, count
from crossmodal_hash.metrics.curves import Curve, empty_balls
from crossmodal_hash.metrics.empty import Empty, settle_empty
from crossmodal_hash.metrics.names import Metric, parse
from crossmodal_hash.metrics.real_valued import by_inner_product
from crossmodal_hash.metrics.relevance import Relevance, from_codes, judged, same_id
from crossmodal_hash.metrics.ties import Ties, in_order, split

RelevantBy = Literal["labels", "pairs"] | Mapping[str, Mapping[str, int]]


class Rules(TypedDict, total=False):
    """Rules of ranking and counting: the arguments of `evaluate` that do not depend on the codes."""

    ties: Ties
    empty: Empty
    relevant: RelevantBy
    threads: int | None
    device: str


@dataclass(frozen=True, eq=False)
class Result:
    """The result of `evaluate`.

    Attributes:
        values: full metric name -> number, in the requested order.
        per_query: full metric name -> (Q,), the value of each query; NaN marks a query that is left out.
        curves: full curve name -> curve.
        queries: Q.
        database: N.
        bits: K.
        relevant_pairs: sum of R over the queries.
        empty_queries: queries with R = 0.
        empty_balls: `precision@r<=...` -> queries that find nothing within the radius.
        left_out: pairs of an item and itself that were not counted.
        random_floor: expected map@all of codes without information (a random order), under the same empty rule.
        floors: the same for each requested metric that has an expected value over random orders.
        query_ids: (Q,), in the order of `per_query`.
        ranked_by: `hamming`, or `inner-product` of real codes.
        ties: tie rule.
        empty: rule for queries with R = 0.
    """

    values: dict[str, float]
    per_query: dict[str, NDArray[np.float64]]
    curves: dict[str, Curve]
    queries: int
    database: int
    bits: int
    relevant_pairs: int
    empty_queries: int
    empty_balls: dict[str, int]
    left_out: int
    random_floor: float
    floors: dict[str, float]
    query_ids: NDArray[np.str_]
    ranked_by: Literal["hamming", "inner-product"]
    ties: Ties
    empty: Empty


def evaluate(
    queries: Codes,
    database: Codes,
    metrics: Sequence[str] = ("map@all",),
    *,
    ties: Ties = "expected",
    empty: Empty = "zero",
    relevant: RelevantBy = "labels",
    leave_out_self: bool | None = None,
    real: tuple[NDArray[Any], NDArray[Any]] | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Result:
    """Rank the database for every query by Hamming distance, and score the rankings.

    Args:
        queries: codes of the queries, Q >= 1.
        database: codes of the database, N >= 1, the same K.
        metrics: names that `crossmodal_hash.metrics.parse` accepts; numbers and curves.
        ties: order among items at the same distance: mean over all orders (`expected`), database order (`stable`,
            slower), relevant items first or last (`optimistic`, `pessimistic`).
        empty: how a query without any relevant item counts: `zero`, `skip`, `one` or `error`.
        relevant: by shared `labels`, by equal ids (`pairs`), or judgments, query id -> item id -> grade.
        leave_out_self: leave the item with the query's own id out of its ranking; None does so within one modality,
            unless relevance is by equal ids.
        real: codes before the sign of queries and database, (Q, K) and (N, K), to rank by their inner product instead;
            a radius is then not defined.
        threads: passed to `count`.
        device: passed to `count`; the order of the tie rule `stable`, and of real codes, is found on the CPU.

    Returns:
        Values by their full names, with the facts that a report must print with them.

    Raises:
        CodesError: if the codes do not fit together or a side is empty.
        SettingsError: if a metric, tie or empty rule is unknown, or a metric does not support the tie rule or real
            codes.
        DataError: if labels are missing, or a query has no relevant item and the rule is `error`.

    Example:
        >>> labels = np.array([[1], [0], [1]])
        >>> codes = Codes(np.array([[0], [1], [3]], dtype=np.uint8), 2, ["a", "b", "c"], "image", labels)
        >>> evaluate(codes.select([0]), codes, ["map@all", "p@1"]).values
        {'map@all': 0.5, 'P@1': 0.0}
    """
    _check(queries, database, ties, empty)
    wanted = {metric.name: metric for metric in map(parse, metrics)}
    relevance = _relevance(queries, database, relevant)
    if leave_out_self is None:
        leave_out_self = queries.modality == database.modality and relevant != "pairs"
    left_out = same_id(queries.ids, database.ids) if leave_out_self else None
    gains = ties in ("expected", "stable") and any(metric.graded for metric in wanted.values())
    how: dict[str, Any] = {"gains": gains, "leave_out": left_out, "threads": threads, "device": device}
    counts = count(queries.packed, database.packed, queries.bits, relevance, **how)
    total = counts.total_relevant
    no_order = _without_information(counts)
    floors = {
        name: m.values(no_order) for name, m in wanted.items() if m.values and m.has_floor and (gains or not m.graded)
    }

    kept = total > 0 if empty == "skip" else np.full(len(total), True)
    by_radius = [metric for metric in wanted.values() if metric.by_radius]
    by_rank = [metric for metric in wanted.values() if not metric.by_radius]
    if real is not None and by_radius:
        raise SettingsError(f"{by_radius[0].name} counts bits, which real codes do not have; leave it out")
    rankings: Iterable[Counts] = [counts]
    if real is not None:
        rankings = by_inner_product(*real, relevance, leave_out=left_out, stable=ties == "stable")
    elif ties == "stable":
        rankings = in_order(queries.packed, database.packed, queries.bits, relevance, gains=gains, leave_out=left_out)
    if ties in ("optimistic", "pessimistic"):
        rankings = (split(ranking, ties) for ranking in rankings)
    values, curves = _score(by_radius, [counts], kept)
    if by_rank:
        ranked = _score(by_rank, rankings, kept, length=int(counts.total_items.max()))
        values, curves = values | ranked[0], curves | ranked[1]
    values = {name: settle_empty(of_query, total, empty) for name, of_query in values.items()}
    return Result(
        values={name: float(m.summary(values[name])) for name, m in wanted.items() if name in values},
        per_query={name: values[name] for name in wanted if name in values},
        curves={name: curves[name] for name in wanted if name in curves},
        queries=len(queries),
        database=len(database),
        bits=queries.bits,
        relevant_pairs=int(total.sum()),
        empty_queries=int((total == 0).sum()),
        empty_balls={m.name: empty_balls(counts, m.radius) for m in by_radius if m.radius is not None},
        left_out=0 if left_out is None else len(left_out),
        random_floor=float(np.nanmean(settle_empty(average_precision(no_order), total, empty))),
        floors={name: float(wanted[name].summary(settle_empty(f, total, empty))) for name, f in floors.items()},
        query_ids=queries.ids,
        ranked_by="hamming" if real is None else "inner-product",
        ties=ties,
        empty=empty,
    )


def _without_information(counts: Counts) -> Counts:
    """All items of a query as one group of ties, for the mean over every order."""
    tables = {f.name: getattr(counts, f.name) for f in fields(counts)}
    sums = {n: t if n == "grades" or t is None else t.sum(axis=1, keepdims=True) for n, t in tables.items()}
    return Counts(**sums)


def _score(
    metrics: list[Metric], rankings: Iterable[Counts], kept: NDArray[np.bool_], **of_curve: int
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Curve]]:
    """Values per query, and curves over the kept queries, from rankings in blocks of queries."""
    values: dict[str, list[NDArray[np.float64]]] = {m.name: [] for m in metrics if m.values}
    curves: dict[str, Curve] = {}
    start, weight = 0, 0
    for block in rankings:
        inside = block.select(kept[start : start + len(block)])
        for metric in metrics:
            if metric.values:
                values[metric.name].append(metric.values(block))
            if metric.curve and len(inside):
                curve = metric.curve(inside, **of_curve)
                curves[metric.name] = _merge(curves.get(metric.name), weight, curve, len(inside))
        start, weight = start + len(block), weight + len(inside)
    return {name: np.concatenate(parts) for name, parts in values.items()}, curves


def _merge(so_far: Curve | None, weight: int, new: Curve, more: int) -> Curve:
    """Mean of two mean curves over `weight` and `more` queries."""
    if so_far is None:
        return new
    share = more / (weight + more)
    return Curve(
        at=new.at,
        precision=so_far.precision + share * (new.precision - so_far.precision),
        recall=so_far.recall + share * (new.recall - so_far.recall),
    )


def _relevance(queries: Codes, database: Codes, relevant: RelevantBy) -> Relevance:
    if isinstance(relevant, Mapping):
        return judged(relevant, queries.ids, database.ids)
    if relevant == "pairs":
        return same_id(queries.ids, database.ids)
    if relevant == "labels":
        return from_codes(queries, database)
    raise SettingsError(f"relevance must be 'labels', 'pairs' or a mapping of judgments, not {relevant!r}")


def _check(queries: Codes, database: Codes, ties: str, empty: str) -> None:
    for what, value, known in (("tie rule", ties, get_args(Ties)), ("empty rule", empty, get_args(Empty))):
        if value not in known:
            raise SettingsError(f"unknown {what} {value!r}{did_you_mean(value, known)}; known are {', '.join(known)}")
    if queries.bits != database.bits:
        raise CodesError(f"queries have {queries.bits} bits and the database {database.bits}; use one model for both")
    if queries.fingerprint and database.fingerprint and queries.fingerprint != database.fingerprint:
        raise CodesError(
            f"the codes come from two models ({queries.fingerprint} for {queries.modality}, {database.fingerprint} for "
            f"{database.modality}), so their distances are meaningless; encode both with one"
        )
