"""For Qdrant, which has no Hamming distance: codes as vectors of -1 and 1, and the collection to upload them into.

The inner product of two codes in {-1, 1} is K - 2 Hamming distance, so that `Dot` orders as the Hamming distance does,
and binary quantization, which keeps one bit of each value (1 for those above 0), loses nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crossmodal_hash.atomic import write_json
from crossmodal_hash.codes.bits import unpack
from crossmodal_hash.engines.engine import Packed

ROWS = 65_536


def write(codes: Packed, bits: int, folder: Path) -> None:
    """`vectors.npy`, int8 (N, K), and `collection.json`, the request that creates the collection.

    Args:
        codes: packed, uint8 (N, ceil(K / 8)).
        bits: K.
        folder: where to.
    """
    write_json(
        folder / "collection.json",
        {
            # Searched are the bits; the vectors behind them are exact in half precision, and not needed in memory.
            "vectors": {"size": bits, "distance": "Dot", "datatype": "float16", "on_disk": True},
            "quantization_config": {"binary": {"always_ram": True}},
        },
    )
    with (folder / "vectors.npy").open("wb") as file:
        header = {"descr": "|i1", "fortran_order": False, "shape": (len(codes), bits)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(codes), ROWS):
            file.write(unpack(codes[start : start + ROWS], bits).data)
