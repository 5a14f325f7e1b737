"""Reject a grid with an invalid method, before the first cell has run for hours."""

from __future__ import annotations

from collections.abc import Iterable

from crossmodal_hash.api import build
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.errors import BrokenPluginError, ChashError, SettingsError


def check_methods(cells: Iterable[Cell]) -> None:
    """Check recipe, settings and component names of every method; each cell checks what depends on the data.

    Raises:
        BrokenPluginError: for a part whose plug-in is broken.
        SettingsError: naming every invalid method, with the reason.
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
