"""How much memory is left, so that a fit that cannot end is not begun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""Limit and use of the control group a container runs in, in versions 2 and 1."""


def available_memory() -> int | None:
    """Bytes that can still be had: what the machine has free, or what a container may still take; None if unknown.

    Example:
        >>> (available_memory() or 10**9) > 0
        True
    """
    known = [*_machine(), *_groups()]
    return min(known) if known else None


def _machine() -> Iterator[int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        yield next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        # Systems without /proc: all of the machine's memory is the only figure there is.
        if {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(os.sysconf_names):
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups() -> Iterator[int]:
    for limit, used in GROUPS:
        try:
            yield max(int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")), 0)
        except (OSError, ValueError):
            continue  # no such group, or `max`: no limit
