"""Run tests within a fork, with a mutant or without."""

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
    """Run pytest within a fork; property-based tests try the same few examples every time."""
    hypothesis.settings.register_profile(
        "mutate", derandomize=True, max_examples=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    hypothesis.settings.load_profile("mutate")
    os.chdir(root)
    sys.path.insert(0, str(root))
    options = ["-n0", "-q", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={root}", f"--basetemp={folder / 'tmp'}"]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


class _Instead:
    """Finds a module as always, and gives it the source of a mutant."""

    def __init__(self, file: Path, source: bytes) -> None:
        self.file, self.source = file, source

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Only for the one module; everything else is left to the finders behind."""
        if name.rpartition(".")[2] not in (self.file.stem, self.file.parent.name):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin != str(self.file):
            return None
        spec.loader = _Loader(name, str(self.file), self.source)
        return spec


class _Loader(SourceFileLoader):
    """Compiles other source than that of the file, past the compiled files that Python keeps."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self.other = source

    def get_code(self, fullname: str) -> CodeType:
        """What is executed as the module."""
        code: CodeType = compile(self.other, self.path, "exec", dont_inherit=True)
        return code


class _Chosen:
    """A plug-in of pytest: runs chosen tests in their order, and keeps which failed."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: i for i, test in enumerate(tests)}
        self.failed: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A mutant may change which tests there are, so that those that are gone are no error."""
        chosen = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(chosen, key=lambda item: self.place[item.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported has noticed something."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what failed."""
        if report.failed:
            self.failed.append(report.nodeid)


def try_tests(root: Path, mutant: Mutant | None, tests: list[str], folder: Path) -> tuple[int, dict[str, Any]]:
    """Run tests with a mutant until one fails, or all of them without."""
    sys.dont_write_bytecode = True
    if mutant is not None:
        sys.meta_path.insert(0, _Instead(root / mutant.file, mutant.source))
        if b"numba" in mutant.original:
            os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")  # its own knows the file only by its date
    plugin = _Chosen(tests)
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    code = run_pytest(root, folder, plugin, *([] if mutant is None else ["-x"]), *files)
    return code, {"failed": plugin.failed}
