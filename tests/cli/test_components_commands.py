import json

import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import KINDS


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in KINDS[kind].builtin])
def test_info_shows_the_docstring_and_parameters_of_everything(kind, name, capsys):
    assert main(["info", kind, name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == name
    assert shown["doc"]


def test_info_shows_which_values_a_parameter_may_have(capsys):
    assert main(["info", "criterion", "mmd"]) == 0
    shown = capsys.readouterr().out
    assert "bandwidth = 'mean'  (str)" in shown
    assert "`mean` or `median` of the squared distances between different training items" in " ".join(shown.split())
    assert main(["info", "loss", "similarity-mse"]) == 0
    shown = capsys.readouterr().out
    assert "(Literal['antipodal', 'orthogonal'])" in shown
    assert shown.count("what s = 0 requires of two codes") == 1
    assert main(["info", "loss", "similarity-mse", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["descriptions"]["reduction"] == "`mean` over pairs, or `paper` for their sum times K^2."
    assert document["types"]["reduction"] == "Literal['mean', 'paper']"


@pytest.mark.parametrize("word", ["sim", "criterion", "criteria", "CRITERION"])
def test_a_kind_may_be_called_by_its_flag_or_plural(word, capsys):
    assert main(["list", word, "-q"]) == 0
    assert set(capsys.readouterr().out.split()) == set(KINDS["criterion"].builtin)


def test_an_alias_leads_to_its_component(capsys):
    assert main(["info", "sim", "cosine"]) == 0
    assert "fgsc" in capsys.readouterr().out


def test_recipes_are_listed_with_their_titles_and_shown_whole(capsys):
    assert main(["list", "recipes", "--json"]) == 0
    rows = {row["name"]: row["summary"] for row in json.loads(capsys.readouterr().out)}
    assert {"default", "hsidhn", "hsidhn-sim", "hsidhn-bbi", "dspah"} <= set(rows)
    assert all(rows.values())
    assert main(["info", "recipe", "hsidhn"]) == 0
    assert "[terms.soft]" in capsys.readouterr().out


def test_config_shows_and_compares_settings(capsys):
    assert main(["config", "show", "dspah", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bits"] == {"value": 64, "origin": "default"}
    assert main(["config", "diff", "hsidhn", "hsidhn-sim", "--json"]) == 0
    assert "terms.soft.weight" in json.loads(capsys.readouterr().out)


def test_env_names_versions_and_devices(capsys):
    assert main(["env", "--json"]) == 0
    assert {"torch", "gpus", "plug-ins", "feature cache"} <= set(json.loads(capsys.readouterr().out))
