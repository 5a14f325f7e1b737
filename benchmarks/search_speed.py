"""How fast `nearest` scans: codes a second, and its ratio to a whole float product and a sort, in the same run."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from crossmodal_hash.codes import nearest, pack


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--bits", type=int, default=64)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    u, v = (rng.standard_normal((n, given.bits), np.float32) for n in (given.queries, given.items))
    a, b, signs = pack(u), pack(v), np.where(v >= 0, np.float32(1), np.float32(-1))
    start = time.perf_counter()
    rows, distances = nearest(a, b, given.bits, 10)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    products = np.where(u >= 0, np.float32(1), np.float32(-1)) @ signs.T
    order = np.argsort(-products, axis=1, kind="stable")[:, :10]
    theirs = time.perf_counter() - start
    assert (order == rows).all()
    said = {"items": given.items, "queries": given.queries, "bits": given.bits, "seconds": round(ours, 3)}
    said["million_codes_per_second_and_query"] = round(given.items * given.queries / ours / 1e6, 1)
    print(json.dumps(said | {"times_faster": round(theirs / ours, 1), "furthest": int(distances.max())}))


if __name__ == "__main__":
    main()
