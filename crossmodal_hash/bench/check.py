"""Refuse a grid with a method that cannot be, before the first of its cells has run for hours."""

from __future__ import annotations

from collections.abc import Iterable

from crossmodal_hash.api import build
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.errors import BrokenPluginError, ChashError, SettingsError


def check_methods(cells: Iterable[Cell]) -> None:
    """Look up recipe, settings and the names of all parts of every method; what the data allow is left to the cells.

    Raises:
        BrokenPluginError: for a part whose plug-in is broken.
        SettingsError: naming every method that cannot be, and why.
    """
    wrong = {}
    for cell in {(cell.method.name, cell.data.name): cell for cell in cells}.values():
        try:
            build(cell.method.recipe, sets=cell.all_sets(), **cell.flags())
        except BrokenPluginError:
            raise
        except ChashError as error:
            # On every data set the same is wrong with it.
            wrong[cell.method.name] = f"method {cell.method.name!r}: {error}"
    if wrong:
        raise SettingsError("; ".join(wrong.values()))
