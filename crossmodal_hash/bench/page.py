"""A bench as one HTML page: its tables, and the score of each method by code length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crossmodal_hash.bench.done import Done, Layout
from crossmodal_hash.bench.table import Scores, spread, tables
from crossmodal_hash.report.curves import Picture, length_axes, length_line
from crossmodal_hash.report.page import render_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def build_page(done: Sequence[Done], layout: Layout, *, with_published: bool = False) -> str:
    """The page.

    Args:
        done: finished cells, at least one.
        layout: layout of the tables.
        with_published: whether the papers' printed figures are shown beside ours.

    Returns:
        HTML.
    """
    found = tables(
        done,
        metric=layout.metric,
        databases=layout.databases,
        show=layout.show,
        against=layout.against,
        with_published=with_published,
    )
    data = list(dict.fromkeys(each.cell.data.name for each in done))
    methods = dict.fromkeys(each.cell.method.name for each in done)
    return render_page(
        "bench.html",
        title=f"Bench on {', '.join(data)}",
        said=f"{len(done)} trainings of {len(methods)} methods",
        tables={title: replace(table, notes=(), strong="") for title, table in found.items()},
        pictures=list(_pictures(done, layout)),
        conventions=dict.fromkeys(note for table in found.values() for note in table.all_notes(has_bold=True)),
    )


def _pictures(done: Sequence[Done], layout: Layout) -> Iterator[Picture]:
    for data in dict.fromkeys(each.cell.data.name for each in done):
        own = [each for each in done if each.cell.data.name == data]
        scores = Scores(own, layout.metric, layout.databases[0])
        if len(scores.bits) > 1:
            for direction in scores.directions:
                yield length_picture(scores, data, direction)


def length_picture(scores: Scores, data: str, direction: str) -> Picture:
    """Score over bits, one line per method, bars of one standard deviation over seeds."""
    lines = {
        method: [
            (bits, spread(list(values.values())))
            for bits in scores.bits
            if (values := scores.of(method, direction, bits))
        ]
        for method in scores.methods
    }

    def draw(axes: Axes) -> None:
        for i, (method, points) in enumerate(lines.items()):
            bits = np.array([at for at, _ in points])
            # Bars of neighbors would hide each other.
            shifted = bits * 2 ** (0.03 * (i - (len(lines) - 1) / 2))
            axes.errorbar(
                shifted,
                [found.mean for _, found in points],
                [found.spread or 0.0 for _, found in points],
                **length_line(i, method),
            )
        length_axes(axes, scores.bits, scores.metric)

    ends = "; ".join(
        f"{method} {points[0][1].mean:.3f} at {points[0][0]} bits, {points[-1][1].mean:.3f} at {points[-1][0]}"
        for method, points in lines.items()
        if points
    )
    title = f"{direction}, {data}, database {scores.database}"
    alt = f"{scores.metric} over code length for {direction}, bars of one standard deviation over seeds: {ends}."
    slug = f"{data}-{direction.replace('->', '-to-')}"
    return Picture(slug, title, alt, draw, (5.2, 3.6 + 0.12 * max(0, len(lines) - 6)))
