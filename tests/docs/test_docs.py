"""What the documentation shows is true: blocks run, links lead somewhere, recipes and components are mentioned."""

import json
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import crossmodal_hash
from crossmodal_hash.cli.main import main
from crossmodal_hash.components import KINDS
from crossmodal_hash.data import Source
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.resolve import resolve
from crossmodal_hash.settings.schema import check

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks(language):
    return [
        pytest.param(text, id=f"{page.name}:{i}")
        for page in PAGES
        for i, (found, text) in enumerate(BLOCK.findall(page.read_text()))
        if found == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_of_a_page_run_one_after_another(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "block"}
    for language, text in BLOCK.findall(page.read_text()):
        if language == "python":
            exec(compile(text, str(page), "exec"), scope)


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_blocks_are_toml(text):
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", blocks("json"))
def test_json_blocks_are_json(text):
    assert json.loads(text)


@pytest.mark.parametrize("text", [*blocks("bash"), *blocks("console")])
def test_every_command_shown_exists_with_its_options(text, capsys):
    for line in text.splitlines():
        for command in re.findall(r"\bchash ((?:config |data |index |plugin )?[a-z]+)([^|&#]*)", line):
            words, rest = command[0].split(), command[1]
            assert main([*words, "--help"]) == 0
            shown = capsys.readouterr().out
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert option in re.sub(r"\s+", " ", shown), f"{line}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_opens_with_the_two_commands():
    lines = [text.strip() for _, text in BLOCK.findall((ROOT / "README.md").read_text())]
    assert lines[:2] == ["pip install -e . && chash quickstart", "pip install -e '.[test]' && pytest"]


@pytest.mark.parametrize("name", [*recipes(), *(name for kind in KINDS.values() for name in kind.builtin)])
def test_every_name_is_in_the_component_reference(name):
    assert f"`{name}`" in (ROOT / "docs" / "components.md").read_text()


def test_every_public_name_and_contract_is_on_the_python_page():
    page = (ROOT / "docs" / "api.md").read_text()
    shown = re.findall(r"^::: (\S+)$", page, re.M)
    assert {f"crossmodal_hash.{name}" for name in crossmodal_hash.__all__} <= set(shown)
    found = [pkgutil.resolve_name(name) for name in shown]
    for kind in KINDS.values():
        assert pkgutil.resolve_name(kind.contract) in found, kind.contract
    assert Source in found


def test_the_example_plugin_of_the_page_does_what_it_says():
    import torch

    page = (ROOT / "docs" / "write-a-plugin.md").read_text()
    text = next(text for language, text in BLOCK.findall(page) if language == "python")
    scope = {"__name__": "block"}
    exec(compile(text, "block", "exec"), scope)
    a = torch.tensor([[1.0, 1, 0], [0, 0, 0]])
    assert scope["Overlap"]()(a, torch.tensor([[1.0, 0, 0]])).tolist() == [[1.0], [0.0]]


def test_a_settings_table_of_every_recipe_is_complete():
    for name in recipes():
        assert main(["config", "show", name, "-q"]) == 0
    with pytest.raises(Exception, match="missing"):
        check({})


def test_the_three_commands_of_the_questions_learn_from_labels_from_both_and_from_pairs():
    page = (ROOT / "docs" / "faq.md").read_text()
    (text,) = (text for language, text in BLOCK.findall(page) if language == "bash")
    learned = []
    for line in text.splitlines():
        recipe = re.findall(r"--recipe (\S+)", line) or ["default"]
        terms = resolve(recipe[0], sets=re.findall(r"--set (\S+)", line)).settings.terms
        learned.append([name for name, term in terms.items() if term.weight and name != "quantization"])
    assert learned == [["hard", "labels"], ["hard", "labels", "pairs"], ["pairs"]]
    assert terms["pairs"].criterion.name == "pairs"


def test_the_generated_pages_are_fresh():
    import runpy

    tool = runpy.run_path(str(ROOT / "tools" / "write_reference.py"))
    for name, make in tool["PAGES"].items():
        assert make() == (ROOT / "docs" / name).read_text(), name
