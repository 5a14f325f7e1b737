"""Run pytest in a forked child, with or without a mutant."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import hypothesis
import pytest

from mutation.mutants import Mutant


def run_pytest(root: Path, folder: Path, plugin: object, *arguments: str) -> int:
    """Run pytest in this process; property-based tests try the same few examples every time."""
    hypothesis.settings.register_profile(
        "mutate", derandomize=True, max_examples=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    hypothesis.settings.load_profile("mutate")
    os.environ.pop("PYTEST_ADDOPTS", None)  # meant for the run that this is part of: its --cov would replace our tracer
    os.chdir(root)
    sys.path.insert(0, str(root))
    quiet = ["-n0", "-q", "--tb=short", "-p", "no:cacheprovider"]
    where = [f"--rootdir={root}", f"--basetemp={folder / 'tmp'}"]
    return int(pytest.main([*quiet, "-m", "", *where, *arguments], plugins=[plugin]))


class _MutantFinder:
    """Import hook that finds one module as usual but loads the mutant's source."""

    def __init__(self, file: Path, source: bytes) -> None:
        self.file, self.source = file, source

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """None for every other module, which the next finders then look for."""
        if name.rpartition(".")[2] not in (self.file.stem, self.file.parent.name):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin != str(self.file):
            return None
        spec.loader = _MutantLoader(name, str(self.file), self.source)
        return spec


class _MutantLoader(SourceFileLoader):
    """Compiles the mutant's source; neither reads nor writes `.pyc` files."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:
        """The mutant's code."""
        code: CodeType = compile(self.source, self.path, "exec", dont_inherit=True)
        return code


class _Selection:
    """Pytest plug-in that runs the given tests in the given order, with a mutant or without, and records failures."""

    def __init__(self, tests: list[str], finder: _MutantFinder | None) -> None:
        self.place = {test: i for i, test in enumerate(tests)}
        self.finder = finder
        self.failed: list[str] = []

    def pytest_sessionstart(self) -> None:
        """Take precedence over pytest's own import hook, which loads a module itself if its doctests are run."""
        if self.finder is not None:
            sys.meta_path.insert(0, self.finder)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Ignore missing tests: with a mutant, parametrization may yield others."""
        chosen = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(chosen, key=lambda item: self.place[item.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test file that cannot be imported counts as a failure."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a failure."""
        if report.failed:
            self.failed.append(report.nodeid)


def run_tests(root: Path, mutant: Mutant | None, tests: list[str], folder: Path) -> tuple[int, dict[str, Any]]:
    """Run tests with a mutant until one fails, or all of them without a mutant."""
    sys.dont_write_bytecode = True
    finder = None
    if mutant is not None:
        finder = _MutantFinder(root / mutant.file, mutant.source)
        sys.meta_path.insert(0, finder)
        if b"numba" in mutant.original:
            # numba's own cache recognizes a file by its date, so that it would serve the original's machine code.
            os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
    plugin = _Selection(tests, finder)
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    code = run_pytest(root, folder, plugin, *([] if mutant is None else ["-x"]), *files)
    return code, {"failed": plugin.failed}
