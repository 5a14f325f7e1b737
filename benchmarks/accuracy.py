"""Recipes by seeds on one data set: train, encode, evaluate by the real commands; prints a Markdown table of means.

    python benchmarks/accuracy.py DATA --query 1250 --train 4800 --recipes default,hsidhn --out runs/accuracy

Runs that are finished are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

DIRECTIONS = ("image->text", "text->image")
DATABASES = ("all", "unseen")


def chash(*argv: str, threads: int) -> str:
    """Standard output of one command."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "crossmodal_hash", *argv]
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def cell(out: Path, options: argparse.Namespace, recipe: str, seed: int) -> list[dict[str, Any]]:
    """Scores of one run, trained if it is not there."""
    run, threads = out / f"{recipe}-{options.bits}-{seed}", max(1, (os.cpu_count() or 2) // options.jobs)
    if not (run / "scores.json").exists():
        started = time.monotonic()
        sizes = ["--query", str(options.query), "--train", str(options.train), "--bits", str(options.bits)]
        data = ["--data", options.data, "--recipe", recipe, "--seed", str(seed)]
        chash("train", *data, *sizes, "--out", str(run), "-q", threads=threads)
        chash("encode", str(run), "-q", threads=threads)
        scores = chash("evaluate", str(run), "--json", threads=threads)
        (run / "scores.json").write_text(scores)
        print(f"{run.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    found = json.loads((run / "scores.json").read_text())
    rows: list[dict[str, Any]] = found["scores"] if isinstance(found, dict) else found
    return rows


def summary(cells: list[list[dict[str, Any]]], direction: str, database: str, what: str) -> str:
    """Mean and spread over seeds."""
    wanted = (direction, database)
    values = [row[what] for rows in cells for row in rows if (row["direction"], row["database"]) == wanted]
    return f"{mean(values):.4f} ± {pstdev(values):.4f}"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--query", type=int, required=True)
    parser.add_argument("--train", type=int, required=True)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--recipes", default="default,hsidhn,hsidhn-sim,hsidhn-bbi,dspah")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    recipes, seeds = options.recipes.split(","), [int(seed) for seed in options.seeds.split(",")]
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = {(r, s): pool.submit(cell, options.out, options, r, s) for s, r in product(seeds, recipes)}
        cells = {key: future.result() for key, future in futures.items()}
    columns = [(direction, database) for database in DATABASES for direction in DIRECTIONS]
    print("| recipe | " + " | ".join(f"{direction}, {database}" for direction, database in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for recipe in recipes:
        of_recipe = [cells[recipe, seed] for seed in seeds]
        print(f"| `{recipe}` | " + " | ".join(summary(of_recipe, *column, "expected") for column in columns) + " |")
    floor = [cells[recipes[0], seed] for seed in seeds]
    print("| random order | " + " | ".join(summary(floor, *column, "random") for column in columns) + " |")


if __name__ == "__main__":
    main()
