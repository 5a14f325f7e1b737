"""For faiss: an `IndexBinaryFlat` in `codes.faiss`, which `faiss.read_index_binary` reads; needs faiss."""

from __future__ import annotations

from pathlib import Path

from crossmodal_hash.engines.engine import Packed
from crossmodal_hash.engines.faiss import imported, reported


def write(codes: Packed, bits: int, folder: Path) -> None:
    """Bits are padded with zeros to whole bytes, which changes no distance.

    Args:
        codes: packed, uint8 (N, ceil(K / 8)).
        bits: K.
        folder: where to.
    """
    faiss = imported()
    with reported("faiss cannot write these codes"):
        index = faiss.IndexBinaryFlat(8 * codes.shape[1])
        index.add(codes)
        # Written by Python, which notices a full disk; faiss does not where the last bytes do not fit.
        (folder / "codes.faiss").write_bytes(faiss.serialize_index_binary(index).data)
