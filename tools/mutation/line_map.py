"""Which test executes which lines, and how long it takes, in seconds of the processor."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import coverage
import pytest

from mutation.forks import forks
from mutation.mutants import Mutant, digest
from mutation.running import run_pytest

ON_IMPORT = 60
"""Tests at most for a statement that is executed on import."""


def map_tests(root: Path, paths: Sequence[Path], jobs: int) -> None:
    """Run test files one by one and keep which lines each of their tests executes; without paths all, from nothing."""
    folder = root / ".mutate" / "map"
    if not paths:
        shutil.rmtree(folder, ignore_errors=True)
        paths = [root / name for name in _test_paths(root)]
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.iterdir():
        if not (root / json.loads(part.read_text())["file"]).exists():
            part.unlink()
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    files = [file for file in files if file.name.startswith("test_") or ">>> " in file.read_text()]
    for file, ended in forks(((file, partial(_trace, root, file), 3600.0) for file in files), jobs):
        name = file.relative_to(root).as_posix()
        if ended.said:
            content = {"file": name, "digest": digest(file.read_bytes()), **ended.said}
            (folder / f"{name.replace('/', '+')}.json").write_text(json.dumps(content))
        print(f"{name}: {len(ended.said.get('tests', []))} tests in {ended.busy:.1f} s", flush=True)
        if ended.code not in (0, 5):
            print(f"what failed is not on the map:\n{ended.output[-2000:]}", flush=True)


def _test_paths(root: Path) -> list[str]:
    file = root / "pyproject.toml"
    options = tomllib.loads(file.read_text())["tool"]["pytest"]["ini_options"] if file.exists() else {}
    return list(options.get("testpaths", ["tests"]))


def _trace(root: Path, file: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run one test file under coverage."""
    packages = [str(init.parent) for init in root.glob("*/__init__.py")]
    os.environ["COVERAGE_CORE"] = "ctrace"  # what newer Pythons have instead knows no contexts
    traced = coverage.Coverage(data_file=None, config_file=False, source=packages)
    traced.start()
    tracer = _Tracer(traced.switch_context)
    code = run_pytest(root, folder, tracer, str(file))
    traced.stop()
    data = traced.get_data()
    lines: dict[str, dict[str, str]] = {}
    digests = {}
    for path in map(Path, data.measured_files()):
        by_context = defaultdict(list)
        for line, contexts in sorted(data.contexts_by_lineno(str(path)).items()):
            for context in contexts:
                by_context[context].append(line)
        if by_context:
            name = path.relative_to(root).as_posix()
            lines[name] = {context: _packed(numbers) for context, numbers in by_context.items()}
            digests[name] = digest(path.read_bytes())
    return code, {**tracer.found(), "lines": lines, "digests": digests}


class _Tracer:
    """A plug-in of pytest: tells coverage which test runs, or which fixture is made for several tests."""

    def __init__(self, switch: Callable[[str], object]) -> None:
        self.switch, self.now = switch, ""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.passed: set[str] = set()
        self.shared: dict[str, list[str]] = {}

    def found(self) -> dict[str, Any]:
        """Seconds of each test that passed without its shared fixtures, of these, and who uses which of them."""
        tests = {test: round(self.seconds[test], 4) for test in self.shared if test in self.passed}
        users = {test: self.shared[test] for test in tests}
        fixtures = {name: round(self.seconds[name], 4) for names in users.values() for name in names}
        return {"tests": tests, "shared": users, "fixtures": fixtures}

    @contextmanager
    def within(self, context: str) -> Iterator[None]:
        """What is executed and how long it takes belongs to this context, and not to that around it."""
        before, began = self.now, _busy()
        self.now = context
        self.switch(context)
        try:
            yield
        finally:
            seconds = _busy() - began
            self.seconds[context] += seconds
            self.seconds[before] -= seconds
            self.now = before
            self.switch(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note which fixtures a test shares with others; it is told nowhere in public."""
        found = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values()
        self.shared[item.nodeid] = [_name(each) for several in found for each in several if _is_shared(each)]
        with self.within(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Keep apart what is made once for several tests."""
        if not _is_shared(fixturedef):
            return (yield)
        with self.within(_name(fixturedef)):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep those that passed: what fails or is skipped without a mutant says nothing about one."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        elif not report.passed:
            self.passed.discard(report.nodeid)


def _busy() -> float:
    """Seconds of the processor that this process used, and those it waited for: the same on a busy machine."""
    return sum(os.times()[:4])


def _is_shared(fixture: pytest.FixtureDef[Any]) -> bool:
    """Not those of pytest itself, which have no base."""
    return fixture.scope != "function" and bool(fixture.baseid)


def _name(fixture: pytest.FixtureDef[Any]) -> str:
    return f"{fixture.scope} fixture {fixture.argname} of {fixture.baseid}"


def _packed(numbers: list[int]) -> str:
    """Line numbers as ranges, such as `3-9 12-12`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return " ".join(f"{first}-{last}" for first, last in ranges)


def _unpacked(ranges: str) -> Iterator[int]:
    for each in ranges.split():
        first, _, last = each.partition("-")
        yield from range(int(first), int(last) + 1)


class LineMap:
    """Which test executes which lines, and how long it takes.

    Args:
        root: of the project.
        budget: seconds of tests for one mutant at most.
    """

    def __init__(self, root: Path, budget: float) -> None:
        self.budget = budget
        parts = [json.loads(path.read_text()) for path in sorted((root / ".mutate" / "map").glob("*.json"))]
        self.parts = [part for part in parts if (root / part["file"]).exists()]
        if not self.parts:
            raise SystemExit("there is no map of the tests; make one with `python tools/mutate.py map`")
        old = [part["file"] for part in self.parts if digest((root / part["file"]).read_bytes()) != part["digest"]]
        if old:
            raise SystemExit(f"changed since they were mapped; run `map {' '.join(old)}` again")
        self.own: dict[str, float] = {}
        self.fixtures: dict[str, dict[tuple[str, str], float]] = {}
        for part in self.parts:
            self.own |= part["tests"]
            for test, names in part["shared"].items():
                self.fixtures[test] = {(part["file"], name): part["fixtures"][name] for name in names}
        self.lines = cache(self._lines)

    def refuse_old(self, found: Iterable[Mutant]) -> None:
        """A map of other lines would choose the wrong tests."""
        digests = {mutant.file: digest(mutant.original) for mutant in found}
        old = [
            (part["file"], file)
            for part in self.parts
            for file, known in part["digests"].items()
            if digests.get(file, known) != known
        ]
        if old:
            tests, files = (" ".join(sorted(set(names))) for names in zip(*old, strict=True))
            raise SystemExit(f"changed since tests were mapped: {files}; run `map` again, for {tests} or all")

    def seconds(self, tests: Iterable[str]) -> float:
        """How long tests take together, with each fixture that they share made once."""
        tests = list(tests)
        fixtures: dict[tuple[str, str], float] = {}
        for test in tests:
            fixtures |= self.fixtures[test]
        return sum(self.own[test] for test in tests) + sum(fixtures.values())

    def choose(self, mutant: Mutant) -> tuple[list[str], int]:
        """The tests to try a mutant with, in their order, and how many the budget has no room for."""
        lines = self.lines(mutant.file)
        tests = sorted({test for n in _span(mutant) for test in lines.get(n, ())}, key=self.alone)
        # What numba compiles is executed, but not line by line.
        if mutant.on_import or (not tests and b"numba" in mutant.original):
            tests = self._few(mutant, tests)
        kept = self._affordable(tests)
        return self._ordered(kept), len(tests) - len(kept)

    def _lines(self, file: str) -> dict[int, set[str]]:
        """Line -> tests that execute it."""
        found: dict[int, set[str]] = defaultdict(set)
        for part in self.parts:
            users = defaultdict(list, {test: [test] for test in part["tests"]})
            for test, names in part["shared"].items():
                for name in names:
                    users[name].append(test)
            for context, ranges in part["lines"].get(file, {}).items():
                for line in _unpacked(ranges):
                    found[line].update(users.get(context, ()))
        return dict(found)

    def _few(self, mutant: Mutant, tests: list[str]) -> list[str]:
        """Few tests that execute all lines of the span or the module, then fast ones of every file that imports it."""
        reached: dict[str, set[int]] = defaultdict(set)
        for line, executing in self.lines(mutant.file).items():
            for test in executing:
                reached[test].add(line)
        tests = tests or sorted(reached, key=self.alone)
        seen: set[int] = set()
        more = []
        for test in tests:
            more.append(bool(reached[test] - seen))
            seen |= reached[test]
        spread = sorted(zip(tests, more, strict=True), key=lambda pair: not pair[1])
        importing = [sorted(part["tests"], key=self.alone) for part in self.parts if mutant.file in part["lines"]]
        others = [test for turn in range(ON_IMPORT) for file in importing for test in file[turn : turn + 1]]
        return list(dict.fromkeys([*(test for test, _ in spread), *others]))[:ON_IMPORT]

    def _affordable(self, tests: list[str]) -> list[str]:
        """The first tests, one at least, as far as the budget reaches."""
        spent = 0.0
        made: set[tuple[str, str]] = set()
        for i, test in enumerate(tests):
            spent += self.own[test] + sum(s for name, s in self.fixtures[test].items() if name not in made)
            made |= self.fixtures[test].keys()
            if i and spent > self.budget:
                return tests[:i]
        return tests

    def alone(self, test: str) -> float:
        """How long one test takes with all its fixtures."""
        return self.own[test] + sum(self.fixtures[test].values())

    def _ordered(self, tests: list[str]) -> list[str]:
        """The fastest first, but those of one file together that share what is thrown away at its end."""
        shared = {test: any(not name.startswith("session") for _, name in self.fixtures[test]) for test in tests}
        groups = {test: test.partition("::")[0] if shared[test] else test for test in tests}
        first: dict[str, float] = {}
        for test, group in groups.items():
            first[group] = min(first.get(group, self.alone(test)), self.alone(test))
        return sorted(tests, key=lambda test: (first[groups[test]], groups[test], self.own[test]))


def _span(mutant: Mutant) -> range:
    return range(mutant.span[0], mutant.span[1] + 1)
