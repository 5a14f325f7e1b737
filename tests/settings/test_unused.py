"""What no chosen part uses: refused where the user set it, left out where a recipe or a default did."""

import json

import pytest
import torch

from crossmodal_hash.cli.main import main
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.factory import build_model
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.layers import read_recipe
from crossmodal_hash.settings.resolve import from_entries, idle_in, resolve
from crossmodal_hash.settings.unused import reason, unused

WIDTHS = {"image": 3, "text": 60, "label": 5}


@pytest.mark.parametrize(
    ("recipe", "refused", "accepted", "said"),
    [
        ("dspah", ["towers.image.width=64"], ["towers.image.fusion=bbi"], "towers.image.fusion = 'cbam' takes levels"),
        ("dspah", ["towers.image.pooling.bins=[1]"], ["towers.image.fusion=bbi"], "neither pooled nor projected"),
        ("dspah", ["towers.text.dropout=0.5"], ["towers.text.fusion=bbi"], "towers.text.fusion.dropout or"),
        ("labels", ["towers.text.dropout=0.5"], ["towers.text.width=8"], "set towers.text.input_dropout"),
        ("labels", ["train.momentum=0.9"], ["train.optimizer=sgd"], "set train.optimizer=sgd"),
        ("labels", ["train.rotate=true", "towers.image.fusion=cbam"], ["towers.image.fusion=bbi"], "ends in codes"),
        ("labels", ["train.lr_end=1e-5"], ["train.schedule=log-linear"], "train.schedule = 'one-cycle'"),
        ("chn", ["train.lr_end=1e-5"], ["train.schedule=log-linear"], "set train.schedule=linear or log-linear"),
        ("labels", ["train.opponent_lr=1e-5"], ["terms.x.loss=adversary", "terms.x.on=features"], "adversary"),
        ("ssah", ["train.opponent_lr=1e-5", "terms.adversary.weight=0"], ["terms.adversary.weight=1"], "adversary"),
        ("labels", ["train.guide_epochs=2"], ["towers.label.backbone=label-mlp"], "no tower reads labels"),
        ("ssah", ["train.guide_epochs=2", "train.memory=full"], ["train.memory=batch"], "set train.memory=batch"),
        ("labels", ["train.mirror=true", "train.freeze_backbone=false"], ["train.freeze_backbone=true"], "augment"),
        ("labels", ["train.mirror=true", "towers.image.backbone=mlp", "towers.image.levels=2"],
         ["towers.image.backbone=resnet34"], "no tower has a frozen backbone that reads pictures"),
        ("labels", ["train.augment=true"], ["train.freeze_backbone=false"], "set train.mirror=true"),
        ("labels", ["train.cache_grid=3", "train.freeze_backbone=false"], ["train.freeze_backbone=true"], "cached"),
        ("labels", ["data.query=9", "data.split=mine.json"], [], "defines the split"),
        ("labels", ["data.vocabulary.min_count=1", "data.vocabulary.file=w.txt"], [], "defines which words count"),
        ("hsidhn", ["terms.quantization.criterion=hard"], ["terms.quantization.loss=graph"], "not pairs of items"),
        ("hsidhn", ["terms.quantization.intra=0.5"], ["terms.quantization.loss=similarity-mse",
         "terms.quantization.criterion=hard"], "compares an item with its own binary codes"),
        ("labels", ["terms.labels.intra=0.5"], ["terms.labels.loss=nll", "terms.labels.criterion=hard"], "own labels"),
        ("labels", ["terms.hard.heads=sum"], ["towers.text.level_heads=true"], "set towers.image.level_heads=true"),
        ("ssah", ["terms.hard.heads=sum", "terms.hard.on=features", "towers.image.level_heads=true"],
         ["terms.hard.on=codes"], "terms.hard.on = 'features' uses the features before the hash heads"),
        ("hsidhn-sim", ["terms.soft.criterion=fgsc"], ["terms.soft.weight=1"], "leaves the term out"),
        ("scm", ["train.lr=0.1"], None, "scm is fitted in closed form"),
        ("scm", ["towers.text.lr_factor=2"], None, "scm is fitted in closed form"),
    ],
)  # fmt: skip
def test_a_setting_that_nothing_uses_is_refused_and_accepted_where_something_does(recipe, refused, accepted, said):
    key = refused[0].partition("=")[0]
    with pytest.raises(SettingsError) as caught:
        resolve(recipe, sets=refused, frozen_by_default=True)
    message = str(caught.value)
    assert message.startswith(f"{key}")
    assert " (--set) is not used, because " in message
    assert ": leave it out" in message
    assert said in message
    if accepted:
        settings = resolve(recipe, sets=[*refused, *accepted], frozen_by_default=True).settings
        assert reason(key, unused(settings)) is None


@pytest.mark.parametrize("key", ["cache_grid=1", "freeze_backbone=true", "workers=0"])
def test_what_a_closed_form_does_use_is_accepted(key):
    assert "train." + key.partition("=")[0] in resolve("scm", sets=[f"train.{key}"]).entries()


def test_texts_that_are_read_as_they_are_have_no_words_to_count(monkeypatch):
    from crossmodal_hash.backbones.bow_mlp import BowMLP
    from crossmodal_hash.components import BACKBONES

    class Reads(BowMLP):
        reads = "string"
        freezable = True

    BACKBONES.add("reads-strings", Reads)
    flags, key = {"text": "reads-strings"}, "data.vocabulary.max_words=9"
    with pytest.raises(SettingsError, match=r"data.vocabulary.max_words = 9 .*reads the texts themselves"):
        resolve("labels", sets=[key], flags=flags)
    shown = resolve("labels", sets=["train.cache_grid=3"], flags={**flags, "freeze_backbone": False}).entries()
    assert shown["train.cache_grid"]["value"] == 3
    assert not [key for key in shown if key.startswith("data.vocabulary")]


def test_what_a_recipe_set_for_the_part_a_flag_replaces_is_left_out():
    resolved = resolve("labels", flags={"fusion": "cbam"})
    shown = resolved.entries()
    for key in ("towers.image.width", "towers.image.dropout", "towers.image.pooling.name", "towers.image.pooling.bins"):
        assert key not in shown
    assert shown["towers.image.input_dropout"] == {"value": 0.5, "origin": "recipe labels"}
    assert from_entries(shown) == resolved.settings


def test_a_settings_file_is_the_users_own_word(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nmomentum = 0.5\n")
    with pytest.raises(SettingsError, match=r"train.momentum = 0.5 \(file .*mine.toml\) is not used"):
        resolve("labels", file=file)
    assert resolve("labels", file=file, sets=["train.optimizer=sgd"]).settings.train.momentum == 0.5


def test_everything_that_is_not_used_is_in_one_message():
    with pytest.raises(SettingsError, match=r"towers.image.width = 9 .*; train.momentum = 0.5 "):
        resolve("dspah", sets=["towers.image.width=9", "train.momentum=0.5"], frozen_by_default=True)


def test_a_recipe_file_answers_for_its_own_settings_and_not_for_those_of_its_base(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "labels"\n[towers.image]\nfusion = "cbam"\n')
    assert "towers.image.width" not in resolve(str(path)).entries()
    path.write_text('base = "labels"\n[towers.image]\nfusion = "cbam"\nwidth = 64\n')
    with pytest.raises(SettingsError, match=r"towers.image.width = 64 \(recipe mine\) is not used"):
        resolve(str(path))


def test_a_recipe_file_may_cancel_by_its_frozen_table_and_be_changed_by_a_flag(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "labels"\n[towers.image]\nwidth = 64\n[train]\nmomentum = 0.5\noptimizer = "sgd"\n'
        '[frozen.train]\noptimizer = "adamw"\nmirror = true\n'
    )
    for frozen in (True, False):
        assert resolve(str(path), frozen_by_default=frozen).settings.train.mirror is frozen
        assert resolve(str(path), flags={"fusion": "cbam"}, frozen_by_default=frozen)
    path.write_text(path.read_text() + "momentum = 0.7\n")
    with pytest.raises(SettingsError, match=r"train.momentum = 0.7 \(recipe mine\)"):
        resolve(str(path), frozen_by_default=True)


@pytest.mark.parametrize("name", list(recipes()))
def test_no_shipped_recipe_sets_what_no_form_of_it_uses(name):
    assert list(idle_in(read_recipe(name))) == []


@pytest.mark.parametrize("frozen", [True, False])
def test_a_copy_of_a_recipe_may_be_given_as_a_file_of_settings(frozen):
    file = recipes()["labels"]
    copied = resolve("labels", file=file, frozen_by_default=frozen)
    assert copied.settings == resolve("labels", frozen_by_default=frozen).settings


@pytest.mark.parametrize("name", list(recipes()))
@pytest.mark.parametrize("frozen", [True, False])
def test_a_run_gives_back_the_settings_and_the_model_of_its_recipe(name, frozen):
    resolved = resolve(name, sets=["towers.image.backbone.weights=none", "bits=12"], frozen_by_default=frozen)
    again = from_entries(json.loads(json.dumps(resolved.entries())))
    assert again == resolved.settings
    assert unused(again) == resolved.unused
    with torch.device("meta"):
        first, second = (build_model(settings, WIDTHS, pretrained=False) for settings in (resolved.settings, again))
    shapes = [{key: x.shape for key, x in model.state_dict().items()} for model in (first, second)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", list(recipes()))
@pytest.mark.parametrize("frozen", [True, False])
def test_every_setting_that_is_shown_may_be_set(name, frozen):
    shown = resolve(name, frozen_by_default=frozen).entries()
    off = {key.rpartition(".")[0] for key, entry in shown.items() if key.startswith("terms") and entry["value"] == 0}
    sets = [
        f"{key}={json.dumps(entry['value'])}"
        for key, entry in shown.items()
        if key.startswith(("towers.", "train.", "terms."))
        and entry["value"] is not None
        and not key.startswith(tuple(f"{term}." for term in off) or "\0")
    ]
    again = resolve(name, sets=sets, frozen_by_default=frozen)
    assert {key: entry["value"] for key, entry in again.entries().items()} == {
        key: entry["value"] for key, entry in shown.items()
    }


@pytest.mark.parametrize("fusion", ["cbam", "bbi"])
def test_numbers_of_a_tower_that_are_shown_change_its_training(fusion):
    """Each one by itself: the parameters, or what comes out in training."""

    def trained(*sets):
        values = ["towers.text.backbone=light-residual", f"towers.text.fusion={fusion}", "bits=8", *sets]
        settings = resolve("labels", sets=values).settings
        towers = {"text": settings.towers["text"]}
        torch.manual_seed(0)
        model = build_model(settings.model_copy(update={"towers": towers}), WIDTHS).train()
        return model({"text": torch.eye(60)[:6]})["text"].u

    shown = resolve("labels", flags={"fusion": fusion, "text": "light-residual"}).entries()
    numbers = [key for key in ("width", "input_dropout", "dropout") if f"towers.text.{key}" in shown]
    on = ["towers.text.width=8"] if fusion == "bbi" else []
    before = trained(*on)
    for key, value in {"width": 16, "input_dropout": 0.5, "dropout": 0.9, "fusion.dropout": 0.5}.items():
        if key in numbers or (key == "fusion.dropout" and fusion == "cbam"):
            after = trained(*[x for x in on if key not in x], f"towers.text.{key}={value}")
            assert not torch.equal(before, after), key


def test_the_command_line_refuses_with_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--recipe", "dspah", "--set", "towers.image.dropout=0.5", "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: towers.image.dropout = 0.5 (--set) is not used, because")
    assert "set towers.image.fusion.dropout or towers.image.input_dropout" in error
    assert len(error.splitlines()) == 1
    assert main(["config", "show", "dspah", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "towers.image.dropout" not in shown
    assert "towers.image.input_dropout" in shown


def test_a_grid_with_an_unused_setting_is_refused_before_its_first_cell(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["bench", "--methods", "dspah", "--set", "towers.image.width=8", "--out", "out"]
    assert main(argv) == 2
    assert "method 'dspah': towers.image.width = 8 (--set) is not used" in capsys.readouterr().err


def test_a_part_that_cannot_be_loaded_speaks_for_nothing():
    shown = resolve("labels", flags={"fusion": "not-installed"}).entries()
    assert "towers.image.width" in shown
