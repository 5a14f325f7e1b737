"""The command line itself, and settings that are wrong whatever the data."""

from pathlib import Path

import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import CRITERIA


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--bits", "x"], ["error: --bits 'x' is not a whole number (see 'chash train --help')"]),
        (["report", "--interval", "x"], ["error: --interval 'x' is not a number (see 'chash report --help')"]),
        (["search", "-k", "0"], ["error: -k '0' is too small; use at least 1 (see 'chash search --help')"]),
        (["train", "--foo"], ["--foo", "--fusion", "chash train --help"]),
        (["tran"], ["tran", "chash --help"]),
        (["info", "fusion"], ["name", "chash info --help"]),
        (["train", "--out"], ["--out"]),
        (["encode", "one", "two"], ["two", "chash encode --help"]),
        (["list", "fussion"], ["'fussion'", "did you mean 'fusion'", "'chash list'"]),
        (["info", "fussion", "bbi"], ["'fussion'", "did you mean 'fusion'", "'chash list'"]),
        (["info", "fusion", "bib"], ["'bib'", "'bbi'", "chash list fusion"]),
        (["info", "sim", "fgcs"], ["criterion 'fgcs'", "'fgsc'", f"to see all {len(CRITERIA.builtin)}"]),
        (["info", "recipe", "hsidn"], ["'hsidn'", "did you mean 'hsidhn"]),
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
        (["--bits", "0"], ["bits = 0 is not allowed; use a whole number of at least 1 and at most 4096, such as 64"]),
        (["--bits", "5000"], ["bits = 5000", "4096"]),
        (["--epochs", "0"], ["epochs = 0"]),
        (["--query", "0"], ["data.query = 0"]),
        (["--train", "0"], ["data.train = 0"]),
        (["--train", "1"], ["data.train = 1", "2"]),
        (["--seed", "-1"], ["seed = -1"]),
        (["--recipe", "hsidn"], ["recipe 'hsidn'", "did you mean 'hsidhn"]),
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
        (["--set", "train.epoch=3"], ["'train.epoch'", "did you mean 'epochs'"]),
        (["--set", "trian.epochs=3"], ["'trian'", "did you mean 'train'"]),
        (["--set", "train.lr=inf"], ["train.lr = inf", "finite"]),
        (["--set", "train.lr=quick"], ["train.lr = 'quick' is not allowed; use a number above 0, such as 0.001"]),
        (["--set", "train.epochs=five"], ["train.epochs = 'five' is not allowed; use a whole number of at least 1"]),
        (["--set", "train.epochs=-3"], ["train.epochs = -3 is not allowed; use a whole number of at least 1"]),
        (["--set", "train.epochs=[1]"], ["train.epochs = [1] is not allowed; use a whole number of at least 1"]),
        (["--set", "train.epochs=1.5"], ["train.epochs = 1.5 is not allowed; use a whole number of at least 1"]),
        (["--set", "train.rotate=maybe"], ["train.rotate = 'maybe' is not allowed; use true or false"]),
        (["--set", "train.memory=half"], ["train.memory = 'half' is not allowed; use 'batch' or 'full'"]),
        (["--set", "device=3"], ["device = 3 is not allowed; use a text, such as 'auto'"]),
        (["--set", "terms.hard.inter=-1"], ["terms.hard.inter = -1 is not allowed; use a number of at least 0"]),
        (["--set", "towers.image.dropout=1"], ["use a number of at least 0 and below 1, such as 0.3"]),
        (["--set", "data.vocabulary=3"], ["data.vocabulary = 3 is not a table of settings; set one in it: data.voc"]),
        (
            ["--set", "towers.image.levels=[1, 0.5]"],
            ["[1, 0.5] is not allowed; use a whole number, or a list"],
        ),
        (["--set", "train=5"], ["train = 5", "train.KEY"]),
        (["--set", "towers=5", "--fusion", "bbi"], ["towers = 5", "towers.KEY"]),
        (["--set", "terms.hard=5", "--sim", "mmd"], ["terms.hard = 5", "terms.hard.KEY"]),
        (["--set", "towers.image=mlp", "--fusion", "bbi"], ["towers.image = 'mlp'", "towers.image.KEY"]),
        (["--set", "towers.audio.width=8"], ["towers.audio.backbone", "missing"]),
        (
            ["--set", "towers.image.fusion=3"],
            ["fusion = 3 is not a name; choose one from 'chash list fusion'"],
        ),
        (["--set", "towers.image.levels=abc"], ["towers.image.levels = 'abc'", "whole number"]),
        (["--set", "towers.image.fusion={name='bbi', rnk=3}"], ["fusion 'bbi'", "'rnk'", "did you mean 'rank'"]),
        (["--set", "towers.image.fusion={name='bbi', rank=0}"], ["rank=0"]),
        (
            ["--set", "towers.image.fusion={name='bbi', rank='abc'}"],
            ["towers.image.fusion.rank = 'abc' is not allowed; use a whole number, such as 512"],
        ),
        (["--set", "towers.image.fusion={name='bbi', rank=1.5}"], ["towers.image.fusion.rank = 1.5", "whole number"]),
        (["--set", "towers.image.fusion={name='bbi', norm='batch'}"], ["towers.image.fusion.norm = 'batch'", "'bn'"]),
        (["--set", "towers.image.pooling.bins=[1, 0]"], ["[1, 0]"]),
        (["--set", "towers.image.pooling.bins=two"], ["towers.image.pooling.bins = 'two'"]),
        (["--set", "towers.image.backbone.sise=32"], ["'sise'", "did you mean 'size'"]),
        (["--set", "towers.image.backbone.size=big"], ["towers.image.backbone.size = 'big'", "whole number"]),
        (["--text", "bow-mlp", "--set", "towers.text.backbone.hidden=512"], ["towers.text.backbone.hidden = 512"]),
        (["--set", "towers.text.head=tahn"], ["head 'tahn'", "'tanh'"]),
        (["--set", "terms.hard.loss.slope=foo"], ["slope is 'foo'", "scaled:<k>"]),
        (["--set", "terms.hard.loss.slope=8"], ["terms.hard.loss.slope = 8", "use a text, such as 'scaled:8'"]),
        (["--set", "terms.hard.loss.margin=1"], ["'pairwise-nll'", "'margin'"]),
        (["--set", "terms.soft.criterion.bandwidth=1"], ["bandwidth"]),
        (["--set", "terms.extra.loss=triplet"], ["terms.extra", "criterion"]),
        (["--recipe", "hsidhn", "--set", "terms.none.loss=foo"], ["loss 'foo'"]),
        (
            [
                x
                for term in ("hard", "labels", "pairs", "soft", "quantization")
                for x in ("--set", f"terms.{term}.weight=0")
            ],
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
