import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

from crossmodal_hash.components import KINDS
from crossmodal_hash.contracts import Component
from crossmodal_hash.data import Reader
from crossmodal_hash.engines.engine import Engine

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crossmodal_hash"
STAGES = {"backbone": "backbones", "fusion": "fusion", "criterion": "criteria", "loss": "losses", "pooling": "pooling",
          "head": "heads", "closed-form": "closed_forms", "reader": "data.readers",
          "engine": "engines"}  # fmt: skip


def test_imports_point_one_way():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_table_of_the_architecture_page_is_the_layers():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer.split(" | ") for layer in reversed(contracts[0]["layers"])]
    page = (ROOT / "docs" / "architecture.md").read_text()
    told = re.findall(r"^\| `([a-z_]+)(?:\.py|/)` \|", page, flags=re.MULTILINE)
    assert sorted(told) == sorted(name for layer in layers for name in layer)
    place = {name: i for i, layer in enumerate(layers) for name in layer}
    assert told == sorted(told, key=lambda name: place[name])
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__", "__main__"} == set(told)


def test_there_is_no_import_cycle_at_any_level():
    """Between modules, and between the parts of every folder taken as one each; imports for type checkers count."""
    graph = grimp.build_graph("crossmodal_hash", cache_dir=None)
    edges = {(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)}
    packages = {module for module in graph.modules if graph.find_children(module)}
    for level in ("", *packages):
        # A module counts as the part of `level` that it lies in; without a level each is its own.
        def part(module, level=level):
            inside = module.startswith(f"{level}.")
            return module if not level else ".".join(module.split(".")[: level.count(".") + 2]) if inside else None

        needs = {}
        for a, b in edges:
            if part(a) and part(b) and part(a) != part(b):
                needs.setdefault(part(a), set()).add(part(b))
        list(graphlib.TopologicalSorter(needs).static_order())  # CycleError names the modules


def test_only_one_module_prints():
    for path in PACKAGE.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
        assert not prints or path.relative_to(PACKAGE).as_posix() == "cli/output.py"


def test_nothing_is_unpickled():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert not re.match(r"(pickle|dill|joblib|cloudpickle)\.loads?$", called), path
                assert called != "torch.load" or "weights_only=True" in ast.unparse(node), path
                assert "allow_pickle=True" not in ast.unparse(node), path


@pytest.mark.parametrize("kind", list(STAGES))
def test_every_component_of_a_stage_is_on_the_map_and_lies_in_the_file_of_its_name(kind):
    registry = KINDS[kind]
    for name, target in registry.builtin.items():
        module = target.partition(":")[0]
        assert module.startswith(f"crossmodal_hash.{STAGES[kind]}.")
        assert normal(name).startswith(normal(module.rpartition(".")[2])), target
    mapped = {target.partition(":")[2] for target in registry.builtin.values()}
    for path in (PACKAGE / STAGES[kind].replace(".", "/")).glob("[!_]*.py"):
        module = __import__(f"crossmodal_hash.{STAGES[kind]}.{path.stem}", fromlist=["*"])
        own = [x for x in vars(module).values() if isinstance(x, type) and x.__module__ == module.__name__]
        components = {x.__name__ for x in own if issubclass(x, Component | Reader) and not x.__name__.startswith("_")}
        assert components <= mapped, path


def normal(name):
    return name.replace("-", "").replace("_", "")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in KINDS[kind].builtin])
def test_every_name_on_the_map_loads(kind, name):
    made = KINDS[kind].make(name, **({"weights": "none"} if "net" in name and kind == "backbone" and
                                     name != "bow-resnet" else {}))  # fmt: skip
    assert isinstance(made, {"reader": Reader, "engine": Engine}.get(kind, Component))


def test_the_shipped_version_is_typed_and_licensed():
    assert (PACKAGE / "py.typed").exists()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
