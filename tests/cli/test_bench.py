import json
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal_hash.cli.bench_progress import BenchProgress, said_time
from crossmodal_hash.cli.main import main
from crossmodal_hash.cli.output import Output

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benched(tmp_path_factory, tiny, small):
    """A bench of one method that works and one that fails; and what the command said."""
    folder = tmp_path_factory.mktemp("bench")
    grid = folder / "grid.toml"
    grid.write_text(
        'methods = [{ name = "good", recipe = "default", epochs = 1, fusion = "bbi" },\n'
        '  { name = "bad", recipe = "default", sets = ["data.query=1000"] }]\nbits = [16, 24]\nseeds = [0]\n'
        f"sets = {json.dumps([*small[1::2], 'train.checkpoint_every=0'])}\n"
    )
    argv = ["bench", str(grid), "--data", str(tiny), "--out", str(folder / "out"), "--jobs", "2"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"CHASH_PLUGINS": "", "CHASH_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "crossmodal_hash", *argv]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return argv, folder, done


@pytest.mark.slow
def test_a_grid_runs_goes_on_after_a_failure_and_says_which_cells_failed(benched):
    _, folder, done = benched
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[0] == "# tiny: map@all, database all"
    assert done.stdout.splitlines()[2].startswith("good\t0.")
    assert "tiny/bad-16-0: 1000 query" in done.stderr
    assert "2 of 4 cells failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert "[4/4] tiny" in done.stderr
    assert sorted(path.name for path in (folder / "out" / "tiny").iterdir()) == [
        "bad-16-0.failed.json", "bad-24-0.failed.json", "good-16-0", "good-24-0"
    ]  # fmt: skip


@pytest.mark.slow
def test_what_is_done_is_not_done_again(benched, capsys):
    argv, folder, _ = benched
    before = {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/*.json")}
    assert main([*argv, "--methods", "good"]) == 0
    assert "2 cells done, 0 cells to run" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/*.json")} == before


@pytest.mark.slow
def test_other_settings_are_refused_in_a_sentence(benched, capsys):
    argv, _, _ = benched
    assert main([*argv, "--methods", "good", "--bits", "16", "--set", "train.lr=0.5"]) == 3
    said = capsys.readouterr().err
    assert "was created with other settings: train.lr was 0.002 and is 0.5 now; use --again to run it again" in said
    assert main([*argv, "--methods", "good", "--bits", "16", "--set", "train.lr=0.5", "--dry-run"]) == 0
    assert "\tother settings\ttrain.lr was" in capsys.readouterr().out


@pytest.mark.slow
def test_the_tables_of_what_is_there_in_every_form_without_torch(benched, capsys):
    _, folder, _ = benched
    code = (
        "import sys; from crossmodal_hash.cli.main import main; code = main(sys.argv[1:]); "
        "print('torch' in sys.modules, 'matplotlib' in sys.modules); sys.exit(code)"
    )
    out = ["bench", "--out", str(folder / "out")]
    done = subprocess.run([sys.executable, "-c", code, *out], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")
    assert main([*out, "--format", "md"]) == 0
    said = capsys.readouterr().out
    assert "### tiny: map@all, database unseen" in said
    assert "| good | **0." in said
    assert main([*out, "--format", "latex"]) == 0
    assert r"\textbf{0." in capsys.readouterr().out
    assert main([*out, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 * (4 * 2 + 2 * 2)
    assert main([*out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["bits"] for row in document["scores"]} == {16, 24}
    assert main([*out, "-q"]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == ["good", "random order"]


@pytest.mark.slow
def test_the_page_has_the_tables_and_the_curves_over_code_length(benched, capsys, tmp_path):
    _, folder, _ = benched
    assert main(["report", str(folder / "out"), "--out", str(tmp_path / "a.html")]) == 0
    assert main(["bench", "--out", str(folder / "out"), "--report", str(tmp_path / "b.html")]) == 0
    first, second = ((tmp_path / name).read_text() for name in ("a.html", "b.html"))
    assert first == second
    assert "<strong>0." in first
    assert "map@all over code length for image-&gt;text" in first
    assert first.count("<svg") == 2
    assert "<script" not in first


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--out", "nothing-here"], "holds no finished cell of a bench"),
        (["missing.toml"], "cannot read settings from missing.toml"),
        (["--bits", "16"], "names no methods"),
        (["--methods", "default", "--bits", "sixteen"], "--bits 'sixteen' is not a list of whole numbers"),
        (["--methods", "default", "--seeds", "-1"], "error: seeds = -1: should be greater"),
        (["--methods", "default", "--bits", "16,0"], "error: bits = 0: should be greater than or equal to 1"),
        (["--methods", "default", "--jobs", "0"], "--jobs must be a number of processes, 1 or more, not 0"),
        (["--methods", "default", "--format", "markdown"], "unknown format 'markdown'"),
        (["--methods", "default", "--metric", "map@al"], "map@al"),
        (["--methods", "default,hsidnh"], "method 'hsidnh': unknown recipe 'hsidnh' (did you mean 'hsidhn'"),
        (["--methods", "default", "--set", "train.epoch=1"], "method 'default': unknown setting 'train.epoch'"),
        (["--methods", "default", "--set", "towers.image.fusion.name=nothing"], "unknown fusion 'nothing'"),
        (["--methods", "default", "--report", __file__], "is not a report of chash; choose another name"),
        (["--methods", "default", "--published"], "no figures for data set 'drawings'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, capsys, argv, said):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *argv]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "bench").exists()


def test_a_dry_run_shows_the_cells_and_makes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--methods", "default", "--bits", "16,32", "--seeds", "0", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["bench/drawings/default-16-0\tmissing\t", "bench/drawings/default-32-0\tmissing\t"]
    assert not list(tmp_path.iterdir())


def test_the_time_left_follows_what_is_done(monkeypatch):
    from crossmodal_hash.bench.grid import cells, read_grid

    first, second = cells(read_grid(None, {"methods": ["default"], "bits": [16], "seeds": [0, 1]}))
    clock = [0.0]
    monkeypatch.setattr("crossmodal_hash.cli.bench_progress.time.monotonic", lambda: clock[0])
    board = BenchProgress(Output(quiet=True))
    board.on_bench_start(4, 0)
    assert board.left() is None
    board.on_cell_start(first)
    board.on_cell_start(second)
    clock[0] = 60.0
    board.on_cell_end(first, 60.0)
    board.on_cell_progress(second, "epoch 1 of 2", 0.5)
    assert board.left() == pytest.approx(60 / 1.5 * 2.5)
    assert said_time(board.left()) == "1 min 40 s"
