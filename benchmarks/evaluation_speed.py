"""How fast mAP is computed, against the script this field copies from paper to paper; prints one JSON line.

The script takes, per query, a float matrix product for the distances, one for the relevance and an argsort. Sizes are
those of NUS-WIDE with 21 labels. Run with one BLAS thread (OMP_NUM_THREADS=1) to compare core with core. `numpy` is the
path every installation has, `numba` the one the extra `fast` adds; both are checked to give the same counts. `stable`
ranks with ties in database order instead, which is what the script does.

    python benchmarks/evaluation_speed.py --queries 200
    python benchmarks/evaluation_speed.py --stream 10000000

With `--stream N` it counts, instead, a database of N codes in a memory-mapped file, and one of N / 10 beside it: the
memory taken must not grow with N.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import load_matrix, pack, unpack
from crossmodal_hash.metrics import Engine, Labels, average_precision, count, in_order

Matrix = NDArray[Any]


def copied_script(q: Matrix, database: Matrix, q_labels: Matrix, labels: Matrix) -> float:
    """map@all as most repositories of the field compute it, on -1 / +1 float matrices."""
    total = 0.0
    for code, label in zip(q, q_labels, strict=True):
        relevant = (label @ labels.T > 0).astype(np.float32)
        distance = 0.5 * (database.shape[1] - code @ database.T)
        relevant = relevant[np.argsort(distance)]
        hits = int(relevant.sum())
        if hits:
            ranks = np.flatnonzero(relevant == 1) + 1.0
            total += float(np.mean(np.linspace(1, hits, hits) / ranks))
    return total / len(q)


def main() -> None:
    """Time both on the same codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=2100)
    parser.add_argument("--database", type=int, default=188_321)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--script-queries", type=int, default=50, help="queries the slow script is timed on")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--labels", type=Path, help="0/1 matrix to draw the items from; otherwise labels are made up")
    parser.add_argument("--stream", type=int, metavar="N", help="count N codes in a memory-mapped file instead")
    options = parser.parse_args()
    line = stream(options.stream, options.bits) if options.stream else compare(options)
    print(json.dumps(line))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """The script and the counting paths in turns, so that other work on the machine disturbs all alike."""
    rng = np.random.default_rng(0)
    n, split = options.queries + options.database, options.queries
    if options.labels:
        pool = load_matrix(options.labels)
        labels = pool[rng.choice(len(pool), n, replace=n > len(pool))].astype(np.float32)
    else:
        labels = made_up_labels(rng, n).astype(np.float32)
    hidden = labels @ rng.normal(size=(labels.shape[1], options.bits)) + 2 * rng.normal(size=(n, options.bits))
    codes = pack(hidden)
    query, database = codes[:split], codes[split:]

    few = min(options.script_queries, split)
    real = unpack(codes, options.bits).astype(np.float32)
    relevance = Labels(labels[:split], labels[split:])
    engines: list[Engine] = ["numpy", "numba"] if importlib.util.find_spec("numba") else ["numpy"]
    for engine in engines:  # compile, and warm the caches
        count(query[:2], database, options.bits, Labels(labels[:2], labels[split:]), engine=engine)

    slow_value, stable, value, tables = 0.0, 0.0, 0.0, {}
    clock: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        began = time.perf_counter()
        slow_value = copied_script(real[:few], real[split:], labels[:few], labels[split:])
        clock.setdefault("script", []).append((time.perf_counter() - began) / few)
        began = time.perf_counter()
        rankings = in_order(query[:few], database, options.bits, Labels(labels[:few], labels[split:]))
        stable = float(np.mean(np.concatenate([average_precision(ranking) for ranking in rankings])))
        clock.setdefault("stable", []).append((time.perf_counter() - began) / few)
        for engine in engines:
            for threads in (1, 2):
                began = time.perf_counter()
                counts = count(query, database, options.bits, relevance, threads=threads, engine=engine)
                tables[engine], value = counts, float(average_precision(counts).mean())
                clock.setdefault(f"{engine}_{threads}", []).append((time.perf_counter() - began) / split)
    best = {name: min(times) * 1e3 for name, times in clock.items()}
    return {
        "benchmark": "evaluation_speed",
        "queries": split,
        "database": options.database,
        "bits": options.bits,
        "ms_per_query": {name: round(value, 3) for name, value in best.items()},
        "ratio": {name: round(best["script"] / value, 1) for name, value in best.items() if name != "script"},
        "same_counts": all((table.relevant == tables["numpy"].relevant).all() for table in tables.values()),
        "peak_extra_mb": {
            engine: round(peak(query, database, options.bits, relevance, engine), 1) for engine in engines
        },
        "map_all_expected": round(value, 6),
        "first_queries": {"script": round(slow_value, 6), "stable": round(stable, 6)},
    }


def stream(n: int, bits: int) -> dict[str, Any]:
    """Count 64 queries against n and n / 10 codes in files, and say what memory that took."""
    line: dict[str, Any] = {"benchmark": "evaluation_stream", "queries": 64, "database": n, "bits": bits}
    with tempfile.TemporaryDirectory() as folder:
        codes, labels = Path(folder) / "codes.npy", Path(folder) / "labels.npy"
        rng = np.random.default_rng(0)
        code_file = np.lib.format.open_memmap(codes, "w+", np.uint8, (n, -(-bits // 8)))
        label_file = np.lib.format.open_memmap(labels, "w+", np.uint8, (n, CLASSES))
        for start in range(0, n, 500_000):
            part = slice(start, min(start + 500_000, n))
            rows = part.stop - start
            label_file[part] = made_up_labels(rng, rows)
            code_file[part] = pack(rng.normal(size=(rows, bits)))
        code_file.flush()
        label_file.flush()
        del code_file, label_file
        database, relevant = np.load(codes, mmap_mode="r"), np.load(labels, mmap_mode="r")
        query = pack(rng.normal(size=(64, bits)))
        asked = made_up_labels(rng, 64)
        for name, rows in (("tenth", n // 10), ("all", n)):
            relevance = Labels(asked, relevant[:rows])
            began = time.perf_counter()
            line[f"map_all_{name}"] = float(average_precision(count(query, database[:rows], bits, relevance)).mean())
            line[f"seconds_{name}"] = round(time.perf_counter() - began, 2)
            line[f"peak_extra_mb_{name}"] = round(peak(query, database[:rows], bits, relevance, None), 1)
    return line


CLASSES = 21


def made_up_labels(rng: np.random.Generator, rows: int) -> Matrix:
    """Labels as uneven as those of real photographs, (rows, 21) in {0, 1}."""
    return (rng.random((rows, CLASSES)) < 0.35 / np.sqrt(np.arange(1, CLASSES + 1))).astype(np.uint8)


def peak(query: Matrix, database: Matrix, bits: int, relevance: Labels, engine: Engine | None) -> float:
    """Megabytes that counting takes above its inputs."""
    tracemalloc.start()
    count(query, database, bits, relevance, engine=engine)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken / 1e6


if __name__ == "__main__":
    main()
