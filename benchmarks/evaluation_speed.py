"""How fast mAP is computed, against the script this field copies from paper to paper; prints one JSON line.

The script takes, per query, a float matrix product for the distances, one for the relevance and an argsort. Sizes are
those of NUS-WIDE with 21 labels. Run with one BLAS thread (OMP_NUM_THREADS=1) to compare core with core.

    python benchmarks/evaluation_speed.py --queries 200
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import load_matrix, pack, unpack
from crossmodal_hash.metrics import Labels, average_precision, count, in_order

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
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    n = options.queries + options.database
    if options.labels:
        pool = load_matrix(options.labels)
        labels = pool[rng.choice(len(pool), n, replace=n > len(pool))].astype(np.float32)
    else:
        labels = (rng.random((n, 21)) < 0.35 / np.sqrt(np.arange(1, 22))).astype(np.float32)
    hidden = labels @ rng.normal(size=(labels.shape[1], options.bits)) + 2 * rng.normal(size=(n, options.bits))
    codes, split = pack(hidden), options.queries
    query, database = codes[:split], codes[split:]

    few = min(options.script_queries, split)
    real = unpack(codes, options.bits).astype(np.float32)
    relevance = Labels(labels[:split], labels[split:])
    slow_value, values = 0.0, np.empty(0)
    clock: dict[str, list[float]] = {"script": [], "cpu script": [], "one": [], "cpu one": [], "two": []}
    for _ in range(options.rounds):  # in turns, so that other work on the machine disturbs all alike
        began = time.perf_counter(), time.process_time()
        slow_value = copied_script(real[:few], real[split:], labels[:few], labels[split:])
        clock["script"].append((time.perf_counter() - began[0]) / few)
        clock["cpu script"].append((time.process_time() - began[1]) / few)
        for threads, name in ((1, "one"), (2, "two")):
            began = time.perf_counter(), time.process_time()
            values = average_precision(count(query, database, options.bits, relevance, threads=threads))
            clock[name].append((time.perf_counter() - began[0]) / split)
            if threads == 1:
                clock["cpu one"].append((time.process_time() - began[1]) / split)
    best = {name: min(times) * 1e3 for name, times in clock.items()}
    rankings = in_order(query[:few], database, options.bits, Labels(labels[:few], labels[split:]))
    stable = float(np.mean([average_precision(ranking)[0] for ranking in rankings]))

    relevance = Labels(labels[:few], labels[split:])
    tracemalloc.start()
    count(query[:few], database, options.bits, relevance, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    line = {
        "benchmark": "evaluation_speed",
        "queries": split,
        "database": options.database,
        "bits": options.bits,
        "script_ms_per_query": round(best["script"], 3),
        "ms_per_query_one_thread": round(best["one"], 3),
        "ms_per_query_two_threads": round(best["two"], 3),
        "ratio_one_thread": round(best["script"] / best["one"], 1),
        "ratio_two_threads": round(best["script"] / best["two"], 1),
        "cpu_ratio_one_thread": round(best["cpu script"] / best["cpu one"], 1),
        "peak_extra_mb": round(peak / 1e6, 1),
        "map_all_expected": round(float(values.mean()), 6),
        "first_queries": {"script": round(slow_value, 6), "stable": round(stable, 6)},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
