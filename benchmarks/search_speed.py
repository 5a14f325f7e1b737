"""How fast the exact scan of `chash search` is: ratios to a bare pass over the same bytes and to faiss, in one run.

    python benchmarks/search_speed.py [--items 1000000] [--bits 64] [--threads 1] [--random]

The codes are clustered, as learned codes are: 2,000 random centers, of whose bits a tenth is flipped; or random. 100
queries, the ten nearest. `bare pass` computes all distances by numpy and throws them away, so that no exact scan by the
same kernel can be faster. numba is the extra `fast`, faiss is `IndexBinaryFlat` (the extra `faiss`), where installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import distances, nearest
from crossmodal_hash.codes.nearest import ITEMS
from crossmodal_hash.codes.nearest import QUERIES as TOGETHER

QUERIES, K, ROUNDS = 100, 10, 5
CENTERS, FLIPPED = 2_000, 0.1


def clustered(items: int, bits: int, seed: int = 0) -> NDArray[np.uint8]:
    """Packed codes (N, bits / 8) around random centers."""
    rng = np.random.default_rng(seed)
    centers = rng.integers(0, 256, (CENTERS, bits // 8), dtype=np.uint8)
    codes = centers[rng.integers(0, CENTERS, items)]
    for start in range(0, items, ITEMS):
        block = codes[start : start + ITEMS]
        block ^= np.packbits(rng.random((len(block), bits)) < FLIPPED, axis=1, bitorder="little")
    return codes


def random(items: int, bits: int, seed: int = 0) -> NDArray[np.uint8]:
    """Packed codes (N, bits / 8) without any structure."""
    return np.random.default_rng(seed).integers(0, 256, (items, bits // 8), dtype=np.uint8)


def bare_pass(queries: NDArray[np.uint8], database: NDArray[np.uint8], bits: int) -> None:
    """All distances, in the blocks of the scan, for nothing."""
    for first in range(0, len(queries), TOGETHER):
        for start in range(0, len(database), ITEMS):
            distances(queries[first : first + TOGETHER], database[start : start + ITEMS], bits)


def flat(database: NDArray[np.uint8], bits: int, threads: int) -> Callable[[NDArray[np.uint8]], Any] | None:
    """The search of faiss, or None without faiss."""
    try:
        faiss = importlib.import_module("faiss")
    except ImportError:
        return None
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexBinaryFlat(bits)
    index.add(database)
    return lambda queries: index.search(queries, K)


def main() -> None:
    """Time in turns, and print the shortest of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--bits", type=int, default=64, help="a multiple of 8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="codes without any structure")
    options = parser.parse_args()

    database = (random if options.random else clustered)(options.items, options.bits)
    queries = database[:: max(1, len(database) // QUERIES)][:QUERIES].copy()
    threads = 1 if options.threads == 1 else None
    ways: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
        "bare pass": lambda q: bare_pass(q, database, options.bits),
        "scan": lambda q: nearest(q, database, options.bits, K, threads=threads, loop="numpy"),
    }
    if importlib.util.find_spec("numba") is not None:
        ways["scan, numba"] = lambda q: nearest(q, database, options.bits, K, threads=options.threads, loop="numba")
        ways["scan, numba"](queries)  # compiled now, not in the first round
    if (faiss := flat(database, options.bits, options.threads)) is not None:
        ways["faiss Flat"] = faiss
    shortest = dict.fromkeys([(name, n) for name in ways for n in (1, len(queries))], np.inf)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            for n in (1, len(queries)):
                started = time.perf_counter()
                way(queries[:n])
                shortest[name, n] = min(shortest[name, n], (time.perf_counter() - started) / n)
    print(
        f"{options.items:,} codes of {options.bits} bits, {options.threads} threads, ms a query, and how many times as "
        f"long as the scan\n"
    )
    print(f"| | one query | {len(queries)} queries at once |\n|---|---:|---:|")
    for name in ways:
        cells = (
            f"{shortest[name, n] * 1000:.2f} ({shortest[name, n] / shortest['scan', n]:.2f})" for n in (1, QUERIES)
        )
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
