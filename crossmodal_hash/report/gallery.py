"""Queries with their results: the worst and the best of each direction, as pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes, distances
from crossmodal_hash.data import Dataset
from crossmodal_hash.evaluation import Score
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
        value: its average precision.
        query: the query.
        results: nearest first, ties in database order.
    """

    rank: str
    value: float
    query: Item
    results: Sequence[Item]


def gallery(
    score: Score, queries: Codes, database: Codes, dataset: Dataset, *, number: int = 3, top: int = 8
) -> list[Shown]:
    """The worst and the best queries of one direction against the papers' database.

    Queries without a relevant item are skipped, because they say nothing about the codes.

    Args:
        score: score of this direction, with map@all.
        queries: codes of one modality of the whole data set.
        database: codes of the other, or the same, modality.
        dataset: the items, by the ids of the codes.
        number: number of worst and of best queries.
        top: number of results of each.
    """
    asked = np.flatnonzero(queries.parts["query"]) if "query" in queries.parts else np.arange(len(queries))
    searched = np.flatnonzero(database.parts["database"]) if "database" in database.parts else np.arange(len(database))
    labels = database.labels
    if labels is None or queries.labels is None:
        return []
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    values = score.result.per_query["map@all"]
    per_label = labels[searched].sum(axis=0, dtype=np.int64)
    answers = np.asarray(queries.labels[asked] @ per_label > 0)
    order = np.argsort(values, kind="stable")
    order = order[answers[order]]
    number = min(number, len(order) // 2)
    chosen = [(f"worst {i + 1}", order[i]) for i in range(number)]
    chosen += [(f"best {i + 1}", order[-1 - i]) for i in range(number)]
    out = []
    for said, at in chosen:
        row = int(asked[at])
        found = _nearest(queries, row, database, searched, top)
        relevant = (labels[[item for item, _ in found]] & queries.labels[row]).any(axis=1)
        results = [
            _item(database, item, dataset, row_of, distance, bool(hit))
            for (item, distance), hit in zip(found, relevant, strict=True)
        ]
        out.append(Shown(said, float(values[at]), _item(queries, row, dataset, row_of), results))
    return out


def _nearest(queries: Codes, row: int, database: Codes, searched: NDArray[np.int64], top: int) -> list[tuple[int, int]]:
    distance = distances(queries.packed[row : row + 1], database.packed[searched], queries.bits)[0]
    own = searched[database.ids[searched] == queries.ids[row]]
    order = [int(i) for i in np.argsort(distance, kind="stable")[: top + len(own)]]
    return [(int(searched[i]), int(distance[i])) for i in order if searched[i] not in own][:top]


def _item(
    codes: Codes,
    row: int,
    dataset: Dataset,
    row_of: dict[str, int],
    distance: int | None = None,
    relevant: bool = False,
) -> Item:
    name = str(codes.ids[row])
    labels = ""
    if codes.labels is not None and codes.label_names is not None:
        labels = ", ".join(codes.label_names[i] for i in np.flatnonzero(codes.labels[row]))
    image = text = None
    source, at = dataset.modalities.get(codes.modality), row_of.get(name)
    if source is not None and at is not None:
        image, text = source.picture(at, SIDE), source.text(at)
    picture = None if image is None else thumbnail(image, SIDE)
    if text is not None and len(text) > LETTERS:
        text = text[: LETTERS - 1] + "…"
    return Item(name, labels, picture, text, distance, relevant)
