"""Mutation tester: make small wrong changes to the code and list those that no test detects.

    python tools/mutate.py map                        record which test executes which lines; again after changes
    python tools/mutate.py run --sample 300 --seed 0  try a random sample of mutants of the core, or of the paths given
    python tools/mutate.py show 17                    the diff of mutant 17 and its result

State is kept under `.mutate/`, and no file of the project is changed: each mutant is tried in a fork of this process,
which has imported torch and other libraries but nothing of the project, and an import hook compiles the mutant instead
of the file. An interrupted run continues where it stopped. New tests are mapped with `map tests/metrics/test_new.py`;
`run --again` then tries the survivors once more.

A mutant is tried with the tests that execute its statement, themselves or in a fixture they share, fastest first, until
one fails. Code that is executed on import is tried with some tests that together execute all lines of the module. Tests
that are skipped or fail while they are mapped are not used and listed by `map`. A subprocess that a test starts runs
without the mutant. At the end, tests that killed a mutant run once without one, and those that fail do not count.

Mutants that behave like the original are listed in `tools/mutants_equivalent.txt` and not counted, one a line:
`file: code before => code after  # reason`.

Why not an existing tool: cosmic-ray imports torch anew and runs all tests for every mutant. mutmut 3 mutates only code
within functions, error messages included, never drops a call or forces a condition, cannot mutate what numba compiles,
and credits a shared fixture to the first test that uses it.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import shorten
from typing import Any

import pytest
from mutation.forks import FAULT, Ended, Task, run_forked
from mutation.line_map import LineMap, map_tests
from mutation.mutants import Mutant, mutants
from mutation.running import run_tests

ROOT = Path(__file__).parents[1]
CORE = [
    "crossmodal_hash/training", "crossmodal_hash/runs", "crossmodal_hash/evaluation.py", "crossmodal_hash/objective.py",
    "crossmodal_hash/report/conventions.py", "crossmodal_hash/codes", "crossmodal_hash/metrics",
]  # fmt: skip
PRELOADED = [
    "torch", "torchvision", "numpy", "scipy.sparse", "scipy.special", "scipy.stats", "sklearn", "h5py",
    "matplotlib.figure", "PIL.Image", "pydantic", "rich", "typer", "jinja2", "safetensors.torch",
]  # fmt: skip
"""Imported once, before forking. Not numba, which reads the place of its cache when it is imported."""
SURVIVED = ("survived", "not covered")
PATIENCE = 20.0
"""CPU seconds a mutant may use besides five times what its tests need without it."""


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    mapping = commands.add_parser("map", help="record which test executes which lines")
    mapping.add_argument("paths", nargs="*", help="test files or folders; all by default")
    running = commands.add_parser("run", help="try a sample of mutants")
    running.add_argument("paths", nargs="*", help="files or folders to mutate; the core by default")
    running.add_argument("--sample", type=int, default=300, help="number of mutants")
    running.add_argument("--seed", type=int, default=0, help="seed of the sample")
    running.add_argument("--budget", type=float, default=120, help="CPU seconds of tests for one mutant at most")
    running.add_argument("--again", action="store_true", help="try survivors once more")
    for command in (mapping, running):
        command.add_argument("--jobs", type=int, default=2, help="parallel processes")
    commands.add_parser("show", help="print a mutant's diff and result").add_argument("number", type=int)
    args = parser.parse_args(argv)
    root = root.resolve()
    if args.command == "map":
        map_tests(root, [root / path for path in args.paths], args.jobs)
    elif args.command == "run":
        run(root, [root / path for path in args.paths or CORE], args)
    else:
        show(root, args.number)
    return 0


def run(root: Path, paths: Sequence[Path], args: argparse.Namespace) -> None:
    """Try a sample of the mutants of some files and print the survivors."""
    found = list(mutants(root, paths))
    sample = random.Random(args.seed).sample(found, min(args.sample, len(found)))
    tests = LineMap(root, args.budget)
    tests.refuse_old(sample)
    equivalent = _equivalent(root)
    counted = [mutant for mutant in sample if mutant.label not in equivalent]
    results = Results(root)
    left = [mutant for mutant in counted if not results.has(mutant, again=args.again)]
    print(f"{len(tests.own)} tests, {len(tests.unusable)} others not usable")
    print(f"{len(sample)} of {len(found)} mutants, {len(sample) - len(counted)} of them known to be equivalent")
    print(f"{len(left)} to be tried", flush=True)
    for (mutant, chosen, left_out), ended in run_forked(_tasks(root, left, tests, results), args.jobs):
        results.add(mutant, chosen, left_out, ended)
    rows = [results.rows[mutant.key] for mutant in counted]
    _summarize(rows, _false_alarms(root, rows, tests))
    for label in sorted(equivalent - {mutant.label for mutant in found}):
        if (root / label.partition(": ")[0]) in {root / mutant.file for mutant in found}:
            print(f"tools/mutants_equivalent.txt lists a mutant that does not exist: {label}")


def _equivalent(root: Path) -> set[str]:
    file = root / "tools" / "mutants_equivalent.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {line.partition("  # ")[0] for line in lines if line and not line.startswith("#")}


def _tasks(
    root: Path, left: Iterable[Mutant], tests: LineMap, results: Results
) -> Iterator[tuple[tuple[Mutant, int, int], Task, float]]:
    for mutant in left:
        chosen, left_out = tests.choose(mutant)
        if chosen:
            limit = PATIENCE + 5 * tests.seconds(chosen)
            yield (mutant, len(chosen), left_out), partial(run_tests, root, mutant, chosen), limit
        else:
            results.add(mutant, 0, 0, None)


def _false_alarms(root: Path, rows: Iterable[dict[str, Any]], tests: LineMap) -> set[str]:
    """Tests that killed a mutant but fail without one as well."""
    killers = sorted({row["by"] for row in rows if row["result"] == "killed"} & set(tests.own), key=tests.alone)
    if not killers:
        return set()
    limit = PATIENCE + 5 * tests.seconds(killers)
    ((_, ended),) = run_forked([("control", partial(run_tests, root, None, killers), limit)], 1)
    if ended.code is None or not ended.result:
        raise SystemExit(f"the tests that killed mutants could not be run without one:\n{ended.output[-2000:]}")
    return set(ended.result["failed"])


def _summarize(rows: list[dict[str, Any]], false_alarms: set[str]) -> None:
    doubtful = [row for row in rows if row["by"] in false_alarms]
    rows = [row for row in rows if row["by"] not in false_alarms]
    counts = Counter(row["result"] for row in rows)
    print("\nsurvivors:")
    for row in sorted(rows, key=lambda row: (row["file"], row["line"])):
        if row["result"] in SURVIVED:
            print(_line(row))
    if doubtful:
        print("\nnot counted, since the test that failed also fails without a mutant:")
        for row in doubtful:
            print(_line(row))
    killed = counts["killed"] + counts["timeout"]
    print("\n" + ", ".join(f"{counts[kind]} {kind}" for kind in ("killed", "timeout", *SURVIVED)))
    print(f"mutation score: {killed} of {len(rows)}, {100 * killed / max(len(rows), 1):.1f} %")


class Results:
    """Results of mutants, in `.mutate/results.jsonl`; the last line about a mutant is valid."""

    def __init__(self, root: Path) -> None:
        self.file = root / ".mutate" / "results.jsonl"
        written = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        self.rows: dict[str, dict[str, Any]] = {row["key"]: row for row in map(json.loads, written)}

    def has(self, mutant: Mutant, *, again: bool) -> bool:
        """Whether a mutant need not be tried."""
        row = self.rows.get(mutant.key)
        return row is not None and not (again and row["result"] in SURVIVED)

    def add(self, mutant: Mutant, tests: int, left_out: int, ended: Ended | None) -> None:
        """Write and print a result.

        Args:
            mutant: what was tried.
            tests: number of tests it was tried with.
            left_out: number of tests that the budget left out.
            ended: of the child process; None if no test executes the mutant.
        """
        old = self.rows.get(mutant.key)
        row = {
            "number": old["number"] if old else len(self.rows) + 1,
            "tests": tests,
            "left_out": left_out,
            **{name: getattr(mutant, name) for name in ("file", "line", "label", "diff", "key")},
            **_result(ended),
        }
        self.rows[mutant.key] = row
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(_line(row), flush=True)


def _result(ended: Ended | None) -> dict[str, Any]:
    if ended is None:
        return {"result": "not covered", "by": "", "busy": 0.0}
    if ended.code == FAULT:
        raise SystemExit(ended.output)
    if ended.code is None:
        result, by = "timeout", ""
    elif ended.code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        result, by = "survived", ""
    else:
        # No test failed where pytest itself did not start, for instance since conftest.py could not be imported.
        reasons = [*ended.result.get("failed", []), *ended.output.strip().splitlines()[-1:], f"exit code {ended.code}"]
        result, by = "killed", reasons[0]
    return {"result": result, "by": by, "busy": round(ended.busy, 2)}


def _line(row: dict[str, Any]) -> str:
    tried = f"{row['tests']} tests" + (f", {row['left_out']} more left out" if row["left_out"] else "")
    change = shorten(row["label"].partition(": ")[2], 200)
    why = f"{row['busy']:.1f} s, {row['by'] or tried}"
    return f"{row['result']:<11} {row['number']:>4}  {row['file']}:{row['line']}  {change}  ({why})"


def show(root: Path, number: int) -> None:
    """Print the diff of a mutant, its result and the line that would list it as equivalent."""
    rows = [row for row in Results(root).rows.values() if row["number"] == number]
    if not rows:
        raise SystemExit(f"there is no mutant {number}")
    print(f"{rows[0]['diff']}\n{_line(rows[0])}")
    print(f"\nto list it in tools/mutants_equivalent.txt:\n{rows[0]['label']}  # ")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads do not survive a fork, and the children share the cores
    for library in PRELOADED:
        importlib.import_module(library)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()  # garbage collection in the children need not visit what they share
    sys.exit(main())
