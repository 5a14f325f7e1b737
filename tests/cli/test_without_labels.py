"""Data of which nobody knows a label, through `main(argv)`: every command works, and learns from pairs."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from finished import finished_run

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load


@pytest.fixture(scope="module")
def bare(tmp_path_factory, tiny):
    """The tiny data set with pictures and texts alone."""
    path = tmp_path_factory.mktemp("bare") / "bare.zip"
    with zipfile.ZipFile(tiny) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "metadata.jsonl":
                rows = [json.loads(line) for line in content.decode().splitlines()]
                rows = [{key: row[key] for key in ("file_name", "text")} for row in rows]
                content = "\n".join(map(json.dumps, rows)).encode()
            new.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def pair_runs(tmp_path_factory, bare, small):
    """Two finished and encoded runs of 8 and 16 bits."""
    folder = tmp_path_factory.mktemp("pair_runs")
    eight, sixteen = (
        finished_run(folder / f"bits{bits}", bare, "--recipe", "pairs", "--epochs", "8", "--bits", bits, *small)
        for bits in ("8", "16")
    )
    return eight, sixteen


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_data_are_fit_for_training(bare, capsys):
    assert main(["data", "check", str(bare), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["wrong"], document["facts"]["classes"]) == ([], 0)


def test_training_learns_from_pairs_and_is_validated_by_them(pair_runs):
    rows = [json.loads(line) for line in (pair_runs[1] / "metrics.jsonl").read_text().splitlines()]
    losses = [row["value"] for row in rows if row["metric"] == "loss/pairs"]
    assert losses[-1] < losses[0]
    assert {row["metric"] for row in rows if row["split"] == "validation"} == {
        "image->text/partners/map@all",
        "text->image/partners/map@all",
    }
    assert load(pair_runs[1] / "codes" / "image.safetensors").labels is None


def test_evaluate_asks_whether_partners_are_found(pair_runs, capsys):
    assert main(["evaluate", str(pair_runs[1]), "--json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [(row["direction"], row["database"], row["metric"]) for row in rows] == [
        (direction, database, "hit@10")
        for direction in ("image->text", "text->image")
        for database in ("query", "untrained")
    ]
    parts = load(pair_runs[1] / "codes" / "image.safetensors").parts
    left = int((~(parts["train"] | parts["validation"])).sum())
    assert [(row["queries"], row["items"]) for row in rows] == 2 * [(4, 4), (4, left)]
    # Of four queries each; one direction alone turns on a bit or two.
    untrained = [row for row in rows if row["database"] == "untrained"]
    assert sum(row["expected"] for row in untrained) > sum(row["random"] for row in untrained)
    assert "map@all" not in err


def test_labels_that_are_asked_for_are_said_to_be_missing(pair_runs, capsys):
    assert main(["evaluate", str(pair_runs[1]), "--metric", "map@all"]) == 2
    assert "have no labels; add them, or use relevance by pairs: --pairs" in capsys.readouterr().err
    assert main(["evaluate", str(pair_runs[1]), "--pairs", "--metric", "map@all,hit@1", "-q"]) == 0
    assert {line.split("\t")[1] for line in capsys.readouterr().out.splitlines()[1:]} == {"query", "untrained", "whole"}


def test_what_is_searched_for_is_found(pair_runs, capsys):
    assert main(["search", str(pair_runs[1]), "--text", "red thing", "-k", "3", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert len(found["results"]) == 3


def test_a_report_has_paired_scores_and_a_gallery_by_rank(pair_runs, capsys):
    assert main(["report", *map(str, pair_runs), "--out", "r.html", "--examples", "2", "-q"]) == 0
    text = Path("r.html").read_text(encoding="utf-8")
    for said in ("image-&gt;text, query", "hit@10", "median-rank", "worst 1", "best 2", "Side by side"):
        assert said in text
    assert "map@all of the validation part" in text
    text = " ".join(text.split())
    assert "the worst and the best rank of their own partner, each with" in text
    assert "mark the partner, which alone belongs to the query." in text
    assert re.search(r"<h3>worst 1: partner at rank [1-4](\.5)?</h3>", text)
    assert "average precision" not in text
    assert "share a label" not in text


def test_compare_shows_partners_and_by_name_any_metric_of_them(pair_runs, capsys):
    for more, expected in (([], {"hit@10"}), (["--metric", "hit@1,median-rank"], {"hit@1", "median-rank"})):
        assert main(["compare", *map(str, pair_runs), "--json", *more]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {row["metric"] for row in rows} == expected
        assert {row["database"] for row in rows} >= {"query", "untrained"}


@pytest.mark.slow
def test_a_bench_has_a_table_for_each_database_of_partners(bare, small, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    sets = json.dumps([*small[1::2], "train.checkpoint_every=0"])
    Path("grid.toml").write_text(
        f'methods = [{{ name = "by-pairs", recipe = "pairs", epochs = 1 }}]\nbits = [8]\nseeds = [0]\nsets = {sets}\n'
    )
    assert main(["bench", "grid.toml", "--data", str(bare), "--out", "out", "--jobs", "1"]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if line.startswith("# ")]
    assert titles == ["# bare: hit@10, database query", "# bare: hit@10, database untrained"]


def test_a_recipe_that_needs_labels_is_refused_with_the_way_out(bare, folder, capsys):
    assert main(["train", "--data", str(bare), "--recipe", "hsidhn", "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert (
        "bare has no labels, and term 'hard' needs them; add labels, or train without them: --recipe default or pairs"
        in said
    )
    assert not (folder / "run").exists()


SOFT = "bare has no labels, and term 'soft' needs them; add labels, "
HARD = "bare has no labels, and term 'hard' needs them; add labels, "


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--sim mmd", f"{SOFT}leave out --sim, or use --recipe pairs instead"),
        ("--sim mmd --recipe pairs", f"{SOFT}or leave out --sim"),
        ("--set terms.soft.weight=1", f"{SOFT}leave out --set terms.soft.weight, or use --recipe pairs instead"),
        ("--config on.toml", f"{SOFT}leave out terms.soft.weight in file on.toml, or use --recipe pairs instead"),
        ("--set terms.hard.weight=1 --sim mmd", f"{HARD}leave out --set terms.hard.weight and --sim, or use --recipe"),
        (
            "--sim mmd --recipe hsidhn",
            f"{HARD}or train without them: --recipe default or pairs, and leave out --sim",
        ),
    ],
)
def test_what_the_user_asked_for_that_needs_labels_is_to_be_left_out(bare, capsys, options, said):
    Path("on.toml").write_text("[terms.soft]\nweight = 1.0\n")
    argv = ["train", "--data", str(bare), "--out", "run"]
    assert main([*argv, *options.split()]) == 2
    assert f"error: {said}" in capsys.readouterr().err
    assert not Path("run").exists()


@pytest.mark.slow
def test_the_ways_out_of_the_message_lead_out(bare, small, capsys):
    for i, options in enumerate(([], ["--recipe", "pairs"])):
        argv = ["train", "--data", str(bare), "--bits", "8", "--epochs", "1", "--out", f"run{i}", *options]
        assert main([*argv, *small, "-q"]) == 0
    assert main(["encode", "run0", "-q"]) == 0
    assert main(["evaluate", "run0", "--metric", "map@all,P@10,radius@2", "--pairs", "-q"]) == 0


def test_an_optional_term_is_left_out_aloud_and_shown_with_its_origin(bare, small, capsys):
    Path("more.toml").write_text('[terms.classes]\nloss = "classify"\non = "features"\noptional = true\n')
    argv = ["train", "--data", str(bare), "--recipe", "pairs", "--config", "more.toml", "--bits", "8", *small]
    assert main([*argv, "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["terms.classes.weight"] == {"value": 0.0, "origin": "data: no labels"}
    assert main([*argv, "--epochs", "1", "--out", "run"]) == 0
    assert "no labels, so the optional terms that need them are left out: classes" in capsys.readouterr().err
    assert main(["config", "show", "run/", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["terms.classes.weight"] == shown["terms.classes.weight"]
