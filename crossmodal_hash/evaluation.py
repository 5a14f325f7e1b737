"""Codes of several modalities in, scores of every direction out, with and without training items in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import CodesError, DataError
from crossmodal_hash.metrics import Interval, Result, Rules, evaluate, mean_interval, parse


@dataclass(frozen=True)
class Score:
    """One direction against one database.

    Attributes:
        direction: `image->text`: pictures are the queries, texts are searched.
        database: what is searched. By labels: `all` is everything that is not a query, training items included, as in
            the papers; `unseen` is what was neither trained on nor validated with; `known-labels` is `all` where codes
            of some items were made from their labels, a different measurement. By pairs: `query` is the queries'
            partners alone; `untrained` is every item that was neither trained on nor validated with, partners included;
            `whole` is every item.
        result: values, and everything that must be reported with them.
    """

    direction: str
    database: str
    result: Result

    @property
    def is_cross_modal(self) -> bool:
        """Whether queries and database are of different modalities."""
        asked, _, searched = self.direction.partition("->")
        return asked != searched

    @property
    def is_paired(self) -> bool:
        """Whether relevant items are the query's own partners, not items that share a label."""
        return self.database in ("query", "untrained", "whole")

    @property
    def is_whole(self) -> bool:
        """Whether everything was searched, as in the papers."""
        return self.database in ("all", "known-labels")

    def interval(self, metric: str, level: float) -> Interval | None:
        """Bootstrap interval over the queries; None for a metric that is not a mean, or if no query counts."""
        values = self.result.per_query[metric]
        if parse(metric).summary is not np.nanmean or np.isnan(values).all():
            return None
        return mean_interval(values, level=level)


def score(
    codes: Mapping[str, Codes],
    metrics: Sequence[str] = ("map@all",),
    *,
    real: Mapping[str, NDArray[Any]] | None = None,
    **rules: Unpack[Rules],
) -> list[Score]:
    """Every direction, across modalities first.

    Codes that have parts are queried with the part `query` against `database`; in other codes, every item is a query
    against all items, and is left out of its own ranking. Relevance by pairs applies only to directions across
    modalities; there, the partners of the queries are among the items searched.

    Args:
        codes: modality -> codes of the same items in the same order.
        metrics: names that `metrics.parse` accepts.
        real: modality -> codes before the sign, (N, K), to rank by their inner product instead.
        rules: ties, empty queries, relevance and device, as for `metrics.evaluate`.

    Raises:
        CodesError: if the items differ.
        DataError: if labels are missing, or the ids of judgments or pairs do not match.
    """
    relevant = rules.get("relevant", "labels")
    first, *others = codes.values()
    for other in others:
        if len(other) != len(first) or (other.ids != first.ids).any():
            raise CodesError(
                f"the {first.modality} codes have {len(first)} items and the {other.modality} codes {len(other)}, "
                "or their ids differ; encode both from the same data, or give --queries and --database"
            )
    if relevant == "pairs" and not others:
        raise CodesError(f"there are only {first.modality} codes; relevance by pairs needs two modalities")
    out = []
    for a, b in sorted(product(codes, repeat=2), key=lambda pair: pair[0] == pair[1]):
        if relevant == "pairs" and a == b:
            continue
        for database, asked, searched in _sides(codes[a], codes[b], by_pairs=relevant == "pairs"):
            result = evaluate(
                codes[a].select(asked),
                codes[b].select(searched),
                metrics,
                leave_out_self=relevant == "labels" or a == b,
                real=None if real is None else (real[a][asked], real[b][searched]),
                **rules,
            )
            out.append(Score(f"{a}->{b}", database, result))
    if relevant != "labels" and not any(score.result.relevant_pairs for score in out):
        raise _nothing_matches(first, first)
    return out


PAIRED = ("hit@10",)
"""What is shown of paired retrieval where nobody asks for a metric."""


def score_both(
    codes: Mapping[str, Codes],
    metrics: Sequence[str] = ("map@all",),
    paired: Sequence[str] = PAIRED,
    *,
    real: Mapping[str, NDArray[Any]] | None = None,
    **rules: Unpack[Rules],
) -> list[Score]:
    """Scores by shared labels, if the codes have labels, and by belonging together, across modalities.

    The two answer different questions: whether what is found is of the same kind, and whether it is the very item.

    Args:
        codes: modality -> codes of the same items in the same order.
        metrics: names for scores by labels.
        paired: names for scores by pairs.
        real: as for `score`.
        rules: as for `score`.

    Raises:
        DataError: if there is neither: one modality without labels.
    """
    scores = []
    if are_labeled(codes) or len(codes) < 2:
        scores += score(codes, metrics, real=real, **rules)
    if len(codes) > 1:
        pairs: Rules = {**rules, "relevant": "pairs"}
        by_pairs = score(codes, paired, real=real, **pairs)
        some = [found for found in by_pairs if found.database != "whole"]
        scores += some or by_pairs
    return scores


def are_labeled(codes: Mapping[str, Codes]) -> bool:
    """Whether items of every modality have labels, at least one."""
    return all(c.labels is not None and c.labels.any() for c in codes.values())


def score_pair(queries: Codes, database: Codes, metrics: Sequence[str] = ("map@all",), **rules: Unpack[Rules]) -> Score:
    """One set of queries against one database, from any source; an item is not left out of its own ranking.

    Args:
        queries: codes of the queries.
        database: codes of the database.
        metrics: names that `metrics.parse` accepts.
        rules: as for `score`.

    Raises:
        CodesError: if the codes do not fit together.
        DataError: if the ids of judgments or pairs do not match.
    """
    result = evaluate(queries, database, metrics, leave_out_self=False, **rules)
    if rules.get("relevant", "labels") != "labels" and not result.relevant_pairs:
        raise _nothing_matches(queries, database)
    return Score(f"{queries.modality}->{database.modality}", _whole(database), result)


def _nothing_matches(queries: Codes, database: Codes) -> DataError:
    return DataError(
        f"no query has a relevant item, because the ids do not match: query ids are {_first(queries)}, database ids "
        f"are {_first(database)}; use the ids of the codes files, or row numbers for plain matrices"
    )


def _first(codes: Codes) -> str:
    return ", ".join(repr(name) for name in codes.ids[:2].tolist()) + (", ..." if len(codes) > 2 else "")


Rows = NDArray[np.int64]


def _whole(database: Codes) -> str:
    """Name of the papers' database: a different one if codes were made from labels, so that rows are not mixed up."""
    known = database.parts.get("known_labels")
    return "all" if known is None or not known.any() else "known-labels"


def _sides(queries: Codes, database: Codes, *, by_pairs: bool) -> list[tuple[str, Rows, Rows]]:
    """Databases by name, each with the rows of the queries and the rows that are searched."""
    every = np.arange(len(queries))
    if "query" not in queries.parts:
        return [("whole" if by_pairs else _whole(database), every, every)]
    asked = np.flatnonzero(queries.parts["query"])
    trained = database.parts["train"] | database.parts["validation"]
    if by_pairs:
        sides = [("query", asked, asked), ("untrained", asked, np.flatnonzero(~trained)), ("whole", asked, every)]
        return [side for i, side in enumerate(sides) if not i or len(side[2]) > len(sides[i - 1][2])]
    unseen = database.parts["database"] & ~trained
    sides = [(_whole(database), asked, np.flatnonzero(database.parts["database"]))]
    if unseen.any():
        sides.append(("unseen", asked, np.flatnonzero(unseen)))
    return sides
