"""Which levels of a backbone a tower uses."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal_hash.errors import SettingsError, did_you_mean
from crossmodal_hash.types import LevelInfo


def select(levels: Sequence[LevelInfo], wanted: int | Sequence[int | str]) -> tuple[int, ...]:
    """Positions of the requested levels, lowest first in any case.

    Args:
        levels: the levels that the backbone declares, lowest first.
        wanted: a number n for the last n, or a list of names and positions; 0 is the lowest level, -1 the last.

    Raises:
        SettingsError: for more levels than exist, an unknown name or position, a repeated level, or no level.

    Example:
        >>> stages = [LevelInfo(f"stage{i}", 64, 2) for i in (1, 2, 3, 4)]
        >>> select(stages, 3), select(stages, [-1, "stage2"])
        ((1, 2, 3), (1, 3))
    """
    names = [info.name for info in levels]
    have = f"the backbone has {len(names)}: {', '.join(names)}"
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise SettingsError(f"levels={wanted} requests the last {wanted}, but {have}")
        return tuple(range(len(names) - wanted, len(names)))
    if isinstance(wanted, str):
        wanted = [wanted]
    chosen = [_position(names, entry, have) for entry in wanted]
    if not chosen or len(set(chosen)) < len(chosen):
        raise SettingsError(f"levels={list(wanted)} must name at least one level, each only once; {have}")
    return tuple(sorted(chosen))


def _position(names: Sequence[str], entry: int | str, have: str) -> int:
    if isinstance(entry, str):
        if entry not in names:
            raise SettingsError(f"unknown level {entry!r}; {have}{did_you_mean(entry, names)}")
        return names.index(entry)
    if not -len(names) <= entry < len(names):
        raise SettingsError(f"level {entry} does not exist; {have}")
    return entry % len(names)
