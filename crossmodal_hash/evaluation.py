"""Codes of several modalities in, scores of every direction out, against the papers' database and the honest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import CodesError
from crossmodal_hash.metrics import Empty, Result, Ties, evaluate


@dataclass(frozen=True)
class Score:
    """One direction against one database.

    Attributes:
        direction: `image->text`: pictures are the queries, texts are searched.
        database: `all` is everything that is not a query, training items included, as the papers have it; `unseen` is
            what was neither trained on nor validated with.
        result: values and all that must be said with them.
    """

    direction: str
    database: str
    result: Result


def score(
    codes: Mapping[str, Codes],
    metrics: Sequence[str] = ("map@all",),
    *,
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> list[Score]:
    """Every direction, across modalities first.

    Codes that know their parts are queried with the part `query` against `database`; other codes are queried with
    every item against all of them, each item left out of its own ranking.

    Args:
        codes: modality -> codes of the same items in the same order.
        metrics: names as `metrics.parse` takes them.
        ties: order among items at one distance.
        empty: what a query without a relevant item counts for.

    Raises:
        CodesError: if the items differ, or labels are missing.
    """
    first, *others = codes.values()
    for other in others:
        if len(other) != len(first) or (other.ids != first.ids).any():
            raise CodesError(
                f"the {first.modality} codes are of {len(first)} items and the {other.modality} codes of {len(other)}, "
                "or their ids differ; encode both from the same data"
            )
    out = []
    for a, b in sorted(product(codes, repeat=2), key=lambda pair: pair[0] == pair[1]):
        for database, queries, searched in _sides(codes[a], codes[b]):
            result = evaluate(queries, searched, metrics, ties=ties, empty=empty, leave_out_self=True)
            out.append(Score(f"{a}->{b}", database, result))
    return out


def _sides(queries: Codes, database: Codes) -> list[tuple[str, Codes, Codes]]:
    if "query" not in queries.parts:
        return [("all", queries, database)]
    asked = queries.select("query")
    unseen = database.parts["database"] & ~database.parts["train"] & ~database.parts["validation"]
    sides = [("all", asked, database.select("database"))]
    if unseen.any():
        sides.append(("unseen", asked, database.select(unseen)))
    return sides
