"""Queries with their results: the worst and the best of each direction, as pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes, distances
from crossmodal_hash.data import Dataset
from crossmodal_hash.evaluation import Score
from crossmodal_hash.opening.words import Words
from crossmodal_hash.report.images import thumbnail

SIDE = 112
LETTERS = 160


@dataclass(frozen=True)
class Item:
    """One item of the gallery.

    Attributes:
        id: id of the item.
        labels: names of its labels.
        picture: data address of a thumbnail, or None.
        text: its shortened text, or None.
        distance: distance to the query, in bits; None for the query itself.
        relevant: whether it is relevant to the query.
    """

    id: str
    labels: str
    picture: str | None
    text: str | None
    distance: int | None = None
    relevant: bool = False

    @property
    def alt(self) -> str:
        """Description of the picture."""
        return f"{self.id}: {self.labels}" if self.labels else self.id


@dataclass(frozen=True)
class Shown:
    """A query and its first results.

    Attributes:
        rank: such as `worst 1` or `best 2`.
        value: its average precision, or the rank of its partner.
        query: the query.
        results: nearest first, ties in database order.
        is_paired: whether its partner alone is relevant.
    """

    rank: str
    value: float
    query: Item
    results: Sequence[Item]
    is_paired: bool = False


def gallery(
    score: Score, queries: Codes, database: Codes, dataset: Dataset, *, number: int = 3, top: int = 8
) -> list[Shown]:
    """The worst and the best queries of one direction: by map@all, or by the rank of their own partner.

    Queries without a relevant item are skipped, because they say nothing about the codes.

    Args:
        score: score of this direction, with map@all, or with median-rank for relevance by pairs.
        queries: codes of one modality of the whole data set.
        database: codes of the other, or the same, modality.
        dataset: the items, by the ids of the codes.
        number: number of worst and of best queries.
        top: number of results of each.
    """
    asked = np.flatnonzero(queries.parts["query"]) if "query" in queries.parts else np.arange(len(queries))
    searched = _searched(score, database)
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    asked_texts, found_texts = _texts(queries, dataset), _texts(database, dataset)
    if score.is_paired:
        values = score.result.per_query["median-rank"]
        order = np.argsort(-values, kind="stable")
    else:
        if database.labels is None or queries.labels is None:
            return []
        values = score.result.per_query["map@all"]
        per_label = database.labels[searched].sum(axis=0, dtype=np.int64)
        order = np.argsort(values, kind="stable")
        order = order[np.asarray(queries.labels[asked] @ per_label > 0)[order]]
    number = min(number, len(order) // 2)
    chosen = [(f"worst {i + 1}", order[i]) for i in range(number)]
    chosen += [(f"best {i + 1}", order[-1 - i]) for i in range(number)]
    out = []
    for said, at in chosen:
        row = int(asked[at])
        found = _nearest(queries, row, database, searched, top, with_own=score.is_paired)
        results = [
            _item(
                database,
                item,
                dataset,
                row_of,
                found_texts,
                distance,
                _is_relevant(score, queries, row, database, item),
            )
            for item, distance in found
        ]
        query = _item(queries, row, dataset, row_of, asked_texts)
        out.append(Shown(said, float(values[at]), query, results, score.is_paired))
    return out


def _searched(score: Score, database: Codes) -> NDArray[np.int64]:
    parts = database.parts
    if "database" not in parts:
        return np.arange(len(database))
    if not score.is_paired:
        return np.flatnonzero(parts["database"])
    rows = {"query": parts["query"], "untrained": ~(parts["train"] | parts["validation"])}
    return np.flatnonzero(rows.get(score.database, np.ones(len(database), bool)))


def _is_relevant(score: Score, queries: Codes, row: int, database: Codes, item: int) -> bool:
    if score.is_paired:
        return bool(queries.ids[row] == database.ids[item])
    assert queries.labels is not None
    assert database.labels is not None
    return bool((database.labels[item] & queries.labels[row]).any())


def _nearest(
    queries: Codes, row: int, database: Codes, searched: NDArray[np.int64], top: int, *, with_own: bool
) -> list[tuple[int, int]]:
    """Rows of the nearest items and their distances; an item finds itself only where that is what is asked for."""
    distance = distances(queries.packed[row : row + 1], database.packed[searched], queries.bits)[0]
    own = searched[:0] if with_own else searched[database.ids[searched] == queries.ids[row]]
    order = [int(i) for i in np.argsort(distance, kind="stable")[: top + len(own)]]
    return [(int(searched[i]), int(distance[i])) for i in order if searched[i] not in own][:top]


def _texts(codes: Codes, dataset: Dataset) -> list[str | None]:
    """The text of each code; an item may have several."""
    source = dataset.modalities.get(codes.modality)
    return [None] * len(codes) if source is None else Words(source, dataset.ids).each(codes.ids)


def _item(
    codes: Codes,
    row: int,
    dataset: Dataset,
    row_of: dict[str, int],
    texts: Sequence[str | None],
    distance: int | None = None,
    relevant: bool = False,
) -> Item:
    name = str(codes.ids[row])
    labels = ""
    if codes.labels is not None and codes.label_names is not None:
        labels = ", ".join(codes.label_names[i] for i in np.flatnonzero(codes.labels[row]))
    image, text = None, texts[row]
    source, at = dataset.modalities.get(codes.modality), row_of.get(name)
    if source is not None and at is not None:
        image = source.picture(at, SIDE)
    picture = None if image is None else thumbnail(image, SIDE)
    if text is not None and len(text) > LETTERS:
        text = text[: LETTERS - 1] + "…"
    return Item(name, labels, picture, text, distance, relevant)
