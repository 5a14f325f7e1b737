"""Codes of several modalities in, scores of every direction out, with and without training items in the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import CodesError, DataError, SettingsError
from crossmodal_hash.metrics import Interval, Result, Rules, cut_folds, evaluate, mean_interval, mean_of_folds, parse

PARTNERS = ("query", "untrained", "whole")
"""The databases of relevance by pairs."""


@dataclass(frozen=True)
class Score:
    """One direction against one database.

    Attributes:
        direction: `image->text`: pictures are the queries, texts are searched.
        database: what is searched. By labels: `all` is everything that is not a query, training items included, as in
            the papers; `unseen` is what was neither trained on nor validated with; `known-labels` is `all` where codes
            of some items were made from their labels, a different measurement. By pairs: `query` is the queries'
            partners alone, and `5 folds` the same in five parts that are ranked each by itself; `untrained` is every
            item that was neither trained on nor validated with, partners included; `whole` is every item.
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
        return self.database in PARTNERS or self.database.endswith(" folds")

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
    against: Mapping[str, NDArray[Any]] | None = None,
    folds: int = 1,
    **rules: Unpack[Rules],
) -> list[Score]:
    """Every direction, across modalities first.

    Codes that have parts are queried with the part `query` against `database`; in other codes, every item is a query
    against all items, and is left out of its own ranking. Relevance by pairs applies only to directions across
    modalities; there, the partners of the queries are among the items searched. An item may have several codes, such as
    those of its five captions: each is a query and a candidate of its own, any partner counts, and codes of one item
    are left out of each other's ranking.

    Args:
        codes: modality -> codes of the same items; the codes of an item have its id.
        metrics: names that `metrics.parse` accepts.
        real: modality -> codes before the sign, (N, K), to rank by their inner product instead.
        against: modality -> (N, K), what the items searched are in place of `real`, such as their codes in {-1, 1}.
        folds: for relevance by pairs: equal parts of the items, each ranked by itself (`metrics.folds`), >= 1; the
            items have the order of the modality with the fewest codes, which is that of the pictures.
        rules: ties, empty queries, relevance and device, as for `metrics.evaluate`.

    Raises:
        CodesError: if the items differ.
        DataError: if labels are missing, or the ids of judgments or pairs do not match.
        SettingsError: for folds that are not equal, or without relevance by pairs.
    """
    relevant = rules.get("relevant", "labels")
    first, *others = codes.values()
    for other in others:
        _check_numbers(first, other)
        if not _same_items(first, other):
            raise CodesError(
                f"the {first.modality} codes have {len(first)} items and the {other.modality} codes {len(other)}, "
                "or their ids differ; encode both from the same data, or give --queries and --database"
            )
    if folds != 1 and relevant != "pairs":
        raise SettingsError(f"{folds} folds are for relevance by pairs; give --pairs with them, or leave --folds out")
    if relevant == "pairs" and not others:
        raise CodesError(f"there are only {first.modality} codes; relevance by pairs needs two modalities")
    against = real if against is None else against
    few = min(codes.values(), key=len)
    items = few.ids[few.parts["query"]] if "query" in few.parts else few.ids
    out = []
    for a, b in sorted(product(codes, repeat=2), key=lambda pair: pair[0] == pair[1]):
        if relevant == "pairs" and a == b:
            continue
        sides = _sides(codes[a], codes[b], by_pairs=relevant == "pairs")
        for database, asked, searched in sides if folds == 1 else sides[:1]:
            result = _in_folds(
                codes[a].select(asked),
                codes[b].select(searched),
                partial(evaluate, metrics=metrics, leave_out_self=relevant == "labels" or a == b, **rules),
                cut_folds(items, folds) if folds != 1 else None,
                None if real is None or against is None else (real[a][asked], against[b][searched]),
            )
            out.append(Score(f"{a}->{b}", database if folds == 1 else f"{folds} folds", result))
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
    against: Mapping[str, NDArray[Any]] | None = None,
    **rules: Unpack[Rules],
) -> list[Score]:
    """Scores by shared labels, if the codes have labels, and by belonging together, across modalities.

    The two answer different questions: whether what is found is of the same kind, and whether it is the very item.

    Args:
        codes: modality -> codes of the same items.
        metrics: names for scores by labels.
        paired: names for scores by pairs.
        real: as for `score`.
        against: as for `score`.
        rules: as for `score`.

    Raises:
        DataError: if there is neither: one modality without labels.
    """
    scores = []
    if are_labeled(codes) or len(codes) < 2:
        scores += score(codes, metrics, real=real, against=against, **rules)
    if len(codes) > 1:
        pairs: Rules = {**rules, "relevant": "pairs"}
        by_pairs = score(codes, paired, real=real, against=against, **pairs)
        some = [found for found in by_pairs if found.database != "whole"]
        scores += some or by_pairs
    return scores


def are_labeled(codes: Mapping[str, Codes]) -> bool:
    """Whether items of every modality have labels, at least one."""
    return all(c.labels is not None and c.labels.any() for c in codes.values())


def score_pair(
    queries: Codes,
    database: Codes,
    metrics: Sequence[str] = ("map@all",),
    *,
    folds: int = 1,
    **rules: Unpack[Rules],
) -> Score:
    """One set of queries against one database, from any source; an item is not left out of its own ranking.

    Args:
        queries: codes of the queries.
        database: codes of the database.
        metrics: names that `metrics.parse` accepts.
        folds: as for `score`.
        rules: as for `score`.

    Raises:
        CodesError: if the codes do not fit together, or it is not known which rows are pairs.
        DataError: if the ids of judgments or pairs do not match.
        SettingsError: for folds that are not equal, or without relevance by pairs.
    """
    relevant = rules.get("relevant", "labels")
    if relevant == "pairs":
        _check_numbers(queries, database)
    elif folds != 1:
        raise SettingsError(f"{folds} folds are for relevance by pairs; give --pairs with them, or leave --folds out")
    how = partial(evaluate, metrics=metrics, leave_out_self=False, **rules)
    items = min(queries, database, key=len).ids
    result = _in_folds(queries, database, how, cut_folds(items, folds) if folds != 1 else None)
    if relevant != "labels" and not result.relevant_pairs:
        raise _nothing_matches(queries, database)
    name = _whole(database) if folds == 1 else f"{folds} folds"
    return Score(f"{queries.modality}->{database.modality}", name, result)


def _in_folds(
    queries: Codes,
    database: Codes,
    how: Callable[..., Result],
    folds: Sequence[NDArray[np.str_]] | None,
    real: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> Result:
    """The result of `how`, or the mean of those of each fold, which lists the ids of its items."""
    if folds is None:
        return how(queries, database, real=real)
    results = []
    for items in folds:
        asked, searched = (np.flatnonzero(np.isin(side.ids, items)) for side in (queries, database))
        of_fold = None if real is None else (real[0][asked], real[1][searched])
        results.append(how(queries.select(asked), database.select(searched), real=of_fold))
    return mean_of_folds(results)


def _same_items(one: Codes, other: Codes) -> bool:
    return np.array_equal(one.ids, other.ids) or np.array_equal(np.unique(one.ids), np.unique(other.ids))


def _check_numbers(one: Codes, other: Codes) -> None:
    """Nothing, unless one side has row numbers in place of ids and the other side is numbered or named otherwise.

    Raises:
        CodesError: saying how to tell which rows are of one item.
    """
    if not (one.numbered or other.numbered) or _same_items(one, other):
        return
    few, many = sorted((one, other), key=len)
    if one.numbered and other.numbered:
        way = "say which with --ids NAME=FILE, one picture number or name a row"
        if len(few) and len(many) % len(few) == 0:
            way += f", or with --texts-per-picture {len(many) // len(few)} if rows of one picture follow each other"
        raise CodesError(
            f"the {few.modality} codes have {len(few)} rows and the {many.modality} codes {len(many)}, and as matrices "
            f"they have no ids, so it is not known which rows belong together; {way}"
        )
    bare, named = (one, other) if one.numbered else (other, one)
    raise CodesError(
        f"the {bare.modality} codes have only row numbers, {_first(bare)}, and the ids of the {named.modality} codes, "
        f"{_first(named)}, are others than these {len(np.unique(bare.ids))}; count from 0, or give ids for both with "
        f"--ids NAME=FILE"
    )


def one_of_each(codes: Codes) -> Codes:
    """The codes with one row an item, if all rows of every item have the same code: a picture repeated per caption.

    Repeated pictures would fill the first ranks with copies of one another, and every one would count as found.

    Example:
        >>> repeated = Codes(np.array([[1], [1], [0], [0]], np.uint8), 2, ["a", "a", "b", "b"], "image")
        >>> one_of_each(repeated).ids.tolist()
        ['a', 'b']
    """
    _, first, which = np.unique(codes.ids, return_index=True, return_inverse=True)
    if len(first) == len(codes) or (codes.packed != codes.packed[first[which.reshape(-1)]]).any():
        return codes
    return codes.select(np.sort(first))


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
    if "query" not in queries.parts:
        return [("whole" if by_pairs else _whole(database), np.arange(len(queries)), np.arange(len(database)))]
    asked = np.flatnonzero(queries.parts["query"])
    trained = database.parts["train"] | database.parts["validation"]
    if by_pairs:
        own, rest = np.flatnonzero(database.parts["query"]), np.flatnonzero(~trained)
        sides = [("query", asked, own), ("untrained", asked, rest), ("whole", asked, np.arange(len(database)))]
        return [side for i, side in enumerate(sides) if not i or len(side[2]) > len(sides[i - 1][2])]
    unseen = database.parts["database"] & ~trained
    sides = [(_whole(database), asked, np.flatnonzero(database.parts["database"]))]
    if unseen.any():
        sides.append(("unseen", asked, np.flatnonzero(unseen)))
    return sides
