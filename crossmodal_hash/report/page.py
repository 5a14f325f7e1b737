"""The report: one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash.errors import ChashError, SettingsError
from crossmodal_hash.report.compare import compare, wide_table
from crossmodal_hash.report.conventions import conventions, known_labels, unified
from crossmodal_hash.report.curves import (
    Picture,
    bit_pictures,
    history_picture,
    length_picture,
    ranking_pictures,
)
from crossmodal_hash.report.gallery import Shown, gallery
from crossmodal_hash.report.images import inline_svg
from crossmodal_hash.report.result import Record
from crossmodal_hash.report.run import Scored
from crossmodal_hash.report.tables import Strong, Table, cell, is_number

if TYPE_CHECKING:
    from crossmodal_hash.data import Dataset


@dataclass(frozen=True)
class Group:
    """Figures under one heading.

    Attributes:
        name: anchor.
        title: heading.
        pictures: the figures.
    """

    name: str
    title: str
    pictures: Sequence[Picture]


def figures(scored: Sequence[Scored], level: float) -> list[Group]:
    """Every figure of the report, without the galleries.

    Args:
        scored: one run or several, of one data set.
        level: level of the intervals.
    """
    named = [(each.record.name, each) for each in scored]
    by_length = length_picture(scored, level)
    validated = sorted({key.rpartition("/")[2] for each in scored for key in each.validation}, reverse=True)
    histories = [
        history_picture("losses", "Losses in training", "loss", [(n, each.losses) for n, each in named]),
        history_picture("validation", "Scores in training", f"{' and '.join(validated)} of the validation part",
                        [(n, each.validation) for n, each in named]),
    ]  # fmt: skip
    bits = [
        picture
        for i, (name, each) in enumerate(named, 1)
        for codes in each.codes.values()
        for picture in bit_pictures(name, str(i), codes)
    ]
    groups = [
        Group("curves", "Curves", list(ranking_pictures(scored))),
        Group("lengths", "Code length", [] if by_length is None else [by_length]),
        Group("training", "Training", [picture for picture in histories if picture is not None]),
        Group("bits", "The bits", bits),
    ]
    return [group for group in groups if group.pictures]


def build_page(
    scored: Sequence[Scored], groups: Sequence[Group], dataset: Dataset | ChashError, *, level: float, number: int = 3
) -> str:
    """The page.

    Args:
        scored: one run or several, of one data set.
        groups: from `figures`.
        dataset: the items to show, or why they cannot be shown.
        level: level of the intervals.
        number: number of worst and of best queries per direction.

    Returns:
        HTML.

    Raises:
        DataError: if several runs are not comparable.
    """
    records = [each.record for each in scored]
    names = [record.name for record in records]
    return render_page(
        "page.html",
        title=names[0] if len(names) == 1 else f"{len(names)} runs",
        names=names,
        runs=[(record.name, record.facts, list(score_tables(record, level))) for record in records],
        facts=list(dict.fromkeys(key for record in records for key in record.facts)),
        comparison=list(comparison_tables(records, level)) if len(records) > 1 else [],
        conventions=[
            *conventions(records[0].scores, level),
            *(
                f"{each.record.name}: {note}"
                for each in scored
                for note in (*unified(each.codes), *known_labels(each.codes))
            ),
        ],
        groups=groups,
        galleries=[] if isinstance(dataset, ChashError) else list(_galleries(scored[0], dataset, number)),
        no_gallery=str(dataset) if isinstance(dataset, ChashError) else None,
    )


TITLES = (b": cross-modal hashing report</title>", b": cross-modal hashing bench</title>")
"""The head of every page that we write."""


def replaces_page(path: Path) -> bool:
    """Whether a page written to `path` takes the place of an older one of ours.

    Raises:
        SettingsError: if anything else exists there.
    """
    if not path.exists():
        return False
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head and not any(title in head for title in TITLES):
        raise SettingsError(f"{path} already exists and is not a report of chash; choose another name")
    return True


def render_page(template: str, **content: Any) -> str:
    """HTML from a template of this folder.

    Args:
        template: its file name.
        content: its content.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files("crossmodal_hash.report").joinpath(name).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"cell": cell, "svg": inline_svg}
    environment.globals["is_number"] = is_number
    environment.tests["strong"] = lambda value: isinstance(value, Strong)
    return environment.get_template(template).render(**content)


def comparison_tables(records: Sequence[Record], level: float) -> Iterator[tuple[str, Table]]:
    """The records side by side, one table per direction and database, narrow enough for a screen."""
    wide = wide_table(records, compare(records, level), level)
    groups = [(key, list(rows)) for key, rows in groupby(wide.rows, key=lambda row: tuple(row[:2]))]
    for i, ((direction, database), rows) in enumerate(groups, 1):
        notes = wide.notes if i == len(groups) else ()
        yield f"{direction}, {database}", Table(wide.columns[2:], [row[2:] for row in rows], notes)


def score_tables(record: Record, level: float) -> Iterator[tuple[str, Table]]:
    """One small table per direction and database, with a caption that says what was counted."""
    for (direction, database), group in groupby(record.lines(level), key=lambda line: (line.direction, line.database)):
        lines = list(group)
        counted = (
            f"{direction}, {database}: {lines[0].queries:,} queries ({lines[0].empty_queries:,} without a relevant "
            f"item), {lines[0].items:,} items, {lines[0].relevant_pairs:,} relevant pairs, {lines[0].bits} bits"
        )
        rows = [(line.metric, line.value, line.low, line.high, line.random) for line in lines]
        yield counted, Table(("metric", "value", "low", "high", "random"), rows)


def _galleries(scored: Scored, dataset: Dataset, number: int) -> Iterator[tuple[str, list[Shown]]]:
    labeled = any(score.is_whole for score in scored.record.scores)
    for score in scored.record.scores:
        if score.is_whole or (not labeled and score.database == "query"):
            asked, _, searched = score.direction.partition("->")
            shown = gallery(score, scored.codes[asked], scored.codes[searched], dataset, number=number)
            if shown:
                yield score.direction, shown
