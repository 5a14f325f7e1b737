"""`chash compare` through `main(argv)`."""

import json
from glob import glob
from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load, unpack
from crossmodal_hash.runs.create import note_latest
from crossmodal_hash.runs.folder import Run


def test_two_runs_side_by_side(capsys, two_runs):
    assert main(["compare", *map(str, two_runs)]) == 0
    out, err = capsys.readouterr()
    head, *rows = [line.split("\t") for line in out.splitlines()]
    assert head == ["direction", "database", "metric", "bits16", "bits24", "bits24 - bits16"]
    asked = [("all", "map@all"), ("unseen", "map@all")]
    paired = [("query", "hit@10"), ("untrained", "hit@10")]
    assert [(row[1], row[2]) for row in rows] == 4 * asked + 2 * paired
    first, second = float(rows[0][3]), float(rows[0][4])
    assert float(rows[0][5].split()[0].rstrip("*")) == pytest.approx(second - first, abs=2e-4)
    assert "paired 95% bootstrap" in err


def test_metrics_that_are_asked_for_are_all_that_is_compared(capsys, two_runs):
    assert main(["compare", *map(str, two_runs), "--metric", "map@all,hit@1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["database"], row["metric"]) for row in rows} == {
        (database, metric) for database in ("all", "unseen") for metric in ("map@all", "hit@1")
    }


@pytest.mark.parametrize(
    ("form", "start"), [("md", "| direction | database |"), ("latex", "% Differences"), ("csv", "direction,database,")]
)
def test_tables_are_ready_to_paste(capsys, two_runs, form, start):
    assert main(["compare", *map(str, two_runs), "--format", form, "--metric", "map@all,P@5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(start)
    assert "P@5" in out


def test_all_runs_of_a_folder_are_compared_beside_the_note_of_the_latest(capsys, two_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    for run in two_runs:
        Path("runs", run.name).symlink_to(run)
    note_latest(Run(Path("runs", two_runs[1].name)))
    assert main(["compare", *sorted(glob("runs/*")), "-q"]) == 0  # noqa: PTH207 (what a shell makes of runs/*)
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (13, "")
    assert main(["evaluate", "--no-interval"]) == 0
    assert "run runs/bits24" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "encode"])
def test_a_run_that_is_missing_is_answered_with_those_there_are(capsys, two_runs, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("runs/mine").symlink_to(two_runs[0])
    assert main([command, "runs/yours"]) == 2
    assert "runs/yours does not exist; under runs/ there is mine\n" in capsys.readouterr().err


def test_json_has_every_number_in_its_own_field(capsys, two_runs):
    assert main(["compare", *map(str, two_runs), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["compare", *map(str, two_runs), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == document
    first, second = document[:2]
    assert (first["run"], second["run"], first["difference"]) == ("bits16", "bits24", None)
    assert second["difference"] == pytest.approx(second["value"] - first["value"])
    assert second["difference_low"] <= second["difference"] <= second["difference_high"]


def test_saved_scores_of_anyone_compare_with_a_run(capsys, two_runs, tmp_path):
    saved = tmp_path / "theirs.json"
    assert main(["evaluate", str(two_runs[1]), "--save", str(saved), "-q"]) == 0
    capsys.readouterr()
    assert main(["compare", str(two_runs[1]), str(saved), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["run"] for row in rows} == {"bits24", "theirs"}
    assert {row["difference"] for row in rows} == {None, 0.0}


def test_what_does_not_compare_is_refused_in_one_sentence(capsys, two_runs, tmp_path, theirs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, matrix in zip(("image", "text", "labels"), theirs, strict=True):
        np.save(f"{name}.npy", matrix)
    codes = ["--codes", "image.npy", "--codes", "text.npy", "--labels", "labels.npy"]
    assert main(["evaluate", *codes, "--save", "theirs.json", "-q"]) == 0
    capsys.readouterr()
    one = str(two_runs[0])
    for argv, said in (
        ([one], "at least 2"),
        ([one, one], "named twice"),
        ([one, "nowhere"], "does not exist"),
        ([one, "labels.npy"], "cannot be read as saved scores"),
        ([one, "theirs.json"], "are not comparable"),
        ([one, str(two_runs[1]), "--format", "html"], "md, latex, csv, json"),
        ([one, str(two_runs[1]), "--metric", "map"], "unknown metric"),
        ([one, str(two_runs[1]), "--interval", "2"], "level"),
    ):
        assert main(["compare", *argv]) == 2, argv
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1


def test_codes_of_another_program_are_compared_with_a_run_on_its_items(two_runs, tmp_path, capsys):
    run = two_runs[0]
    for name in ("image", "text"):
        codes = load(run / "codes" / f"{name}.safetensors")
        np.save(tmp_path / f"{name}_B.npy", unpack(codes.packed, codes.bits))
    given = [f"--codes={name}={tmp_path}/{name}_B.npy" for name in ("image", "text")]
    theirs = str(tmp_path / "theirs.json")
    assert main(["evaluate", *given, "--like", str(run), "--save", theirs]) == 0
    capsys.readouterr()
    assert main(["compare", str(run), theirs, "--format", "json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["run"] != run.name]
    assert {row["database"] for row in rows} == {"all", "unseen", "query", "untrained"}
    assert {row["difference"] for row in rows} == {0.0}
    for argv, sentence in [
        ([f"--codes={tmp_path}/image_B.npy", "--like", str(run)], "modality image_B, but the run has image and text"),
        (["--like", str(run)], "use it with --codes"),
        ([f"--codes=text={tmp_path}/short.npy", "--like", str(run)], "has 3 codes and the run 48 items"),
    ]:
        np.save(tmp_path / "short.npy", np.ones((3, 16)))
        assert main(["evaluate", *argv]) == 2
        assert sentence in capsys.readouterr().err
