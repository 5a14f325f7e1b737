"""Examines a data set: its contents, what is unusual, and what would make training on it wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data import Dataset, Matrix, Split, Texts, fit_vocabulary
from crossmodal_hash.data.fingerprint import digest
from crossmodal_hash.data.pictures import first
from crossmodal_hash.data.quality import Look
from crossmodal_hash.data.vocabulary import tokens
from crossmodal_hash.data_report.labels import floor
from crossmodal_hash.errors import ChashError, DataError

SMALL_SIDE = 32
"""Pixels; every backbone enlarges a shorter side at least threefold."""


@dataclass
class Report:
    """The result of an examination.

    Attributes:
        facts: name -> value, in the order of a table.
        classes: label -> number of items that have it.
        unreadable: picture -> why it cannot be read.
        duplicates: ids of items with the same content, one list per group.
        wrong: reasons not to train on this data, in words.
        notes: what is unusual, but may be intended.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    duplicates: list[list[str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[str, Any]]:
        """The report as a table of two columns, with the problems at the end."""
        yield from self.facts.items()
        items = max(1, int(self.facts["items"]))
        for name, count in self.classes.items():
            yield f"class {name}", f"{count} ({count / items:.1%})"
        for reason in self.unreadable.values():
            yield "unreadable", reason
        for group in self.duplicates:
            yield "same content", first(group, 10)
        for note in self.notes:
            yield "note", note
        for reason in self.wrong:
            yield "WRONG", reason


def examine(
    dataset: Dataset, looks: Mapping[str, Sequence[Look]], split: Split | ChashError, *, drawn: bool, reader: str
) -> Report:
    """Examine a data set.

    Args:
        dataset: N items, read with nothing required of them.
        looks: modality -> N looks at its pictures, for each modality of pictures.
        split: the split, or why there is none.
        drawn: whether the split was drawn at random rather than given.
        reader: name of the reader.

    Returns:
        The report; `wrong` is empty if training can start.
    """
    report = Report(notes=list(dataset.notes))
    report.facts |= {"reader": reader, "name": dataset.name, "items": len(dataset)}
    for name, source in dataset.modalities.items():
        columns = f", {source.width} columns" if isinstance(source, Matrix) else ""
        report.facts[name] = source.kind + columns
    _pictures(report, [look for each in looks.values() for look in each])
    for texts in dataset.of(Texts).values():
        _texts(report, dataset, texts)
    _labels(report, dataset)
    content = contents(dataset, looks)
    _duplicates(report, dataset, content)
    if isinstance(split, ChashError):
        report.wrong.append(str(split))
    else:
        _split(report, dataset, split, content, drawn=drawn)
    return report


def contents(dataset: Dataset, looks: Mapping[str, Sequence[Look]]) -> list[str]:
    """A digest of the content of each item: the bytes of its pictures, or all its numbers and words."""
    if looks:
        return [" ".join(look.digest or look.name for look in row) for row in zip(*looks.values(), strict=True)]
    sources = list(dataset.modalities.values())

    return [digest(source.content(row) for source in sources) for row in range(len(dataset))]


def _pictures(report: Report, looks: Sequence[Look]) -> None:
    good = [look for look in looks if not look.problem]
    report.unreadable = {look.name: look.problem for look in looks if look.problem}
    if report.unreadable:
        report.wrong.append(
            f"{len(report.unreadable)} of {len(looks)} pictures cannot be read; fix them, or leave them out with "
            f"--skip-bad"
        )
    if not good:
        return
    sides = np.array([look.size for look in good])
    for axis, name in enumerate(("width", "height")):
        low, middle, high = np.quantile(sides[:, axis], [0, 0.5, 1]).astype(int)
        report.facts[f"picture {name}"] = f"{low} to {high}, median {middle}"
    formats = Counter(look.format for look in good)
    report.facts["picture formats"] = ", ".join(f"{name} {count}" for name, count in formats.most_common())
    if small := [look.name for look in good if min(look.size) < SMALL_SIDE]:
        report.notes.append(f"{len(small)} pictures have a side of less than {SMALL_SIDE} pixels ({first(small)})")


def _texts(report: Report, dataset: Dataset, texts: Texts) -> None:
    empty = [name for name, text in zip(dataset.ids, texts.items, strict=True) if not text.strip()]
    report.facts["items without text"] = len(empty)
    if empty:
        report.wrong.append(
            f"{len(empty)} of {len(dataset)} items have no text ({first(empty)}); fill them, or leave them out with "
            f"--skip-bad"
        )
    words = [tokens(text) for text in texts.items]
    low, middle, high = np.quantile([len(said) for said in words], [0, 0.5, 1]).astype(int)
    report.facts["words a text"] = f"{low} to {high}, median {middle}"
    try:
        vocabulary = set(fit_vocabulary(texts.items, max_words=1_000_000).words)
    except DataError as error:
        report.facts["vocabulary"] = 0
        report.wrong.append(f"texts have nothing in common: {error}")
        return
    report.facts["vocabulary"] = len(vocabulary)
    without = [name for name, said in zip(dataset.ids, words, strict=True) if said and vocabulary.isdisjoint(said)]
    if without:
        report.notes.append(f"{len(without)} texts have no word that another text has ({first(without)})")


def _labels(report: Report, dataset: Dataset) -> None:
    labels = dataset.labels
    if labels is None or not labels.any():
        report.facts |= {"classes": 0, "items without labels": len(dataset)}
        report.wrong.append("no item has a label, so it is unknown which items are similar; training needs labels")
        return
    own, counts = labels.sum(axis=1), labels.sum(axis=0, dtype=np.int64)
    report.facts |= {
        "classes": labels.shape[1],
        "labels an item": f"{own.min()} to {own.max()}, mean {own.mean():.2f}",
        "items without labels": int((own == 0).sum()),
        "items in a class": f"{counts.min()} to {counts.max()}, median {int(np.median(counts))}",
    }
    report.classes = {name: int(n) for name, n in zip(dataset.label_names, counts, strict=True)}
    bare = [name for name, n in zip(dataset.ids, own, strict=True) if n == 0]
    if bare:
        report.notes.append(f"{len(bare)} items have no label ({first(bare)}); they are relevant to no query")
    for what, chosen in (
        ("no item", [name for name, n in report.classes.items() if n == 0]),
        ("only one item", [name for name, n in report.classes.items() if n == 1]),
        ("every item", [name for name, n in report.classes.items() if n == len(dataset)]),
    ):
        if chosen:
            report.notes.append(f"{len(chosen)} of {labels.shape[1]} classes are on {what} ({first(chosen)})")


def _duplicates(report: Report, dataset: Dataset, content: Sequence[str]) -> None:
    groups: dict[str, list[int]] = defaultdict(list)
    for row, mark in enumerate(content):
        groups[mark].append(row)
    same = [rows for rows in groups.values() if len(rows) > 1]
    report.facts["items with the same content as another"] = sum(map(len, same))
    report.duplicates = [[dataset.ids[row] for row in rows] for rows in same]
    if dataset.labels is not None:
        unlike = [dataset.ids[rows[0]] for rows in same if len(np.unique(dataset.labels[rows], axis=0)) > 1]
        if unlike:
            report.notes.append(f"{len(unlike)} times the same content has different labels ({first(unlike)})")


def _split(report: Report, dataset: Dataset, split: Split, content: Sequence[str], *, drawn: bool) -> None:
    sizes = {part: len(getattr(split, part)) for part in ("query", "train", "validation", "database")}
    report.facts["split"] = ("drawn: " if drawn else "given: ") + ", ".join(f"{k} {n}" for k, n in sizes.items())
    learned = np.concatenate([split.train, split.validation])
    for what, rows in (("trained on", learned), ("in the database", split.database)):
        shared = overlap(content, split.query, rows)
        report.facts[f"queries whose content is {what}"] = len(shared)
        if shared and what == "trained on":
            said = (
                f"{len(shared)} of {len(split.query)} queries have the content of an item that is trained on "
                f"({first(dataset.ids[row] for row in shared)}), so their scores would include memorization (leakage)"
            )
            # A draw hits what duplicates there are; a division that was given should have been made without.
            (report.notes if drawn else report.wrong).append(f"{said}; keep one item of each")
    if dataset.labels is None or not dataset.labels.any():
        return
    found = floor(dataset.labels, split)
    report.facts |= {
        "share of relevant pairs": found.share,
        "map@all of a random order": found.random,
        "queries without a relevant item": found.without,
    }
    if found.share == 0:
        report.wrong.append("no query shares a label with the database, so every score would be 0")
    if found.share == 1:
        report.wrong.append("every query shares a label with every item, so every score would be 1; labels are useless")


def overlap(content: Sequence[str], one: Iterable[Any], other: NDArray[np.int64]) -> list[int]:
    """The rows of `one` whose content is also in `other`.

    Example:
        >>> overlap(["a", "b", "a"], [0, 1], np.array([2]))
        [0]
    """
    there = {content[row] for row in other}
    return [int(row) for row in one if content[row] in there]
