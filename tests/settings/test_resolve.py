import inspect

import pytest

from crossmodal_hash.bench.grid import Cell, GridData, GridMethod, cells, read_grid
from crossmodal_hash.cli.train import train
from crossmodal_hash.errors import SettingsError, UnknownComponentError
from crossmodal_hash.recipes import recipes
from crossmodal_hash.settings.flags import Flags, parse_set, parse_value
from crossmodal_hash.settings.resolve import from_entries, resolve


@pytest.mark.parametrize("name", list(recipes()))
@pytest.mark.parametrize("frozen", [True, False])
def test_every_recipe_is_valid_as_published_and_frozen(name, frozen):
    resolved = resolve(name, frozen_by_default=frozen)
    assert resolved.settings.title
    assert resolved.settings.train.freeze_backbone is (frozen or resolved.settings.closed_form is not None)


def test_precedence_is_recipe_frozen_file_set_flags(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("bits = 24\n[train]\nepochs = 3\nbatch = 32\nlr = 0.5\n")
    resolved = resolve(
        "hsidhn", file=file, sets=["train.epochs=4", "train.batch=64"], flags={"epochs": 5}, frozen_by_default=True
    )
    train = resolved.settings.train
    assert (resolved.settings.bits, train.epochs, train.batch, train.lr) == (24, 5, 64, 0.5)
    origins = {key: entry["origin"] for key, entry in resolved.entries().items()}
    assert origins["train.epochs"] == "--epochs"
    assert origins["train.batch"] == "--set"
    assert origins["bits"] == f"file {file}"
    assert origins["train.optimizer"] == "recipe hsidhn [frozen]"
    assert origins["terms.soft.criterion.name"] == "recipe hsidhn"
    assert origins["train.clip"] == "default"


def test_entries_give_the_same_settings_back():
    resolved = resolve("dspah", sets=["towers.image.fusion.reduction=4", "seed=3"])
    assert from_entries(resolved.entries()) == resolved.settings


@pytest.mark.parametrize(("value", "frozen"), [("true", True), ("false", False)])
def test_freezing_can_be_set_in_a_file_and_then_chooses_the_frozen_table(tmp_path, value, frozen):
    file = tmp_path / "my.toml"
    file.write_text(f"[train]\nfreeze_backbone = {value}\n")
    resolved = resolve("hsidhn", file=file, frozen_by_default=not frozen)
    assert resolved.settings.train.freeze_backbone is frozen
    assert (resolved.settings.train.optimizer == "adamw") is frozen


def test_the_flag_wins_over_the_file_about_freezing(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[train]\nfreeze_backbone = true\n")
    resolved = resolve("hsidhn", file=file, flags={"freeze_backbone": False})
    assert resolved.settings.train.freeze_backbone is False
    assert resolved.settings.train.optimizer == "sgd"


def test_fusion_is_set_in_every_tower_and_drops_the_parameters_of_the_old_block():
    settings = resolve("hsidhn", flags={"fusion": "last"}).settings
    assert [tower.fusion.model_dump() for tower in settings.towers.values()] == [{"name": "last"}] * 2


def test_parameters_set_for_the_part_a_flag_names_are_kept_and_its_own_name_wins():
    sets = ["towers.image.fusion.rank=128", "towers.text.backbone.depth=18", "terms.soft.criterion.bandwidth=median"]
    flags = {"fusion": "bbi", "text": "bow-resnet", "sim": "mmd"}
    settings = resolve("default", sets=sets, flags=flags).settings
    assert settings.towers["image"].fusion.model_dump() == {"name": "bbi", "rank": 128}
    assert settings.towers["text"].backbone.model_dump() == {"name": "bow-resnet", "depth": 18}
    assert settings.terms["soft"].criterion.model_dump() == {"name": "mmd", "bandwidth": "median"}
    other = resolve("default", sets=["towers.image.fusion.name=last"], flags={"fusion": "bbi"}).settings
    assert other.towers["image"].fusion.name == "bbi"


def test_a_weight_set_beside_sim_is_kept():
    settings = resolve("default", sets=["terms.soft.weight=0.2"], flags={"sim": "fgsc"}).settings
    assert settings.terms["soft"].weight == 0.2
    assert resolve("default", flags={"sim": "fgsc"}).settings.terms["soft"].weight == 1.0


def test_a_file_may_make_room_for_a_flag(tmp_path):
    file = tmp_path / "graded.toml"
    file.write_text('[terms.more]\ngraded = true\nloss = "similarity-mse"\ncriterion = "mmd"\n')
    method = tmp_path / "hard.toml"
    method.write_text(
        '[towers.text]\nbackbone = "bow-mlp"\nlevels = 2\n[terms.hard]\nloss = "nll"\ncriterion = "hard"\n'
    )
    settings = resolve(str(method), file=file, flags={"sim": "fgsc"}).settings
    assert settings.terms["more"].criterion.name == "fgsc"
    with pytest.raises(SettingsError, match="no graded term"):
        resolve(str(method), flags={"sim": "fgsc"})


def test_sim_names_the_graded_criterion():
    settings = resolve("hsidhn", flags={"sim": "fgsc"}).settings
    assert settings.terms["soft"].criterion.name == "fgsc"
    assert settings.terms["hard"].criterion.name == "hard"


def test_sim_hard_removes_the_graded_term_where_a_hard_one_remains():
    assert resolve("hsidhn", flags={"sim": "hard"}).settings.terms["soft"].weight == 0


def test_sim_hard_becomes_the_criterion_where_the_graded_term_is_all_there_is():
    settings = resolve("dspah", flags={"sim": "hard"}).settings
    assert settings.terms["soft"].criterion.name == "hard"
    assert settings.terms["soft"].weight == 1


def test_loss_replaces_the_leading_pairwise_term():
    settings = resolve("hsidhn", flags={"loss": "similarity-mse"}).settings
    assert settings.terms["hard"].loss.model_dump() == {"name": "similarity-mse"}
    assert resolve("dspah", flags={"loss": "pairwise-nll"}).settings.terms["soft"].loss.name == "pairwise-nll"


def test_one_message_holds_everything_that_is_wrong():
    with pytest.raises(SettingsError) as caught:
        resolve("default", sets=["train.epoch=3", "bits=0", "train.memory=half"])
    message = str(caught.value)
    assert "unknown setting 'train.epoch' (did you mean 'epochs'" in message
    assert "bits = 0" in message
    assert "use a whole number of at least 1" in message
    assert "train.memory = 'half'" in message


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(UnknownComponentError, match="did you mean 'hsidhn"):
        resolve("hsidnh")


@pytest.mark.parametrize("text", ["epochs", "=3"])
def test_set_without_a_key_or_value_is_refused(text):
    with pytest.raises(SettingsError, match="KEY=VALUE"):
        parse_set([text])


@pytest.mark.parametrize(
    ("text", "value"),
    [("64", 64), ("1e-4", 1e-4), ("[1, 2]", [1, 2]), ("pairwise-nll", "pairwise-nll"), ("none", "none")],
)
def test_values_are_toml_or_plain_text(text, value):
    assert parse_value(text) == value


def test_a_recipe_builds_on_one_other_and_no_deeper(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "hsidhn"\nbits = 8\n')
    assert resolve(str(path)).settings.bits == 8
    path.write_text('base = "hsidhn-sim"\n')
    with pytest.raises(SettingsError, match="only one level is allowed"):
        resolve(str(path))
    path.write_text('base = "hsidn"\n')
    with pytest.raises(SettingsError, match="did you mean 'hsidhn'"):
        resolve(str(path))


def test_a_missing_or_broken_file_is_one_sentence(tmp_path):
    with pytest.raises(SettingsError, match="cannot read settings"):
        resolve(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("bits = = 3")
    with pytest.raises(SettingsError, match="is not TOML"):
        resolve("default", file=broken)


def test_weights_of_zero_everywhere_leave_nothing_to_learn():
    with pytest.raises(SettingsError, match="nothing to learn"):
        resolve("dspah", sets=["terms.soft.weight=0", "terms.quantization.weight=0"])


@pytest.mark.parametrize(
    ("assignment", "part", "expected"),
    [
        ("pooling.bins=[1]", "pooling", {"name": "pyramid", "bins": [1]}),
        ("fusion.rank=8", "fusion", {"name": "bbi", "rank": 8}),
        ("head.scale=2", "head", {"name": "tanh", "scale": 2}),
    ],
)
def test_a_parameter_of_a_part_that_nobody_names_is_one_of_the_default_part(tmp_path, assignment, part, expected):
    method = tmp_path / "mine.toml"
    method.write_text('[towers.text]\nbackbone = "bow-mlp"\n[terms.hard]\nloss = "nll"\ncriterion = "hard"\n')
    resolved = resolve(str(method), sets=[f"towers.text.{assignment}"])
    assert getattr(resolved.settings.towers["text"], part).model_dump() == expected
    origins = {key: entry["origin"] for key, entry in resolved.entries().items()}
    key = assignment.partition("=")[0]
    assert (origins[f"towers.text.{part}.name"], origins[f"towers.text.{key}"]) == ("default", "--set")
    # Another part later on takes nothing over from the default one.
    file = tmp_path / "file.toml"
    file.write_text(f"[towers.text]\n{part} = {{ extra = 1 }}\n")
    other = resolve(str(method), file=file, sets=[f"towers.text.{part}={{name='other'}}"])
    assert getattr(other.settings.towers["text"], part).model_dump() == {"name": "other"}


def test_settings_of_version_0_1_are_read_under_their_new_spelling():
    written = resolve("default", flags={"reader": "mirflickr25k,unlabeled=true"}).entries()
    old = {key.replace("unlabeled", "unlabelled"): entry for key, entry in written.items()}
    assert old != written
    assert from_entries(old) == from_entries(written)


def test_train_bench_and_library_have_the_same_flags():
    """Each takes all of them, so that whatever can be said to one can be said to the others."""
    every = set(Flags.__annotations__)
    command = set(inspect.signature(train).parameters)
    assert every <= command
    assert command - every == {"out", "resume", "recipe", "config", "set_", "dry_run", "as_json", "quiet", "callbacks"}
    grid = read_grid(None, {"methods": ["default"]})
    assert set(next(cells(grid)).flags()) == every
    for flag in every:
        assert flag in {**GridMethod.model_fields, **GridData.model_fields, **Cell.__annotations__} or flag == "data"
