"""Try the tests with small wrong changes of the code; those that no test notices show what is not tested.

    python tools/mutate.py map                        which test executes which lines; once, and after changes
    python tools/mutate.py run --sample 300 --seed 0  a random sample of the mutants of the core, or of the paths given
    python tools/mutate.py show 17                    the diff of mutant 17, and how it ended

Everything is kept under `.mutate/`, and no file of the project is changed: a mutant is a fork of a process that has
imported torch and the like but nothing of the project, and the changed source is compiled in place of the file. A run
that was interrupted goes on where it was; a file that was changed has new mutants. New tests are mapped with
`map tests/metrics/test_new.py`, and `run --again` tries once more what survived.

A mutant is tried with the tests that execute its statement, the fastest first, until one fails; what a fixture for
several tests executes counts for each of them. A statement that is executed on import is tried with some tests that
between them execute all lines of the module. A test that starts another process does not see the mutant there. At the
end the tests that killed something run once more without a mutant: one that fails even so is no witness.

Known tools were looked at first. cosmic-ray writes a mutant into the file and starts a process for it that imports
torch again and runs all tests. mutmut 3 forks, and takes a sample as a list of names; but it mutates functions only,
messages included, drops no call, decides no `if`, cannot mutate what numba compiles, and credits what a shared fixture
executes to the first test that asks for it, so that mutants of training would survive for want of the right tests.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from textwrap import shorten
from typing import Any

import pytest
from mutation.forks import FAULT, Action, Ended, forks
from mutation.line_map import LineMap, map_tests
from mutation.mutants import Mutant, mutants
from mutation.running import try_tests

ROOT = Path(__file__).parents[1]
DEFAULT = [
    "crossmodal_hash/training", "crossmodal_hash/runs", "crossmodal_hash/evaluation.py", "crossmodal_hash/objective.py",
    "crossmodal_hash/report/conventions.py", "crossmodal_hash/codes", "crossmodal_hash/metrics",
]  # fmt: skip
HEAVY = [
    "torch", "torchvision", "numpy", "scipy.sparse", "scipy.special", "scipy.stats", "sklearn", "h5py",
    "matplotlib.figure", "PIL.Image", "pydantic", "rich", "typer", "jinja2", "safetensors.torch",
]  # fmt: skip
"""Imported once for all forks; not numba, which must be told first where the machine code of a mutant is to lie."""
SURVIVED = ("survived", "not covered")
PATIENCE = 20.0
"""Seconds of the processor that a mutant may use, besides five times what its tests need without one."""


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Map, run or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    mapping = commands.add_parser("map", help="note which test executes which lines")
    mapping.add_argument("paths", nargs="*", help="renew these test files or folders only")
    running = commands.add_parser("run", help="try the tests with a sample of mutants")
    running.add_argument("paths", nargs="*", help="what is mutated")
    running.add_argument("--sample", type=int, default=300, help="how many mutants")
    running.add_argument("--seed", type=int, default=0, help="of the sample")
    running.add_argument("--budget", type=float, default=120, help="seconds of tests for one mutant at most")
    running.add_argument("--again", action="store_true", help="try what survived once more")
    for command in (mapping, running):
        command.add_argument("--jobs", type=int, default=2, help="forks at a time")
    commands.add_parser("show", help="the diff of a mutant and how it ended").add_argument("number", type=int)
    asked = parser.parse_args(argv)
    root = root.resolve()
    if asked.command == "map":
        map_tests(root, [root / path for path in asked.paths], asked.jobs)
    elif asked.command == "run":
        run(root, [root / path for path in asked.paths or DEFAULT], asked)
    else:
        show(root, asked.number)
    return 0


def run(root: Path, paths: Sequence[Path], asked: argparse.Namespace) -> None:
    """Try the tests with a sample of the mutants of some files, and say what they did not notice."""
    found = list(mutants(root, paths))
    sample = random.Random(asked.seed).sample(found, min(asked.sample, len(found)))
    tests = LineMap(root, asked.budget)
    tests.refuse_old(sample)
    equivalent = _Equivalent(root)
    counted = [mutant for mutant in sample if mutant not in equivalent]
    results = Results(root)
    left = [mutant for mutant in counted if not results.has(mutant, again=asked.again)]
    print(f"{len(sample)} of {len(found)} mutants, {len(sample) - len(counted)} of them known to be equivalent")
    print(f"{len(left)} to be tried", flush=True)
    for mutant, ended in forks(_tasks(root, left, tests, results), asked.jobs):
        results.add(mutant, ended)
    rows = [results.rows[mutant.key] for mutant in counted]
    _summarize(rows, _false_witnesses(root, rows, tests))
    for line in equivalent.unknown(found):
        print(f"tools/mutants_equivalent.txt knows a mutant that there is not: {line}")


def _tasks(
    root: Path, left: Iterable[Mutant], tests: LineMap, results: Results
) -> Iterator[tuple[Mutant, Action, float]]:
    for mutant in left:
        chosen, left_out = tests.choose(mutant)
        results.begin(mutant, len(chosen), left_out)
        if chosen:
            yield mutant, partial(try_tests, root, mutant, chosen), PATIENCE + 5 * tests.seconds(chosen)
        else:
            results.add(mutant, None)


def _false_witnesses(root: Path, rows: Iterable[dict[str, Any]], tests: LineMap) -> set[str]:
    """Tests that killed a mutant, and fail without one as well when they are run like that."""
    witnesses = sorted({row["by"] for row in rows if row["result"] == "killed"} & set(tests.own), key=tests.alone)
    if not witnesses:
        return set()
    limit = PATIENCE + 5 * tests.seconds(witnesses)
    ((_, ended),) = forks([("control", partial(try_tests, root, None, witnesses), limit)], 1)
    if ended.code is None or not ended.said:
        raise SystemExit(f"the tests that killed mutants could not be run without one:\n{ended.output[-2000:]}")
    return set(ended.said["failed"])


def _summarize(rows: list[dict[str, Any]], false: set[str]) -> None:
    doubtful = [row for row in rows if row["by"] in false]
    rows = [row for row in rows if row["by"] not in false]
    counts = Counter(row["result"] for row in rows)
    print("\nsurvivors:")
    for row in sorted(rows, key=lambda row: (row["file"], row["line"])):
        if row["result"] in SURVIVED:
            print(_line(row))
    if doubtful:
        print("\nkilled by tests that fail without a mutant as well, and not counted:")
        for row in doubtful:
            print(_line(row))
    noticed = counts["killed"] + counts["timeout"]
    print("\n" + ", ".join(f"{counts[kind]} {kind}" for kind in ("killed", "timeout", "survived", "not covered")))
    print(f"killed: {noticed} of {len(rows)}, {100 * noticed / max(len(rows), 1):.1f} %")


class Results:
    """What became of mutants, in `.mutate/results.jsonl`; of several lines for one mutant the last is true."""

    def __init__(self, root: Path) -> None:
        self.file = root / ".mutate" / "results.jsonl"
        written = self.file.read_text().splitlines() if self.file.exists() else []
        self.rows: dict[str, dict[str, Any]] = {row["key"]: row for row in map(json.loads, written)}
        self.numbers = count(1 + max((row["number"] for row in self.rows.values()), default=0))
        self.begun: dict[str, dict[str, Any]] = {}

    def has(self, mutant: Mutant, *, again: bool) -> bool:
        """Whether nothing is to be done about it."""
        row = self.rows.get(mutant.key)
        return row is not None and not (again and row["result"] in SURVIVED)

    def begin(self, mutant: Mutant, tests: int, left_out: int) -> None:
        """Note with how many tests it is tried, and how many there are besides."""
        old = self.rows.get(mutant.key)
        number = old["number"] if old else next(self.numbers)
        self.begun[mutant.key] = {"number": number, "tests": tests, "left_out": left_out}

    def add(self, mutant: Mutant, ended: Ended | None) -> None:
        """Write and print how it ended; None if no test executes it."""
        row = {
            **self.begun.pop(mutant.key),
            **{name: getattr(mutant, name) for name in ("file", "line", "change", "diff", "key")},
            **_result(ended),
        }
        self.rows[mutant.key] = row
        with self.file.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(_line(row), flush=True)


def _result(ended: Ended | None) -> dict[str, Any]:
    if ended is None:
        return {"result": "not covered", "by": "", "seconds": 0.0, "busy": 0.0}
    if ended.code == FAULT:
        raise SystemExit(ended.output)
    if ended.code is None:
        result, by = "timeout", ""
    elif ended.code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        result, by = "survived", ""
    else:
        # Nothing failed where the mutant ended pytest itself, as one does that `conftest.py` cannot import.
        said = [*ended.said.get("failed", []), *ended.output.strip().splitlines()[-1:], f"exit code {ended.code}"]
        result, by = "killed", said[0]
    return {"result": result, "by": by, "seconds": round(ended.seconds, 2), "busy": round(ended.busy, 2)}


def _line(row: dict[str, Any]) -> str:
    tried = f"{row['tests']} tests" + (f", {row['left_out']} more left out" if row["left_out"] else "")
    why = f"{row['busy']:.1f} s, {row['by'] or tried}"
    return (
        f"{row['result']:<11} {row['number']:>4}  {row['file']}:{row['line']}  {shorten(row['change'], 200)}  ({why})"
    )


class _Equivalent:
    """Mutants that change nothing anybody could notice: `file: before => after - reason`, one a line."""

    def __init__(self, root: Path) -> None:
        file = root / "tools" / "mutants_equivalent.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        self.lines = [line for line in lines if line and not line.startswith("#")]

    def __contains__(self, mutant: Mutant) -> bool:
        return any(line.startswith(f"{mutant.file}: {mutant.change} - ") for line in self.lines)

    def unknown(self, found: list[Mutant]) -> list[str]:
        """Lines about the files of these mutants that fit none of them."""
        known = tuple(f"{mutant.file}: {mutant.change} - " for mutant in found)
        files = tuple({f"{mutant.file}: " for mutant in found})
        return [line for line in self.lines if line.startswith(files) and not line.startswith(known)]


def show(root: Path, number: int) -> None:
    """Print a mutant that was tried, and the line that would call it equivalent."""
    rows = [row for row in Results(root).rows.values() if row["number"] == number]
    if not rows:
        raise SystemExit(f"no mutant {number} was tried")
    print(f"{rows[0]['diff']}\n{_line(rows[0])}")
    print(f"\nif nobody could notice, in tools/mutants_equivalent.txt:\n{rows[0]['file']}: {rows[0]['change']} - ")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads do not survive a fork, and the forks share the cores
    for heavy in HEAVY:
        importlib.import_module(heavy)
    sys.exit(main())
