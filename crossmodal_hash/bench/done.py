"""The finished cells of a bench folder, and the order of its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal_hash.atomic import write_json
from crossmodal_hash.bench.grid import Cell, Grid
from crossmodal_hash.bench.state import FACTS, SCORES, read_facts
from crossmodal_hash.errors import RunError
from crossmodal_hash.report.result import Record, read_record

NOTE = "bench.json"


@dataclass(frozen=True)
class Done:
    """A finished cell.

    Attributes:
        cell: the cell.
        record: its scores.
        seconds: of its training.
        peak_gb: gigabytes its process needed; none where the system does not tell.
    """

    cell: Cell
    record: Record
    seconds: float
    peak_gb: float | None

    def value(self, direction: str, database: str, metric: str) -> float | None:
        """One score, or None."""
        score = self.record.score(direction, database)
        return None if score is None else score.result.values.get(metric)

    def random(self, direction: str, database: str, metric: str) -> float | None:
        """Score of codes without information on the same items."""
        score = self.record.score(direction, database)
        return None if score is None else score.result.floors.get(metric)


def read_done(cells: Iterable[Cell], out: Path) -> list[Done]:
    """The cells that are finished, in order."""
    found = [_read(cell.folder(out)) for cell in cells]
    return [done for done in found if done is not None]


def find_done(out: Path, order: Sequence[str] = ()) -> list[Done]:
    """Every finished cell of a bench folder.

    Args:
        out: the folder.
        order: methods in the order of the table; others follow by name.

    Raises:
        RunError: if there is no finished cell.
    """
    found = [done for path in sorted(out.glob(f"*/*/{FACTS}")) if (done := _read(path.parent))]
    if not found:
        raise RunError(
            f"{out} holds no finished cell of a bench; name a grid file, or methods such as "
            f"'chash bench --methods default,hsidhn --out {out}'"
        )
    place = {name: i for i, name in enumerate(order)}

    def key(done: Done) -> tuple[Any, ...]:
        name = done.cell.method.name
        return done.cell.data.name, place.get(name, len(place)), name, done.cell.bits, done.cell.seed

    return sorted(found, key=key)


def _read(folder: Path) -> Done | None:
    facts = read_facts(folder)
    if facts is None or not (folder / SCORES).exists():
        return None
    try:
        cell = Cell.from_json(facts["cell"])
        seconds, peak = float(facts["seconds"]), facts["peak_gb"]
        peak = None if peak is None else float(peak)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder / FACTS} does not belong to a cell ({error!r}); remove the folder to run the cell again"
        ) from error
    return Done(cell, read_record(folder / SCORES), seconds, peak)


@dataclass(frozen=True)
class Layout:
    """Layout of the tables of a bench folder when no grid is given.

    Attributes:
        methods: in the order of the rows.
        metric: the tabulated metric.
        databases: one table each.
        show: facts shown beside the name.
        against: method that the differences are relative to.
    """

    methods: Sequence[str] = ()
    metric: str = "map@all"
    databases: Sequence[str] = ("all", "unseen")
    show: Sequence[str] = ()
    against: str | None = None


def is_bench(folder: Path) -> bool:
    """Whether a folder belongs to a bench, not to a run."""
    return not (folder / "config.json").exists() and any(folder.glob(f"*/*/{FACTS}"))


def layout_of(grid: Grid) -> Layout:
    """The layout that a grid requests."""
    methods = [method.name for method in grid.methods]
    return Layout(methods, grid.metrics[0], grid.databases, grid.show, grid.against)


def read_layout(out: Path) -> Layout:
    """The layout that `note_layout` stored in a bench folder, or the default."""
    try:
        return Layout(**json.loads((out / NOTE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Layout()


def note_layout(out: Path, layout: Layout) -> None:
    """Store a layout; methods that are already in it keep their position."""
    methods = list(dict.fromkeys([*read_layout(out).methods, *layout.methods]))
    write_json(out / NOTE, {**vars(layout), "methods": methods})
