"""Which test executes which lines, and how many CPU seconds it takes."""

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

from mutation.forks import run_forked
from mutation.mutants import Mutant, digest
from mutation.running import run_pytest

ON_IMPORT = 60
"""Most tests run for a mutant in code that is executed on import."""


def map_tests(root: Path, paths: Sequence[Path], jobs: int) -> None:
    """Run test files under coverage and record which lines each test executes.

    Args:
        root: of the project.
        paths: test files or folders whose part of the map is renewed; empty for a new map of all tests.
        jobs: how many files run at a time.
    """
    folder = root / ".mutate" / "map"
    if not paths:
        shutil.rmtree(folder, ignore_errors=True)
        paths = [root / name for name in _test_paths(root)]
    folder.mkdir(parents=True, exist_ok=True)
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    files = [file for file in files if file.name.startswith("test_") or ">>> " in file.read_text(encoding="utf-8")]
    for file, ended in run_forked(((file, partial(_trace, root, file), 3600.0) for file in files), jobs):
        name = file.relative_to(root).as_posix()
        if not ended.result:
            raise SystemExit(f"{name} could not be mapped:\n{ended.output[-2000:]}")
        content = {"file": name, "digest": digest(file.read_bytes()), **ended.result}
        part = folder / f"{name.replace('/', '+')}.json"
        part.write_text(json.dumps(content), encoding="utf-8")
        print(f"{name}: {len(content['tests'])} tests in {ended.busy:.1f} s", flush=True)
        for test, why in content["unusable"].items():
            print(f"    not usable: {test}: {why}", flush=True)


def _test_paths(root: Path) -> list[str]:
    file = root / "pyproject.toml"
    options = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"] if file.exists() else {}
    return list(options.get("testpaths", ["tests"]))


def _trace(root: Path, file: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run one test file; in coverage's data a context is a test or a fixture that several tests share."""
    packages = [str(init.parent) for init in root.glob("*/__init__.py")]
    os.environ["COVERAGE_CORE"] = "ctrace"  # the default of newer Pythons, sysmon, has no contexts
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
    return code, {**tracer.result(), "lines": lines, "digests": digests}


class _Tracer:
    """Pytest plug-in that tells coverage which test runs, or which shared fixture is set up."""

    def __init__(self, switch: Callable[[str], object]) -> None:
        self.switch, self.now = switch, ""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.passed: set[str] = set()
        self.unusable: dict[str, str] = {}
        self.shared: dict[str, list[str]] = {}

    def result(self) -> dict[str, Any]:
        """CPU seconds of each test that passed and of each shared fixture, and which test uses which fixture."""
        tests = {test: round(self.seconds[test], 4) for test in self.shared if test in self.passed}
        users = {test: self.shared[test] for test in tests}
        fixtures = {name: round(self.seconds[name], 4) for names in users.values() for name in names}
        return {"tests": tests, "shared": users, "fixtures": fixtures, "unusable": self.unusable}

    @contextmanager
    def within(self, context: str) -> Iterator[None]:
        """Assign lines and time to this context instead of the one around it."""
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
        """Record which shared fixtures a test uses; pytest has no public name for them."""
        found = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values()
        self.shared[item.nodeid] = [_name(each) for several in found for each in several if _is_shared(each)]
        with self.within(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Give a shared fixture a context of its own."""
        if not _is_shared(fixturedef):
            return (yield)
        with self.within(_name(fixturedef)):
            return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported, or is skipped as a whole, has no usable tests."""
        if not report.passed:
            self.unusable[report.nodeid] = _why(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails or is skipped without a mutant cannot kill one."""
        if not report.passed:
            self.passed.discard(report.nodeid)
            self.unusable[report.nodeid] = _why(report)
        elif report.when == "call":
            self.passed.add(report.nodeid)


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The last line of the failure or the reason of the skip."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return f"{report.outcome}: {said.strip().splitlines()[-1] if said.strip() else ''}"


def _busy() -> float:
    """CPU seconds of this process and its children, which do not depend on what else the machine does."""
    return sum(os.times()[:4])


def _is_shared(fixture: pytest.FixtureDef[Any]) -> bool:
    """Whether several tests may use one instance; pytest's own fixtures, which have no `baseid`, do not matter."""
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
    """The map that `map_tests` wrote.

    Args:
        root: of the project.
        budget: CPU seconds of tests for one mutant at most.
    """

    def __init__(self, root: Path, budget: float) -> None:
        self.budget = budget
        paths = sorted((root / ".mutate" / "map").glob("*.json"))
        parts = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        self.parts = [part for part in parts if (root / part["file"]).exists()]
        if not self.parts:
            raise SystemExit("no test is mapped yet: run `python tools/mutate.py map` first")
        old = [part["file"] for part in self.parts if digest((root / part["file"]).read_bytes()) != part["digest"]]
        if old:
            raise SystemExit(f"tests changed since they were mapped: run `map {' '.join(old)}` again")
        self.unusable = [test for part in self.parts for test in part["unusable"]]
        self.own: dict[str, float] = {}
        self.fixtures: dict[str, dict[tuple[str, str], float]] = {}
        for part in self.parts:
            self.own |= part["tests"]
            for test, names in part["shared"].items():
                self.fixtures[test] = {(part["file"], name): part["fixtures"][name] for name in names}
        self.lines = cache(self._lines)

    def refuse_old(self, found: Iterable[Mutant]) -> None:
        """Exit if a mutant's file changed since it was mapped: line numbers would be wrong."""
        digests = {mutant.file: digest(mutant.original) for mutant in found}
        old = [
            (part["file"], file)
            for part in self.parts
            for file, known in part["digests"].items()
            if digests.get(file, known) != known
        ]
        if old:
            tests, files = (" ".join(sorted(set(names))) for names in zip(*old, strict=True))
            raise SystemExit(f"{files} changed since tests were mapped: run `map` again, for all tests or for {tests}")

    def seconds(self, tests: Iterable[str]) -> float:
        """CPU seconds of tests together, each shared fixture counted once."""
        tests = list(tests)
        fixtures: dict[tuple[str, str], float] = {}
        for test in tests:
            fixtures |= self.fixtures[test]
        return sum(self.own[test] for test in tests) + sum(fixtures.values())

    def choose(self, mutant: Mutant) -> tuple[list[str], int]:
        """The tests to run for a mutant, in order, and how many more the budget leaves out."""
        lines = self.lines(mutant.file)
        tests = sorted({test for n in _span(mutant) for test in lines.get(n, ())}, key=self.alone)
        # coverage sees no lines of functions that numba compiles.
        if mutant.on_import or (not tests and b"numba" in mutant.original):
            tests = self._few(mutant, tests)
        kept = self._affordable(tests)
        return self._ordered(kept), len(tests) - len(kept)

    def _lines(self, file: str) -> dict[int, set[str]]:
        """The tests that execute each line, themselves or in a fixture they use."""
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
        """Tests that together execute all lines of the module, then the fastest of each test file that imports it."""
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
        """The first tests that fit into the budget, at least one."""
        spent = 0.0
        made: set[tuple[str, str]] = set()
        for i, test in enumerate(tests):
            spent += self.own[test] + sum(s for name, s in self.fixtures[test].items() if name not in made)
            made |= self.fixtures[test].keys()
            if i and spent > self.budget:
                return tests[:i]
        return tests

    def alone(self, test: str) -> float:
        """CPU seconds of one test with all its shared fixtures."""
        return self.own[test] + sum(self.fixtures[test].values())

    def _ordered(self, tests: list[str]) -> list[str]:
        """The fastest first; tests that share fixtures of a module stay together, so that these are set up once."""
        shared = {test: any(not name.startswith("session") for _, name in self.fixtures[test]) for test in tests}
        groups = {test: test.partition("::")[0] if shared[test] else test for test in tests}
        first: dict[str, float] = {}
        for test, group in groups.items():
            first[group] = min(first.get(group, self.alone(test)), self.alone(test))
        return sorted(tests, key=lambda test: (first[groups[test]], groups[test], self.own[test]))


def _span(mutant: Mutant) -> range:
    return range(mutant.span[0], mutant.span[1] + 1)
