"""`chash plugin new` and `chash check`, with what they write put on the path as an installer would."""

import importlib
import json
import subprocess
import sys
import zipfile

import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import KINDS
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.registry import split_name
from crossmodal_hash.scaffold import SEES, USE

FAULTY = """
from crossmodal_hash.contracts import Criterion


class Dice(Criterion):
    \"\"\"Divides by nothing.\"\"\"

    def compute(self, a, b):
        return {body}
"""

VECTOR = """
from crossmodal_hash.contracts import HashLoss


class Apart(HashLoss):
    \"\"\"Forgets to take the mean over the items.\"\"\"

    def compute(self, u, v, s):
        return {body}
"""
WIDER = """
from crossmodal_hash.contracts import Fusion


class Maxmean(Fusion):
    \"\"\"Puts the levels side by side, and declares the width of one.\"\"\"

    def setup(self, levels, bits):
        self.out_features = levels[0].channels

    def compute(self, levels):
        return levels[0].repeat(1, 2)
"""
REFUSING = """
from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import SettingsError


class Dice(Criterion):
    \"\"\"Refuses all but the default.\"\"\"

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__()
        if strength < 0:
            raise SettingsError(f"strength is {strength:g}; use 0 or more")
        self.strength = strength

    def compute(self, a, b):
        return a @ b.T
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Write a plug-in and announce it."""
    monkeypatch.chdir(tmp_path)

    def write(name, kind, *more):
        monkeypatch.setenv("CHASH_PLUGINS", f"chash-{name}")
        assert main(["plugin", "new", name, "--kind", kind, *more, "-q"]) == 0
        module = f"chash_{name.replace('-', '_')}"
        info = tmp_path / name / f"{module}-0.1.dist-info"
        info.mkdir()
        target = f"{module}:{''.join(part.capitalize() for part in name.split('-'))}"
        (info / "entry_points.txt").write_text(f"[{KINDS[kind].group}]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(tmp_path / name))
        importlib.invalidate_caches()
        return tmp_path / name / f"{module}.py"

    yield write
    for module in [name for name in sys.modules if name.startswith("chash_")]:
        del sys.modules[module]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"), [*((kind, []) for kind in USE), *(("criterion", ["--sees", kind]) for kind in SEES)]
)
def test_what_is_written_works_is_tidy_and_keeps_the_rules(kind, more, installed, capsys):
    module = installed("my-own", kind, *more)
    capsys.readouterr()
    assert main(["check", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {(f["kind"], f["name"], f["ok"]) for f in findings} == {(kind, "my-own", True)}
    if more:
        assert importlib.import_module(module.stem).MyOwn.sees == more[1]
        own = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "--rootdir", "."]
        done = subprocess.run(own, cwd=module.parent, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
    # From inside, as its author does: only there the module is known to be the package's own.
    for command in (["ruff", "check", "--isolated", "--extend-select", "I"], ["ruff", "format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "."], cwd=module.parent, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_a_reader_of_ones_own_trains_and_is_named_in_the_environment(
    installed, tiny, small, tmp_path, monkeypatch, capsys
):
    installed("lines", "reader")
    folder = tmp_path / "pictures"
    with zipfile.ZipFile(tiny) as archive:
        rows = [json.loads(line) for line in archive.read("metadata.jsonl").decode().splitlines()]
        archive.extractall(folder, [row["file_name"] for row in rows])
    lines = ["\t".join([row["file_name"], ";".join(row["labels"]), row["text"]]) for row in rows]
    (folder / "items.tsv").write_text("\n".join(lines))
    argv = ["train", "--data", str(folder), "--epochs", "1", "-q", *small]
    assert main([*argv, "--out", "named", "--reader", "lines"]) == 0
    assert json.loads((tmp_path / "named" / "environment.json").read_text())["plugins"] == ["chash-lines 0.1"]
    assert main(["data", "check", str(folder)]) == 0
    monkeypatch.setenv("CHASH_PLUGINS", "")
    assert main(["encode", "named", "-q"]) == 2
    assert "lines" in capsys.readouterr().err


def test_evidence_is_for_criteria_and_must_exist(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "mine", "--kind", "loss", "--sees", "pairs"]) == 2
    assert "--sees pairs is for criteria; a loss sees none, so leave it out" in capsys.readouterr().err
    assert main(["plugin", "new", "mine", "--kind", "criterion", "--sees", "words"]) == 2
    assert "no evidence 'words'; a criterion sees labels, features or pairs" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x y", "3d", "tensor", "a--b", "none", "../up"])
def test_a_name_no_package_can_have_is_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", name, "--kind", "sim"]) == 2
    assert f"cannot be named {name!r}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken_and_a_folder_that_exists_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "Cosine", "--kind", "criterion"]) == 2
    assert "'cosine' already exists, from crossmodal-hash" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    assert main(["plugin", "new", "mine", "--kind", "criterion"]) == 2
    assert "mine already exists" in capsys.readouterr().err
    assert main(["plugin", "new", "mine", "--kind", "pooling"]) == 2


def test_a_fault_that_is_found_ends_with_1_and_names_the_rule(installed, capsys):
    installed("dice", "criterion").write_text(FAULTY.format(body="2 * a @ b.T"))
    assert main(["check", "criterion", "dice"]) == 1
    said = capsys.readouterr()
    assert "but value_range = (0, 1) is declared" in said.out
    assert "criterion dice: " in said.err


def test_a_fault_in_training_names_the_plug_in_and_shows_its_traceback(installed, tiny, small, capsys):
    installed("dice", "criterion").write_text(FAULTY.format(body="a.nothing"))
    assert main(["train", "--data", str(tiny), "--sim", "dice", "--out", "run", "-q", *small]) == 3
    said = capsys.readouterr().err
    assert "criterion 'dice' of chash-dice 0.1 (chash_dice:Dice) failed in compute: AttributeError" in said
    assert "try 'chash check criterion dice'" in said
    assert "return a.nothing" in said
    assert "bug in chash" not in said


@pytest.mark.parametrize(
    ("body", "came"),
    [
        ("((u @ v.T) - s).square().mean(1)", "of shape (8,), not ()"),
        ("{'fit': ((u @ v.T) - s).square().mean(), 'bits': 0.5}", "'bits' that is a float, not a tensor"),
        ("{}", "an empty table"),
        ("(u @ v.T > s).sum()", "of torch.int64"),
    ],
)
def test_a_loss_that_is_no_scalar_is_a_fault_of_its_plug_in_and_leaves_no_run(
    body, came, installed, tiny, small, tmp_path, capsys
):
    module = installed("apart", "loss")
    module.write_text(VECTOR.format(body=body))
    argv = ["train", "--data", str(tiny), "--loss", "apart", "--epochs", "1", "--out", "run", "-q", *small]
    assert main(argv) == 3
    said = capsys.readouterr().err
    assert "loss 'apart' of chash-apart 0.1 (chash_apart:Apart) broke its contract: Apart.compute returned" in said
    assert came in said
    assert "try 'chash check loss apart'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_a_fusion_of_another_width_than_declared_is_a_fault_of_its_plug_in(installed, tiny, small, capsys):
    installed("maxmean", "fusion").write_text(WIDER)
    assert main(["train", "--data", str(tiny), "--fusion", "maxmean", "--out", "run", "-q", *small]) == 3
    said = capsys.readouterr().err
    assert "fusion 'maxmean' of chash-maxmean 0.1 (chash_maxmean:Maxmean) broke its contract: Maxmean.compute" in said
    assert "but out_features declares (B, 16)" in said
    assert "try 'chash check fusion maxmean'" in said


def test_a_loss_that_detaches_codes_is_told_which_tower_learns_nothing(installed, tiny, small, tmp_path, capsys):
    argv = ["train", "--data", str(tiny), "--loss", "apart", "--epochs", "2", "-q", *small]
    argv += ["--set", "terms.hard.intra=0"]  # pairs within texts would teach their tower
    module = installed("apart", "loss")
    module.write_text(VECTOR.format(body="((u @ v.detach().T) - s).square().mean()"))
    with pytest.warns(UserWarning, match="no gradient of the term 'hard' reaches the tower 'text'") as heard:
        assert main([*argv, "--out", "one-sided"]) == 0
    assert sum("no gradient" in str(warning.message) for warning in heard) == 1
    others = [x for name in ("labels", "pairs", "quantization") for x in ("--set", f"terms.{name}.weight=0")]
    module.write_text(VECTOR.format(body="((u.detach() @ v.detach().T) - s).square().mean()"))
    del sys.modules["chash_apart"]
    capsys.readouterr()
    assert main([*argv, *others, "--out", "none"]) == 2
    assert "no term of the loss has a gradient (hard)" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


FLAT = """
from crossmodal_hash.contracts import Criterion


class Flat(Criterion):
    sees = "features"

    def compute(self, a, b):
        x, y = next(iter(a.values())), next(iter(b.values()))
        return 1 / (1 + x.sum(1, keepdim=True).tanh().add(y.sum(1).tanh()).abs() * 0.01)
"""


def test_a_criterion_that_tells_a_contrastive_loss_little_is_named_once(installed, tiny, small, capsys):
    installed("flat", "criterion").write_text(FLAT)
    argv = ["train", "--data", str(tiny), "--recipe", "pairs", "--out", "run", "--epochs", "2", "-q", *small]
    with pytest.warns(
        UserWarning, match="the term 'pairs' teaches the loss 'info-nce' little with the criterion"
    ) as heard:
        assert main([*argv, "--set", "terms.pairs.criterion=flat"]) == 0
    (said,) = (str(warning.message) for warning in heard if "teaches the loss" in str(warning.message))
    assert "'flat': its similarities are so flat that" in said


def test_a_broken_contract_of_what_is_built_in_is_our_bug(tiny, small, monkeypatch, capsys):
    from crossmodal_hash.losses.pairwise_nll import PairwiseNLL

    monkeypatch.setattr(PairwiseNLL, "compute", lambda self, u, v, s: u.mean(1))
    argv = ["train", "--data", str(tiny), "--loss", "pairwise-nll", "--out", "run", "-q", *small]
    assert main(argv) == 101
    said = capsys.readouterr().err
    assert "PairwiseNLL.compute returned a value of shape (8,)" in said
    assert "bug in chash" in said


def test_a_training_that_has_saved_an_epoch_is_kept_when_it_fails(tiny, small, tmp_path, monkeypatch):
    from crossmodal_hash.training import gradient

    def once(*args, _real=gradient.train_step, **kwargs):
        if (tmp_path / "run" / "metrics.jsonl").exists():
            raise ValueError("in the second epoch")
        return _real(*args, **kwargs)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradient, "train_step", once)
    argv = ["train", "--data", str(tiny), "--epochs", "2", "--out", "run", "-q", *small]
    assert main(argv) == 101
    assert (tmp_path / "run" / "config.json").exists()


def test_what_a_constructor_refuses_names_the_setting(installed, capsys):
    installed("dice", "criterion").write_text(REFUSING)
    assert main(["train", "--sim", "dice", "--set", "terms.soft.criterion.strength=-1", "-q"]) == 2
    assert "error: terms.soft.criterion: strength is -1; use 0 or more" in capsys.readouterr().err


def test_what_a_backbone_refuses_names_its_tower(tiny, small, capsys):
    argv = ["train", "--data", str(tiny), *small, "--set", "towers.text.backbone.dropout=2.0", "-q"]
    assert main(argv) == 2
    assert "error: towers.text.backbone: dropout_input=" in capsys.readouterr().err


def test_plug_ins_of_kinds_without_rules_are_said_not_to_be_checked(installed, tmp_path, capsys):
    installed("dice", "criterion")
    points = next((tmp_path / "dice").glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[crossmodal_hash.closed_forms]\nmine = nothing:Mine\n")
    importlib.invalidate_caches()
    capsys.readouterr()
    assert main(["check"]) == 0
    said = capsys.readouterr().err
    assert "not checked: closed-form mine; only these kinds have rules: backbone, fusion" in said
    assert "no plug-in is installed" not in said


def test_without_plug_ins_check_says_how_to_check_what_is_built_in(capsys):
    assert main(["check"]) == 0
    assert "'chash check criterion'" in capsys.readouterr().err
    assert main(["check", "sim", "cosine", "-q"]) == 0
    capsys.readouterr()
    assert main(["check", "loss", "pairwise-nll,slope=half"]) == 0
    assert "slope='half'" in capsys.readouterr().out
    assert main(["check", "loss", "pairwise-nll,slop=half"]) == 2
    assert main(["check", "head"]) == 2


def test_what_follows_a_colon_sets_the_parameter_the_class_names(monkeypatch):
    from crossmodal_hash.backbones.mlp import MLP

    backbones = KINDS["backbone"]
    with pytest.raises(SettingsError, match="'mlp' takes no value after a colon, such as 'x' in 'mlp:x'"):
        backbones.make("mlp:x")
    monkeypatch.setattr(MLP, "argument", "dropout")
    assert backbones.taking("MLP:a/B:c", {"hidden": (8,)}) == (MLP, {"dropout": "a/B:c", "hidden": (8,)})
    with pytest.raises(SettingsError, match="already sets dropout"):
        backbones.taking("mlp:0.5", {"dropout": 0.1})
    assert split_name("a:b:c") == ("a", "b:c")
