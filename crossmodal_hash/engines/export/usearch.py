"""For USearch: an index of bits by Hamming distance in `codes.usearch`, keys are rows; needs usearch."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from crossmodal_hash.engines.engine import Packed
from crossmodal_hash.errors import CodesError


def write(codes: Packed, bits: int, folder: Path) -> None:
    """Bits are padded with zeros to whole bytes, which changes no distance.

    Args:
        codes: packed, uint8 (N, ceil(K / 8)).
        bits: K.
        folder: where to.

    Raises:
        CodesError: if usearch is not installed or refuses.
    """
    try:
        usearch = importlib.import_module("usearch.index")
    except ImportError as error:
        raise CodesError("files for USearch are written by usearch; install it: pip install usearch") from error
    try:
        index = usearch.Index(ndim=8 * codes.shape[1], metric=usearch.MetricKind.Hamming, dtype=usearch.ScalarKind.B1)
        index.add(np.arange(len(codes), dtype=np.uint64), codes)
        saved = index.save()
    except Exception as error:
        raise CodesError(f"usearch cannot write these codes ({error}); install a newer one") from error
    (folder / "codes.usearch").write_bytes(saved)
