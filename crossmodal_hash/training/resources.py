"""Available memory, to reject a fit that needs more, and the peak memory of training so far."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""Limit and use of the control group of a container, in versions 2 and 1."""


def available_memory() -> int | None:
    """Bytes that are available: free on the machine, or left for a container; None if unknown.

    It is unknown on Windows; a fit then starts and finds out.

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
        # Systems without /proc: all of the machine's memory is the only figure there is; Windows has none.
        names: Mapping[str, int] = getattr(os, "sysconf_names", {})
        if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups() -> Iterator[int]:
    for limit, used in GROUPS:
        try:
            yield max(int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")), 0)
        except (OSError, ValueError):
            continue  # no such group, or `max`: no limit


def peak_memory(device: torch.device) -> float:
    """Gigabytes (10^9 bytes): the peak of tensors on a GPU, or of the whole process on a CPU; NaN if unknown (Windows).

    Example:
        >>> peak_memory(torch.device("cpu")) > 0.01
        True
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    if sys.platform == "win32":  # where Python has no `resource`
        return float("nan")
    import resource

    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
