"""The state of a cell, read from its folder: whether it is done, and with the settings requested now."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.errors import ChashError, RunError
from crossmodal_hash.settings.layers import Layer, merge, nest
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.settings.unused import reason

SCORES, FACTS = "scores.json", "cell.json"


class State(Enum):
    """State of a cell."""

    MISSING = "missing"
    UNFINISHED = "unfinished"
    DONE = "done"
    OTHER = "other settings"


def state(cell: Cell, out: Path) -> tuple[State, str]:
    """The state of a cell, and the settings that differ.

    Does not need the data.
    """
    folder = cell.folder(out)
    if not (folder / "config.json").exists():
        return State.MISSING, ""
    changed = differences(cell, folder)
    if changed:
        return State.OTHER, "; ".join(changed)
    facts = read_facts(folder)
    scored = facts is not None and set(cell.metrics) <= set(facts["metrics"]) and (folder / SCORES).exists()
    return (State.DONE if scored else State.UNFINISHED), ""


def read_facts(folder: Path) -> dict[str, Any] | None:
    """The facts of a finished cell; None if it has not finished."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RunError(f"{folder / FACTS} cannot be read ({error}); remove the file to score the cell again") from error
    return facts


def differences(cell: Cell, folder: Path) -> list[str]:
    """Descriptions of the settings of the run folder that differ from those of the cell.

    Settings that data and machine decided when it was created are kept; the data's location is compared as a path.
    """
    try:
        there: dict[str, dict[str, Any]] = json.loads((folder / "config.json").read_text("utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"its config.json cannot be read ({error})"]
    of_data = [(key, entry) for key, entry in there.items() if str(entry["origin"]).startswith("data:")]
    values: dict[str, Any] = {}
    for key, entry in of_data:
        values = merge(values, nest(key, entry["value"]))
    frozen = bool(there.get("train.freeze_backbone", {}).get("value", True))
    extra = [Layer(str(of_data[0][1]["origin"]), values)] if of_data else []
    try:
        resolved = resolve(
            cell.method.recipe, sets=cell.all_sets(), flags=cell.flags(), frozen_by_default=frozen, extra=extra
        )
    except ChashError as error:
        return [str(error)]
    now = resolved.entries()
    found = []
    for key in dict.fromkeys([*now, *there]):
        # What no part uses was written down once, and changes nothing.
        if key in ("device", "title") or reason(key, resolved.unused):
            continue
        old, new = there.get(key), now.get(key)
        # A setting that did not exist when the run was made had its default.
        if old is None and new is not None and new["origin"] == "default":
            continue
        a, b = (None if entry is None else entry["value"] for entry in (old, new))
        if a != b and not (key == "data.path" and _same_path(a, b)):
            found.append(f"{key} was {a!r} and is {b!r} now")
    return found


def _same_path(a: Any, b: Any) -> bool:
    return isinstance(a, str) and isinstance(b, str) and Path(a).resolve() == Path(b).resolve()
