"""Metric names: a full name tells which convention a number follows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import SettingsError, did_you_mean
from crossmodal_hash.metrics import ap, curves, graded, paired
from crossmodal_hash.metrics.counts import Counts

KNOWN = {
    "map@all": "average precision over the whole list, divided by R",
    "map@k": "short for map@k/retrieved",
    "map@k/retrieved": "average precision of the ranks <= k, divided by the hits among them",
    "map@k/min": "the same, divided by min(k, R)",
    "map@k/R": "the same, divided by R",
    "map@k/k": "the same, divided by k",
    "map@k-hits": "mean of j / rank_j over the first min(k, R) relevant items; needs a fixed order of ties",
    "P@k": "hits in the top k, divided by k",
    "R@k": "hits in the top k, divided by R",
    "precision@r<=k": "relevant share of the items within radius k, empty balls count 0; short: radius@k",
    "NDCG@k": "gain 2^g - 1, discount 1 / log2(rank + 1), g shared labels; NDCG@all for the whole list",
    "ACG@k": "mean number of shared labels in the top k",
    "WAP@k": "mean ACG at the ranks of the hits in the top k; needs ties = stable",
    "hit@k": "share of queries with a relevant item in the top k; the R@k of paired retrieval",
    "median-rank": "median over queries of the rank of the first relevant item",
    "pr@radius/micro": "precision and recall for the radii 0..K, pairs of all queries pooled",
    "pr@radius/macro": "the same as a mean over queries; a query that retrieves nothing has precision 0",
    "pr@radius/macro-masked": "the same, but such a query is left out at that radius",
    "pr@rank": "precision and recall at the ranks 1..N, mean over queries",
}
"""Every metric, with k in place of a number."""

PerQuery = Callable[[Counts], NDArray[np.float64]]
Draw = Callable[..., curves.Curve]


@dataclass(frozen=True)
class Metric:
    """One metric, ready to be computed from counts.

    Attributes:
        name: full name.
        values: counts -> value of each query, or None for a curve.
        curve: counts -> curve, or None for a number.
        radius: radius of a lookup.
        by_radius: whether it uses distances, so that the tie rule does not matter.
        graded: whether it needs the number of shared labels.
        has_floor: whether it has an expected value over random orders, the score of codes without information.
        larger_is_better: false for ranks.
        summary: mean or median over queries.
    """

    name: str
    values: PerQuery | None = None
    curve: Draw | None = None
    radius: int | None = None
    by_radius: bool = False
    graded: bool = False
    has_floor: bool = True
    larger_is_better: bool = True
    summary: Callable[[NDArray[np.float64]], np.floating] = np.nanmean


def parse(name: str) -> Metric:
    """The metric of a name; case does not matter, and a short name is expanded.

    Args:
        name: such as `map@all`, `map@50` (= `map@50/retrieved`), `P@100`, `radius@2`; `KNOWN` lists all.

    Returns:
        The metric under its full name.

    Raises:
        SettingsError: if the name is unknown (the message has the nearest names) or its number is out of range.

    Example:
        >>> parse("map@50").name, parse("p@100").name, parse("radius@2").name
        ('map@50/retrieved', 'P@100', 'precision@r<=2')
    """
    asked = name.strip().lower()
    number = re.search(r"\d+", asked)
    pattern = re.sub(r"\d+", "k", asked, count=1).replace("radius@k", "precision@r<=k")
    by_lower = {known.lower(): known for known in KNOWN} | {"ndcg@all": "NDCG@all"}
    if pattern not in by_lower or (number is None) != (pattern in _PLAIN):
        digits = number[0] if number else "50"
        known = [re.sub(r"(?<=@)k\b|(?<==)k\b", digits, each) for each in by_lower.values()]
        # A bare `mAP` means the first of its kind, and not the name that looks most like it.
        first = next((each for each in known if each.lower().startswith(f"{asked}@")), None)
        hint = f" (did you mean {first!r}?)" if first else did_you_mean(asked, known)
        raise SettingsError(f"unknown metric {name!r}{hint}; known are {', '.join(KNOWN)}")
    if number is None:
        return _PLAIN[pattern]
    k = int(number[0])
    if pattern == "precision@r<=k":
        return Metric(
            f"precision@r<={k}", partial(curves.precision_within, radius=k), radius=k, by_radius=True, has_floor=False
        )
    if k == 0:
        raise SettingsError(f"metric {name!r} has the cut-off 0; use at least 1")
    return _at(by_lower[pattern], k)


def describe(name: str) -> str:
    """The description of a metric in `KNOWN`.

    Raises:
        SettingsError: if the name is unknown.

    Example:
        >>> describe("map@50")
        'average precision of the ranks <= k, divided by the hits among them; k = 50'
    """
    full = parse(name).name
    number = re.search(r"\d+", full)
    if number is None:
        return KNOWN[full.replace("@all", "@k") if full == "NDCG@all" else full]
    return f"{KNOWN[full.replace(number[0], 'k', 1)]}; k = {number[0]}"


def _at(known: str, k: int) -> Metric:
    head, _, tail = known.partition("@k")
    name = f"{head}@{k}{tail}"
    if tail == "-hits":
        return Metric(name, partial(ap.average_precision_of_hits, k=k), has_floor=False)
    if head == "map":
        divisor = cast(ap.Divisor, tail.removeprefix("/") or "retrieved")
        return Metric(f"map@{k}/{divisor}", partial(ap.average_precision, k=k, divisor=divisor))
    graded = head in ("NDCG", "ACG", "WAP")
    return Metric(name, partial(_CUT[head], k=k), graded=graded, has_floor=head != "WAP")


_CUT: dict[str, Callable[..., NDArray[np.float64]]] = {
    "P": curves.precision_at,
    "R": curves.recall_at,
    "NDCG": graded.ndcg,
    "ACG": graded.acg,
    "WAP": graded.wap,
    "hit": paired.hit_at,
}
_PLAIN: dict[str, Metric] = {
    "map@all": Metric("map@all", ap.average_precision),
    "ndcg@all": Metric("NDCG@all", graded.ndcg, graded=True),
    "median-rank": Metric("median-rank", paired.first_rank, larger_is_better=False, summary=np.nanmedian),
    "pr@radius/micro": Metric("pr@radius/micro", curve=curves.pr_by_radius, by_radius=True),
    "pr@radius/macro": Metric("pr@radius/macro", curve=partial(curves.pr_by_radius, average="macro"), by_radius=True),
    "pr@radius/macro-masked": Metric(
        "pr@radius/macro-masked", curve=partial(curves.pr_by_radius, average="macro-masked"), by_radius=True
    ),
    "pr@rank": Metric("pr@rank", curve=curves.pr_by_rank),
}
