"""What an index costs at a million codes and more: bytes, build, opening, memory, ms a query; ratios within one run.

    python benchmarks/scale.py [--items 1000000 10000000] [--bits 64] [--engines scan faiss,kind=ivf] [--compiled]
        [--random]

Codes are clustered, as in `search_speed.py`, and queries are other codes of the same clusters; or random. Every
engine builds an index of them, as `chash index build --engine` does, and a process of its own opens and searches it;
memory is what that process then has more than before, without pages of files. With `--compiled` it has imported numba
before, as a server has. Recall counts items as near as the tenth of an exact scan.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from search_speed import clustered, random

from crossmodal_hash.codes import Codes, nearest
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.opening.index import create_index, open_index
from crossmodal_hash.settings.flags import read_part

K, ROUNDS, PART = 10, 5, 1_000_000


def searched(where: str, queries: str, *, compiled: bool) -> None:
    """Open an index, search it in a batch and one by one, and print what that took."""
    asked = np.load(queries)
    if compiled:
        nearest(asked, asked, 8 * asked.shape[1], K, loop="numba")
    before = _memory()
    started = time.perf_counter()
    index = open_index(where)
    found = index.search(asked[:1], K)
    first = time.perf_counter() - started
    index.search(asked, K)
    batch, single = np.inf, np.inf
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = index.search(asked, K)
        batch = min(batch, (time.perf_counter() - started) / len(asked))
        started = time.perf_counter()
        index.search(asked[:1], K)
        single = min(single, time.perf_counter() - started)
    distances = [hits.distances.tolist() for hits in found]
    print(json.dumps({"first": first, "batch": batch, "single": single, "memory": _memory() - before,
                      "distances": distances}))  # fmt: skip


def _memory() -> int:
    """Bytes of this process that are its own, without pages of files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) * 1024


def main() -> None:
    """Build and search every engine, and print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--bits", type=int, default=64, help="a multiple of 8")
    parser.add_argument("--engines", nargs="+", default=["scan"])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--random", action="store_true", help="codes without any structure")
    parser.add_argument("--searched", nargs=2, metavar=("INDEX", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.searched:
        searched(*options.searched, compiled=options.compiled)
        return
    for items in options.items:
        packed = (random if options.random else clustered)(items + options.queries, options.bits)
        queries, packed = packed[: options.queries].copy(), packed[options.queries :]
        codes = Codes(packed, options.bits, np.char.zfill(np.arange(items).astype(np.str_), 9), "image")
        exact = [hits.distances for hits in InMemory(codes).search(queries, K)]
        print(f"\n{items:,} codes of {options.bits} bits, {options.queries} queries, {K} items each\n")
        print("| engine | build, s | bytes a code | first, ms | one query, ms | in a batch, ms | memory, MB | recall |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for engine in options.engines:
            with tempfile.TemporaryDirectory() as folder:
                where, asked = f"{folder}/index", f"{folder}/queries.npy"
                np.save(asked, queries)
                started = time.perf_counter()
                with create_index(where, codes, read_part(engine)) as index:
                    for start in range(0, items, PART):
                        index.add(codes.ids[start : start + PART].tolist(), codes.packed[start : start + PART])
                build = time.perf_counter() - started
                size = sum(path.stat().st_size for path in Path(where).rglob("*"))
                command = [sys.executable, __file__, "--searched", where, asked]
                command += ["--compiled"] if options.compiled else []
                said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                hits = [np.sum(np.array(d) <= e[-1]) for d, e in zip(said["distances"], exact, strict=True)]
                print(
                    f"| {engine} | {build:.1f} | {size / items:.1f} | {1000 * said['first']:.0f} | "
                    f"{1000 * said['single']:.2f} | {1000 * said['batch']:.2f} | {said['memory'] / 1e6:.0f} | "
                    f"{np.sum(hits) / (K * len(exact)):.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
