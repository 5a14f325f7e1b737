"""How much memory training has needed so far."""

from __future__ import annotations

import sys

import torch


def peak_memory(device: torch.device) -> float:
    """Gigabytes (10^9 bytes): tensors on a GPU at their most, or the whole process on a CPU; NaN where nobody knows.

    Example:
        >>> peak_memory(torch.device("cpu")) > 0.01
        True
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:
        return float("nan")
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
