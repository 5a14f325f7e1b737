"""Whatever is wrong with the input: exit code 2, one sentence with the way out, and no trace on the disk."""

import errno
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

from crossmodal_hash.cli.main import app, main
from crossmodal_hash.codes import load
from crossmodal_hash.components import CRITERIA

# Typer reads the signatures of all commands again at every call; hundreds of calls can share one reading.
COMMAND = typer.main.get_command(app)
QUICK = [
    x
    for value in (
        *(f"towers.{name}.{key}" for name in ("image", "text") for key in ("width=16", "fusion={name='bbi', rank=16}")),
        *("towers.image.backbone.size=32", "towers.text.backbone.hidden=[32, 16]", "train.batch=8", "train.workers=0"),
        "data.vocabulary.min_count=1",
    )
    for x in ("--set", value)
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and no weights of torchvision."""
    monkeypatch.setattr("crossmodal_hash.cli.main.app", COMMAND)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A feature cache with nothing in it yet."""
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A finished run that tests copy before they damage it."""
    run = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        patch.setenv("CHASH_CACHE", str(run.parent / "cache"))
        assert (
            main(["train", "--data", str(tiny), "--out", str(run), "--epochs", "1", "--bits", "16", "-q", *QUICK]) == 0
        )
    return run


@pytest.fixture
def run(trained, folder):
    """A finished run at `run` in the working folder."""
    copy_tree(trained, Path("run"))
    return Path("run")


@pytest.fixture(scope="module")
def trained_on_matrices(tmp_path_factory):
    """A run on features and word counts, which has no vocabulary."""
    where = tmp_path_factory.mktemp("matrices")
    generator = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.uint8)[np.arange(30) % 3]
    words = (generator.random((30, 12)) < 0.3).astype(np.uint8)
    np.savez(where / "all.npz", XAll=generator.random((30, 6), np.float32), YAll=words, LAll=labels)
    options = ["--epochs", "1", "--bits", "8", "--set", "train.batch=8", "--out", str(where / "run"), "-q"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        assert main(["train", "--data", str(where / "all.npz"), *options]) == 0
    return where / "run"


@pytest.fixture
def refused(folder, capsys):
    """Runs a command that must be refused, and returns its one sentence."""

    def check(argv, *words, code=2, leaves=()):
        before = snapshot(folder)
        capsys.readouterr()
        answer = main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        said = [line for line in err.splitlines() if line.startswith("error: ")]
        assert (answer, len(said)) == (code, 1), err
        assert err.endswith(said[0] + "\n")
        assert "Traceback" not in err
        assert out == ""
        for word in words:
            assert str(word) in said[0]
        after = snapshot(folder)
        for place in leaves:
            before, after = ({n: x for n, x in files.items() if Path(n).parts[0] != place} for files in (before, after))
        assert after == before
        return said[0]

    return check


def copy_tree(source, target):
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def snapshot(folder):
    """Every file and folder by name, files with their size and time of change."""
    paths = [path for path in folder.rglob("*") if path.name != ".lock"]
    facts = [path.stat() if path.is_file() else None for path in paths]
    return {
        str(path.relative_to(folder)): fact and (fact.st_size, fact.st_mtime_ns)
        for path, fact in zip(paths, facts, strict=True)
    }


def unpacked(tiny, name="data"):
    """`tiny` as a folder, and its rows."""
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(name)
    return [json.loads(line) for line in Path(name, "metadata.jsonl").read_text().splitlines()]


def describe(rows, name="data"):
    Path(name, "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


# The command line itself.


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--bits", "x"], ["error: --bits 'x' is not a whole number (see 'chash train --help')"]),
        (["report", "--interval", "x"], ["error: --interval 'x' is not a number (see 'chash report --help')"]),
        (["search", "-k", "0"], ["error: -k '0': should be greater than or equal to 1 (see 'chash search --help')"]),
        (["train", "--foo"], ["--foo", "--fusion", "chash train --help"]),
        (["tran"], ["tran", "chash --help"]),
        (["info", "fusion"], ["name", "chash info --help"]),
        (["train", "--out"], ["--out"]),
        (["encode", "one", "two"], ["two", "chash encode --help"]),
        (["list", "fussion"], ["'fussion'", "Did you mean 'fusion'", "'chash list'"]),
        (["info", "fussion", "bbi"], ["'fussion'", "Did you mean 'fusion'", "'chash list'"]),
        (["info", "fusion", "bib"], ["'bib'", "'bbi'", "chash list fusion"]),
        (["info", "sim", "fgcs"], ["criterion 'fgcs'", "'fgsc'", f"to see all {len(CRITERIA.builtin)}."]),
        (["info", "recipe", "hsidn"], ["'hsidn'", "Did you mean 'hsidhn"]),
        (["config", "show", "nothing"], ["recipe 'nothing'", "chash list recipe"]),
        (["config", "show", "runs/none"], ["run folder runs/none does not exist"]),
        (["config", "show", "runs/none.toml"], ["cannot read settings from runs/none.toml"]),
        (["config", "init", "nothing"], ["recipe 'nothing'", "chash list recipe"]),
    ],
)
def test_a_wrong_command_line_is_one_sentence(refused, argv, words):
    refused(argv, *words)


@pytest.mark.parametrize("argv", [[], ["config"]])
def test_a_command_without_a_word_shows_its_help(argv, capsys):
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert "Usage: chash" in out + err
    assert "error:" not in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bits", "0"], ["bits = 0", "greater than or equal to 1"]),
        (["--bits", "5000"], ["bits = 5000", "4096"]),
        (["--epochs", "0"], ["epochs = 0"]),
        (["--query", "0"], ["data.query = 0"]),
        (["--train", "0"], ["data.train = 0"]),
        (["--train", "1"], ["data.train = 1", "2"]),
        (["--seed", "-1"], ["seed = -1"]),
        (["--recipe", "hsidn"], ["recipe 'hsidn'", "Did you mean 'hsidhn"]),
        (["--recipe", "mine.toml"], ["mine.toml", "No such file"]),
        (["--config", "mine.toml"], ["mine.toml", "No such file"]),
        (["--config", "."], ["Is a directory"]),
        (["--fusion", "bib"], ["fusion 'bib'", "'bbi'"]),
        (["--sim", "fgcs"], ["criterion 'fgcs'", "'fgsc'"]),
        (["--loss", "pairwise-nl"], ["loss 'pairwise-nl'", "'pairwise-nll'"]),
        (["--backbone", "resnet43"], ["backbone 'resnet43'", "'resnet34'"]),
        (["--text", "bow-mpl"], ["backbone 'bow-mpl'", "'bow-mlp'"]),
        (["--set", "train.epochs"], ["'train.epochs'", "KEY=VALUE"]),
        (["--set", "=3"], ["'=3'", "KEY=VALUE"]),
        (["--set", "train.epoch=3"], ["'train.epoch'", "Did you mean 'epochs'"]),
        (["--set", "trian.epochs=3"], ["'trian'", "Did you mean 'train'"]),
        (["--set", "train.lr=inf"], ["train.lr = inf", "finite"]),
        (["--set", "train.lr=quick"], ["train.lr = 'quick'", "number"]),
        (["--set", "train=5"], ["train = 5", "train.KEY"]),
        (["--set", "towers=5", "--fusion", "bbi"], ["towers = 5", "towers.KEY"]),
        (["--set", "terms.hard=5", "--sim", "mmd"], ["terms.hard = 5", "terms.hard.KEY"]),
        (["--set", "towers.image=mlp", "--fusion", "bbi"], ["towers.image = 'mlp'", "towers.image.KEY"]),
        (["--set", "towers.audio.width=8"], ["towers.audio.backbone", "missing"]),
        (["--set", "towers.image.fusion=3"], ["towers.image.fusion = 3"]),
        (["--set", "towers.image.levels=abc"], ["towers.image.levels = 'abc'", "valid integer"]),
        (["--set", "towers.image.fusion={name='bbi', rnk=3}"], ["fusion 'bbi'", "'rnk'", "Did you mean 'rank'"]),
        (["--set", "towers.image.fusion={name='bbi', rank=0}"], ["rank=0"]),
        (
            ["--set", "towers.image.fusion={name='bbi', rank='abc'}"],
            ["towers.image.fusion.rank = 'abc'", "valid integer"],
        ),
        (["--set", "towers.image.fusion={name='bbi', rank=1.5}"], ["towers.image.fusion.rank = 1.5", "valid integer"]),
        (["--set", "towers.image.fusion={name='bbi', norm='batch'}"], ["towers.image.fusion.norm = 'batch'", "'bn'"]),
        (["--set", "towers.image.pooling.bins=[1, 0]"], ["[1, 0]"]),
        (["--set", "towers.image.pooling.bins=two"], ["towers.image.pooling.bins = 'two'"]),
        (["--set", "towers.image.backbone.sise=32"], ["'sise'", "Did you mean 'size'"]),
        (["--set", "towers.image.backbone.size=big"], ["towers.image.backbone.size = 'big'", "valid integer"]),
        (["--set", "towers.text.backbone.hidden=512"], ["towers.text.backbone.hidden = 512"]),
        (["--set", "towers.text.head=tahn"], ["head 'tahn'", "'tanh'"]),
        (["--set", "terms.hard.loss.slope=foo"], ["slope is 'foo'", "scaled:<k>"]),
        (["--set", "terms.hard.loss.slope=8"], ["terms.hard.loss.slope = 8", "string"]),
        (["--set", "terms.hard.loss.margin=1"], ["'pairwise-nll'", "'margin'"]),
        (["--set", "terms.soft.criterion.bandwidth=1"], ["bandwidth"]),
        (["--set", "terms.extra.loss=triplet"], ["terms.extra", "criterion"]),
        (["--recipe", "hsidhn", "--set", "terms.none.loss=foo"], ["loss 'foo'"]),
        (
            [x for term in ("hard", "labels", "soft", "quantization") for x in ("--set", f"terms.{term}.weight=0")],
            ["every term has weight 0"],
        ),
    ],
)
def test_a_wrong_setting_is_refused_before_any_data_is_read(refused, options, words, monkeypatch):
    monkeypatch.setattr("crossmodal_hash.opening.open.load_data", lambda *a, **k: pytest.fail("the data were read"))
    refused(["train", *options], *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("train = {", ["mine.toml", "not TOML"]),
        ("[train]\nepoch = 3", ["'train.epoch'", "'epochs'"]),
        ("base = ['default']", ["mine.toml", "['default']"]),
        ("base = 'defualt'", ["'defualt'", "'default'"]),
        ("bits = 8", ["towers"]),
        ("frozen = 3\nbase = 'default'", ["frozen", "3"]),
    ],
)
def test_a_broken_recipe_file_is_refused(refused, content, words):
    Path("mine.toml").write_text(content)
    refused(["train", "--recipe", "mine.toml"], *words)


def test_a_settings_file_that_is_not_text_is_refused(refused):
    Path("mine.toml").write_bytes(b"\xff\xfe\x00")
    refused(["train", "--config", "mine.toml"], "mine.toml", "not TOML")


# Settings that only the data, the backbone or the machine can refuse.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--query", "48"], ["48 query", "48"]),
        (["--query", "40", "--train", "9"], ["40 query and 9 training", "at most 48"]),
        (["--train", "1000"], ["1000 training", "48"]),
        (["--set", "data.validation=24"], ["24 validation", "24 training", "at most 23"]),
        (["--set", "data.validation=1000"], ["1000 validation", "at most 23"]),
        (["--train", "2", "--set", "data.validation=1"], ["1 item to train on", "2"]),
        (["--set", "data.vocabulary.min_count=100"], ["100", "min_count"]),
        (["--device", "foo"], ["'foo'", "auto, cpu, cuda"]),
        (["--device", "mps"], ["'mps'", "auto, cpu, cuda"]),
        (["--device", "cuda:99"], ["'cuda:99'", "--device cpu"]),
        (["--set", "towers.image.levels=9"], ["levels=9", "stride32"]),
        (["--set", "towers.image.levels=[stage9]"], ["towers.image.levels = '[stage9]'"]),
        (["--set", "towers.image.levels=['stage9']"], ["'stage9'"]),
        (["--set", "towers.image.backbone.size=8"], ["size=8", "32"]),
        (["--set", "towers.audio.backbone=mlp"], ["'audio'", "image, text"]),
        (["--backbone", "resnet34"], ["resnet34", "--weights", "--backbone efficientnet-lite0"]),
        (["--weights", "mine.pth"], ["mine.pth", "weights='none'"]),
        (["--weights", "."], ["'.'"]),
        (["--split", "mine.json"], ["mine.json", "No such file"]),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(refused, tiny, options, words):
    refused(["train", "--data", tiny, "--out", "run", "-q", *QUICK, *options], *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "towers.image.levels=2"], ["image: these are pictures", "--backbone"]),
        (["--weights", "none"], ["'mlp'", "'weights'"]),
        (["--set", "towers.image.backbone.size=32"], ["'mlp'", "'size'"]),
    ],
)
def test_the_backbone_of_feature_vectors_is_refused_for_pictures(refused, tiny, options, words):
    refused(["train", "--data", tiny, "--backbone", "mlp", *options], *words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(refused, tiny):
    refused(["train", "--data", tiny, "--device", "cuda", "-q", *QUICK], "'cuda'", "--device cpu")


def test_a_batch_larger_than_the_training_items_is_all_of_them(tiny):
    options = ["--set", "train.batch=1000", "--epochs", "1", "--out", "run", "-q"]
    assert main(["train", "--data", str(tiny), *QUICK, *options]) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no weights at all", ["cannot be read as weights", "state dict"]),
        (b"", ["cannot be read as weights"]),
        ({"epoch": 3}, ["something else than tensors"]),
        ([1, 2], ["something else than tensors"]),
        ({0: torch.zeros(1)}, ["something else than tensors"]),
        ({"foo": torch.zeros(1)}, ["does not fit", "lacks"]),
        (np.float64, ["cannot be read as weights"]),
    ],
    ids=["garbage", "empty", "checkpoint", "list", "numbered", "another", "code"],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_that_is_no_weights_is_refused(refused, tiny, content, words, suffix):
    path = Path(f"mine.{suffix}")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif suffix == "pth":
        torch.save(content, path)
    else:
        return
    refused(["train", "--data", tiny, "--weights", path, "-q", *QUICK], path, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["not JSON"]),
        ("[1, 2]", ["not an object of lists"]),
        ('{"query": [0]}', ["no train items"]),
        ('{"query": ["nobody.png"], "train": [1, 2]}', ["'nobody.png'", "not among the 48"]),
        ('{"query": [0], "train": [1, 99]}', ["'99'", "48"]),
        ('{"query": [0, 1], "train": [1, 2, 3]}', ["both query and train", "'1'"]),
        ('{"query": [0, 0], "train": [1, 2, 3]}', ["repeated"]),
        ('{"query": [0], "train": [1, 2, 3], "test": [4]}', ["'test'", "validation"]),
        ('{"query": [0], "train": [1]}', ["1 item to train on"]),
        ('{"query": [0], "train": [1, 2], "validation": [2]}', ["both train and validation"]),
    ],
)
def test_a_wrong_split_file_is_refused(refused, tiny, content, words):
    Path("mine.json").write_text(content)
    refused(["train", "--data", tiny, "--split", "mine.json", "-q", *QUICK], *words)


# The data.


@pytest.mark.parametrize("command", ["train", "encode"])
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing", None, ["'nothing'", "does not exist"]),
        ("empty/", None, ["'empty'", "metadata.jsonl"]),
        ("notes.txt", b"hello", ["'notes.txt'", "not a data set"]),
        ("broken.zip", b"PK\x03\x04 and no more", ["'broken.zip'", "pack it again"]),
        ("broken.tar", b"no tar at all", ["'broken.tar'", "pack it again"]),
        ("broken.mat", b"no matrices", ["broken.mat", "it again"]),
        ("broken.npz", b"no matrices", ["broken.npz", "it again"]),
        ("n" * 300, None, ["name too long"]),
    ],
)
def test_data_that_are_not_there_are_refused(refused, trained, command, name, content, words):
    if name.endswith("/"):
        Path(name).mkdir()
    if content is not None:
        Path(name).write_bytes(content)
    run = [trained] if command == "encode" else []
    refused([command, *run, "--data", name.rstrip("/"), "--out", "out", "-q"], *words)


@pytest.mark.parametrize("command", ["train", "encode"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file_name": "images/99.png"}, ["'images/99.png'", "missing"]),
        ({"file_name": "../secret.png"}, ["'../secret.png'", "outside"]),
        ({"file_name": "images/00.png"}, ["used twice", "images/00.png"]),
        ({"text": "  "}, ["line 4", "no text"]),
        ({"text": None}, ["line 4", "no text"]),
        ({"labels": "red"}, ["line 4", "'red'", "list of strings"]),
        ({"labels": None}, ["line 4", "no labels entry"]),
    ],
)
def test_a_wrong_row_of_the_metadata_is_refused(refused, tiny, trained, command, change, words):
    rows = unpacked(tiny)
    rows[3] |= change
    describe(rows)
    run = [trained] if command == "encode" else QUICK
    refused([command, *run, "--data", "data", "--out", "out", "-q"], *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["no rows"]),
        ("{", ["line 1", "not JSON"]),
        ("[]", ["line 1", "not an object"]),
    ],
)
def test_metadata_that_are_none_are_refused(refused, content, words):
    Path("metadata.jsonl").write_text(content)
    refused(["train", "--data", "."], *words)


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("file_name,labels", "{},red", ["no column text", "file_name,text,labels"]),
        ("file_name,text", "{},a thing", ["no labels column"]),
        ("file_name,text,labels", "{},a thing,", ["no label on any"]),
        ("file_name,text,labels", "{},a thing", ["line 2", "3 cells"]),
    ],
)
def test_a_table_without_a_column_is_refused(refused, tiny, header, row, words):
    names = [item["file_name"] for item in unpacked(tiny)]
    Path("data/metadata.jsonl").unlink()
    Path("data/metadata.csv").write_text("\n".join([header, *(row.format(name) for name in names)]))
    refused(["train", "--data", "data", "-q"], *words)


def test_a_label_outside_labels_txt_is_refused(refused, tiny):
    unpacked(tiny)
    Path("data/labels.txt").write_text("red\ngren\nblue\n")
    refused(["train", "--data", "data", "-q"], "'green'", "labels.txt", "Did you mean 'gren'")


def test_a_label_never_seen_in_training_is_refused_with_the_way_out(refused, tiny, trained):
    rows = unpacked(tiny)
    rows[5]["labels"] = ["violet"]
    describe(rows)
    refused(["encode", trained, "--data", "data", "-q"], "'violet'", "images/05.png", "--no-labels")
    assert main(["encode", str(trained), "--data", "data", "--no-labels", "-q"]) == 0


@pytest.mark.parametrize(
    ("content", "frozen"),
    [
        (bytes(range(256)), "--freeze-backbone"),
        (None, "--freeze-backbone"),
        (b"", "--no-freeze-backbone"),
        (None, "--no-freeze-backbone"),
    ],
    ids=["random", "truncated", "empty, streamed", "truncated, streamed"],
)
def test_a_damaged_picture_is_named_and_nothing_is_trained(refused, tiny, content, frozen):
    unpacked(tiny)
    picture = Path("data/images/07.png")
    picture.write_bytes(picture.read_bytes()[:-300] if content is None else content)
    # Every picture is trained or validated on but one.
    sizes = ["--query", "1", "--train", "47"]
    refused(["train", "--data", "data", frozen, *sizes, "--out", "run", "-q", *QUICK], "'images/07.png'", "replace")


@pytest.mark.parametrize("content", [bytes(range(256)), None], ids=["random", "truncated"])
def test_a_damaged_picture_is_named_and_no_codes_are_written(refused, tiny, trained, content):
    unpacked(tiny)
    picture = Path("data/images/07.png")
    picture.write_bytes(picture.read_bytes()[:-300] if content is None else content)
    refused(["encode", trained, "--data", "data", "--out", "codes", "-q"], "'images/07.png'", "replace")
    refused(["encode", trained, "--images", picture, "--out", "codes", "-q"], "'07.png'", "replace")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"XAll": np.ones((9, 4)), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["differ in length", "9", "10"]),
        ({"XAll": np.ones((10, 4)), "YAll": np.ones((10, 3)), "LAll": np.zeros((10, 3))}, ["10 items", "label"]),
        ({"XAll": np.ones((10, 4)), "YAll": np.ones((10, 3)), "LAll": np.full((10, 3), 2)}, ["value 2", "0/1"]),
        ({"XAll": np.full((10, 4), np.nan), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["40 values", "NaN"]),
        ({"XAll": np.ones((10, 4)), "YAll": np.ones((10, 3))}, ["label"]),
        ({"foo": np.ones((10, 4))}, ["foo"]),
        ({"XAll": np.array([{}]), "YAll": np.ones((10, 3)), "LAll": np.eye(10)}, ["mine.npz"]),
    ],
    ids=["lengths", "no label", "not binary", "nan", "no labels", "no keys", "objects"],
)
def test_matrices_that_do_not_fit_are_refused(refused, arrays, words):
    np.savez("mine.npz", **arrays)
    refused(["train", "--data", "mine.npz", "-q"], *words)


def test_too_few_items_are_refused(refused, tiny):
    rows = unpacked(tiny)
    for count in (1, 2, 3):
        describe(rows[:count])
        refused(["train", "--data", "data", "-q", *QUICK], "1")


# Folders that are taken, or cannot be written to.


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: None, ["run", "a finished run", "another"]),
        (lambda: Path("run/weights.safetensors").unlink(), ["an unfinished run", "--resume run"]),
        (lambda: Path("run/config.json").unlink(), ["something else", "another"]),
    ],
    ids=["finished", "unfinished", "other files"],
)
def test_a_folder_in_use_is_left_alone(refused, tiny, run, make, words):
    make()
    refused(["train", "--data", tiny, "--out", run, "-q", *QUICK], *words)


@pytest.mark.parametrize("out", ["file", "file/run", "file/deep/run"])
def test_a_file_in_place_of_the_run_folder_is_left_alone(refused, tiny, out, run):
    Path("file").write_text("mine")
    refused(["train", "--data", tiny, "--out", out, "-q", *QUICK], "file", "choose another")
    refused(["encode", run, "--data", tiny, "--out", out, "-q"], "file", "choose another")


def test_a_file_in_place_of_the_runs_is_left_alone(refused, tiny):
    Path("runs").write_text("mine")
    refused(["train", "--data", tiny, "-q", *QUICK], "runs", "--out")


def test_a_file_in_place_of_the_cache_is_named(refused, tiny, monkeypatch):
    Path("file").write_text("mine")
    monkeypatch.setenv("CHASH_CACHE", "file")
    refused(["train", "--data", tiny, "-q", *QUICK], "file", "CHASH_CACHE")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, errno.ENOSPC) for name in ("vocabulary", "split", "config")),
        *(("model", code) for code in (errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)),
    ],
)
def test_a_disk_that_refuses_before_training_leaves_no_run(refused, tiny, monkeypatch, name, code):
    fails_to_write(monkeypatch, name, code)
    said = refused(["train", "--data", tiny, "-q", *QUICK], name, leaves=["runs"])
    assert "disk" in said or "permission" in said
    assert not list(Path().glob("runs/*"))


def test_a_disk_that_fills_up_with_features_leaves_none(refused, tiny, monkeypatch, cache):
    fails_to_write(monkeypatch, "00000000", errno.ENOSPC)
    refused(["train", "--data", tiny, "-q", *QUICK], cache, "no space left", "CHASH_CACHE")
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["state", "weights"])
def test_a_disk_that_fills_up_in_training_says_how_to_go_on(refused, tiny, monkeypatch, name):
    sets = ["train.checkpoint_every=0", "train.validate_every=1"]
    options = ["--out", "run", "--epochs", "3", *(x for value in sets for x in ("--set", value)), "-q"]
    with monkeypatch.context() as patch:
        fails_to_write(patch, name, errno.ENOSPC)
        argv = ["train", "--data", tiny, *options, *QUICK]
        refused(argv, "no space left", name, "chash train --resume run", leaves=["run"])
    assert not list(Path("run").rglob("*.tmp")) + list(Path("run").rglob(".s*")) + list(Path("run").rglob(".w*"))
    assert main(["train", "--resume", "run", "-q"]) == 0
    epochs = [json.loads(line)["epoch"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert epochs == sorted(epochs)
    assert epochs.count(1) == epochs.count(2) == epochs.count(3)


def test_a_disk_that_fills_up_in_encoding_leaves_no_half_file(refused, tiny, run, monkeypatch):
    assert main(["encode", str(run), "-q"]) == 0
    monkeypatch.setattr("safetensors.numpy.save", full_disk)
    refused(["encode", run, "-q"], "image.safetensors", "No space left", "choose another folder")


def test_a_disk_that_is_really_full_leaves_nothing(refused, tiny, tmp_path):
    disk = tmp_path / "here" / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "filler").write_bytes(bytes(248 << 10))
        refused(["train", "--data", tiny, "--out", "disk/run", "-q", *QUICK], "no space left", "disk/run")
        (disk / "filler").unlink()
        refused(["train", "--data", tiny, "--out", "disk/run", "-q", *QUICK], "--resume disk/run", leaves=["disk"])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_folder_is_named(refused, tiny, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    Path("closed").mkdir(mode=0o500)
    refused(["train", "--data", tiny, "--out", "closed/run", "-q", *QUICK], "closed/run", "Permission denied")


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails_to_write(monkeypatch, name, code):
    """Let writing the file called `name` end like on a bad disk, after half of it."""
    real = Path.write_bytes

    def write(self, data):
        if name in self.name:
            real(self, data[: len(data) // 2])
            raise OSError(code, os.strerror(code))
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write)


# Runs that are missing, not whole, or not one.


@pytest.mark.parametrize("command", [["encode"], ["evaluate"]])
def test_without_any_run_the_way_to_one_is_told(refused, command):
    refused(command, "no run under runs/", "chash train")


@pytest.mark.parametrize("command", [["encode"], ["evaluate"], ["train", "--resume"]])
def test_a_run_that_does_not_exist_or_is_none_is_refused(refused, command):
    refused([*command, "gone"], "gone does not exist", "chash train")
    Path("other").mkdir()
    refused([*command, "other"], "other is not a run folder", "chash train")
    for content in ('{"model_type": "bert"}', "[1]"):
        Path("other/config.json").write_text(content)
        refused([*command, "other"], "other is not a run folder")
    Path("other/config.json").write_text("{")
    refused([*command, "other"], "config.json", "cannot be read")


def test_a_folder_that_is_no_run_has_no_settings_to_show(refused):
    Path("other").mkdir()
    Path("other/config.json").write_text('{"model_type": "bert"}')
    refused(["config", "show", "other"], "other is not a run folder")


@pytest.mark.parametrize("name", ["model.json", "environment.json", "vocabulary.json", "split.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", None])
def test_a_run_with_a_damaged_part_is_refused(refused, run, name, content):
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_bytes(content)
    said = refused(["encode", run, "-q"])
    assert name in said or "vocabulary" in said


@pytest.mark.parametrize("size", [0, 4, 1000, -1])
def test_truncated_weights_are_refused(refused, run, size):
    weights = run / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    refused(["encode", run, "-q"], weights, "restore")


def test_weights_of_another_model_are_refused(refused, run):
    from safetensors.numpy import save_file

    save_file({"foo": np.zeros(1)}, run / "weights.safetensors")
    refused(["encode", run, "-q"], run / "weights.safetensors", "foo")


def test_an_unfinished_run_is_not_encoded_and_can_be_resumed(refused, run):
    (run / "weights.safetensors").unlink()
    refused(["encode", run, "-q"], "not finished", "chash train --resume run")
    refused(["evaluate", run, "-q"], "no codes yet", "chash encode run")


def test_a_finished_run_without_codes_says_how_to_get_them(refused, run):
    refused(["evaluate", run, "-q"], "no codes yet", "chash encode run")


@pytest.mark.parametrize("content", [b"", b"{}", bytes(1000)])
def test_a_corrupt_checkpoint_is_refused(refused, run, content):
    (run / "weights.safetensors").unlink()
    (run / "checkpoint").mkdir(exist_ok=True)
    (run / "checkpoint" / "state.safetensors").write_bytes(content)
    refused(["train", "--resume", run, "-q"], "state.safetensors", "corrupt", "again", leaves=["run"])


def test_a_run_that_another_process_trains_is_left_alone(refused, run):
    (run / "weights.safetensors").unlink()
    holder = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(run / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        refused(["train", "--resume", run, "-q"], "run is in use", "wait")
        process.communicate(b"\n")


def test_a_damaged_feature_cache_is_made_again(tiny, run, cache):
    argv = ["encode", str(run), "--data", str(tiny), "-q"]
    assert main([*argv, "--out", "before"]) == 0
    for content in (b"", b"garbage", None):
        for shard in (cache / "features").rglob("*.safetensors"):
            shard.write_bytes(shard.read_bytes()[:-1] if content is None else content)
        assert main([*argv, "--out", "after"]) == 0
        before, after = (load(Path(name, "image.safetensors")) for name in ("before", "after"))
        assert (before.packed == after.packed).all()


# What is given to a finished run.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--images", "gone"], ["'gone'", "does not exist"]),
        (["--images", "empty"], ["'empty'", "no pictures"]),
        (["--images", "notes.txt"], ["'notes.txt'", ".png"]),
        (["--texts", "gone"], ["'gone'", "No such file"]),
        (["--texts", "blank.txt"], ["'blank.txt'", "no text"]),
        (["--texts", "latin.txt"], ["'latin.txt'", "UTF-8"]),
        (["--texts", "-"], ["standard input", "no text"]),
        (["--texts", "-", "--images", "empty"], ["--images and --texts", "one after the other"]),
        (["--format", "parquet"], ["'parquet'", "safetensors, npy, mat or csv"]),
        (["--device", "foo"], ["'foo'", "auto, cpu, cuda"]),
        (["--device", "cuda:99"], ["'cuda:99'", "--device cpu"]),
    ],
)
def test_what_cannot_be_encoded_is_refused(refused, trained, options, words, monkeypatch):
    Path("empty").mkdir()
    Path("notes.txt").write_text("hello")
    Path("blank.txt").write_text("\n \n")
    Path("latin.txt").write_bytes("für".encode("latin-1"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    refused(["encode", trained, *options, "-q"], *words)


def test_texts_and_pictures_given_to_a_run_on_matrices_are_refused(refused, trained_on_matrices, tiny):
    unpacked(tiny)
    Path("texts.txt").write_text("a red thing\n")
    refused(["encode", trained_on_matrices, "--texts", "texts.txt", "-q"], "vocabulary", "12 columns")
    refused(["encode", trained_on_matrices, "--images", "data/images", "-q"], "pictures", "vector")


def test_matrices_of_another_width_are_refused(refused, trained_on_matrices):
    labels = np.eye(3)[np.arange(9) % 3]
    np.savez("mine.npz", XAll=np.random.default_rng(0).random((9, 5)), YAll=np.ones((9, 12)), LAll=labels)
    refused(["encode", trained_on_matrices, "--data", "mine.npz", "-q"], "5 values", "6")


# Training itself.


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_a_loss_that_is_no_number_names_its_term_and_keeps_what_was_saved(refused, tiny, memory):
    options = ["--set", "train.lr=1e30", "--set", f"train.memory={memory}", "--epochs", "3", "--out", "run", "-q"]
    argv = ["train", "--data", tiny, *QUICK, *options]
    refused(argv, "train.lr", "train.clip", "another")
    assert not Path("run").exists()  # nothing was saved
    argv += ["--set", "train.checkpoint_every=0"]
    said = refused(argv, "train.lr", "train.clip", "another", leaves=["run"])
    assert any(f"term '{name}'" in said for name in ("hard", "soft", "quantization"))
    assert not Path("run/weights.safetensors").exists()
    refused(["encode", "run", "-q"], "not finished")
    refused(["train", "--resume", "run", "-q"], "train.lr", "another", leaves=["run"])


def test_a_gpu_without_memory_says_what_to_lower(refused, tiny, monkeypatch):
    def out_of_memory(*args, **kwargs):
        raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")

    monkeypatch.setattr("crossmodal_hash.training.trainer.train_step", out_of_memory)
    argv = ["train", "--data", tiny, "--out", "run", "-q", *QUICK]
    refused(argv, "no memory left", "train.batch=8", "smaller")


# Plug-ins.


def test_a_broken_plug_in_is_exit_code_3(refused, folder, monkeypatch):
    info = Path("broken-1.0.dist-info")
    info.mkdir()
    Path(info, "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    Path(info, "entry_points.txt").write_text("[crossmodal_hash.fusions]\nshaky = broken_fusion:Shaky\n")
    Path("broken_fusion.py").write_text("raise ZeroDivisionError('no')\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("CHASH_PLUGINS", "broken")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    refused(["train", "--fusion", "shaky"], "'shaky'", "broken 1.0", "ZeroDivisionError", code=3)
    refused(["info", "fusion", "shaky"], "'shaky'", "broken 1.0", "ZeroDivisionError", code=3)
