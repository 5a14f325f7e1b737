"""What the kinds of index cost and find: recall at 10, ms a query, seconds to build, bytes on disk, in one run.

    OMP_NUM_THREADS=1 python benchmarks/engines.py [--items 200000] [--bits 64] [ENGINE ...]

An engine is written as for `chash index build --engine`. The codes are clustered, as in `search_speed.py`; the queries
are other codes of the same clusters. An item as near as the tenth counts as one of the ten nearest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from search_speed import clustered

from crossmodal_hash.codes import Codes, nearest
from crossmodal_hash.opening.index import create_index, open_index
from crossmodal_hash.settings.flags import read_part

QUERIES, K = 200, 10
ENGINES = (
    "scan",
    "faiss,kind=flat",
    "faiss,kind=ivf",
    "faiss,kind=ivf,nprobe=8",
    "faiss,kind=hnsw",
    "faiss,kind=hnsw,ef_construction=100",
    "faiss,kind=hash",
    "faiss,kind=hash,nflip=2",
)


def main() -> None:
    """One row for each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", default=ENGINES, metavar="ENGINE")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--bits", type=int, default=64, help="a multiple of 8")
    options = parser.parse_args()

    packed = clustered(options.items + QUERIES, options.bits)
    queries, packed = packed[:QUERIES], packed[QUERIES:]
    codes = Codes(packed, options.bits, np.arange(options.items), "image")
    furthest = nearest(queries, packed, options.bits, K)[1][:, -1:]
    print(f"{options.items:,} codes of {options.bits} bits, {QUERIES} queries\n")
    print("| engine | recall at 10 | ms, one query | ms, all at once | s to build | ms to open | bytes a code |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for engine in options.engines:
        with tempfile.TemporaryDirectory() as folder:
            where = f"{folder}/index"
            started = time.perf_counter()
            with create_index(where, codes, read_part(engine)) as made:
                made.add(codes.ids.tolist(), packed)
            built = time.perf_counter() - started
            size = sum(path.stat().st_size for path in Path(where).iterdir())
            started = time.perf_counter()
            with open_index(where) as index:
                index.search(queries[:1], K)
                opened = time.perf_counter() - started
                started = time.perf_counter()
                found = [index.search(query[None], K)[0] for query in queries]
                one = time.perf_counter() - started
                started = time.perf_counter()
                index.search(queries, K)
                together = time.perf_counter() - started
        recall = np.mean([hits.distances <= limit for hits, limit in zip(found, furthest, strict=True)])
        cells = (f"{one / QUERIES * 1000:.2f}", f"{together / QUERIES * 1000:.2f}", f"{built:.1f}")
        print(f"| `{engine}` | {recall:.3f} | {' | '.join(cells)} | {opened * 1000:.0f} | {size / options.items:.0f} |")


if __name__ == "__main__":
    main()
