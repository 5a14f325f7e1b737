"""The runner with cells that take no time: small programs that leave what a cell leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossmodal_hash.bench import runner
from crossmodal_hash.bench.callback import BenchCallback
from crossmodal_hash.bench.runner import reason

ROOT = Path(__file__).parents[2]
FAKE = """
import os, shutil, signal, sys, time
from pathlib import Path
from crossmodal_hash.bench.process import stop_with_the_bench, tell

out, ready, method = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
stop_with_the_bench()
with (out / "started.txt").open("a") as file:
    file.write(f"{method} {os.environ['OMP_NUM_THREADS']}\\n")
tell(done=1, of=2, doing="epoch 1 of 2")
print("a line that is not for the bench", flush=True)
if method == "fails":
    sys.exit("Traceback\\nValueError: the reason")
if method == "umlaut":
    sys.exit("kein Gerät")
if method == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
if method == "slow" and not (out / "fast").exists():
    (out / "waits").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (out / "saved").touch()
        sys.exit(130)
shutil.copytree(ready / "flickr" / f"{method}-16-0", out / "flickr" / f"{method}-16-0")
"""
DRIVE = """
import json, sys
from pathlib import Path
from crossmodal_hash.bench import runner
from crossmodal_hash.bench.grid import Cell

out, ready, fake = sys.argv[1:4]
cells = [Cell.from_json(cell) for cell in json.loads(sys.argv[4])]
runner.run(cells, Path(out), command=lambda cell, out: [sys.executable, fake, str(out), ready, cell.method.name])
"""


@pytest.fixture
def folders(tmp_path, bench_kit):
    """The bench folder; the programs; and what they leave when they are done, made beforehand to be fast."""
    (tmp_path / "fake.py").write_text(FAKE, encoding="utf-8")
    (tmp_path / "drive.py").write_text(DRIVE)
    for name in ("good", "slow", "last"):
        bench_kit.write(tmp_path / "ready", bench_kit.done(name))
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def out(folders):
    return folders / "out"


@pytest.fixture
def fake(folders, monkeypatch):
    """What runs a fake cell."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    script, ready = str(folders / "fake.py"), str(folders / "ready")
    return lambda cell, out: [sys.executable, script, str(out), ready, cell.method.name]


class Heard(BenchCallback):
    def __init__(self):
        self.said = []

    def on_bench_start(self, todo, done):
        self.said.append(("planned", todo, done))

    def on_data_refused(self, data, cells, why):
        self.said.append(("refused", data, cells, why))

    def on_cell_progress(self, cell, doing, share):
        self.said.append((cell.method.name, doing, share))


def started(out):
    return [line.split()[0] for line in (out / "started.txt").read_text().splitlines()]


@pytest.mark.parametrize(("code", "refused"), [(2, True), (101, False)])
def test_data_that_cannot_be_used_are_said_once_and_no_cell_is_started(
    bench_kit, out, fake, monkeypatch, code, refused
):
    said = f"import sys; sys.stderr.write('cannot decode a picture'); sys.exit({code})"
    monkeypatch.setattr(runner, "cell_command", fake)
    monkeypatch.setattr(runner, "features_command", lambda cells: [sys.executable, "-c", said])
    cells = [bench_kit.cell(name) for name in ("good", "last")]
    heard = Heard()
    failures = runner.run(cells, out, callback=heard, command=fake)
    if not refused:
        # Anything else is left to the cells, which may well do without the features.
        assert (failures, started(out)) == ([], ["good", "last"])
        return
    assert not (out / "started.txt").exists()
    assert [(f.cell.method.name, f.reason, f.of_data) for f in failures] == [
        (name, "cannot decode a picture", True) for name in ("good", "last")
    ]
    assert heard.said == [("planned", 2, 0), ("refused", "flickr", 2, "cannot decode a picture")]
    assert json.loads(cells[1].failure(out).read_text())["reason"] == "cannot decode a picture"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cell_that_fails_or_dies_does_not_stop_the_others(bench_kit, out, fake, jobs):
    cells = [bench_kit.cell(name) for name in ("fails", "dies", "good")]
    heard = Heard()
    failures = runner.run(cells, out, jobs=jobs, callback=heard, command=fake)
    assert [(f.cell.method.name, f.reason) for f in failures] == [
        ("fails", "ValueError: the reason"),
        ("dies", "killed by SIGKILL, as the system does when memory runs out"),
    ]
    assert ("planned", 3, 0) in heard.said
    assert ("good", "epoch 1 of 2", 0.5) in heard.said
    kept = json.loads(cells[0].failure(out).read_text())
    assert (kept["reason"], kept["exit"]) == ("ValueError: the reason", 1)
    assert kept["stderr"] == ["Traceback", "ValueError: the reason"]
    assert cells[2].folder(out).is_dir()

    # What failed is tried again, what is done is not.
    assert len(runner.run(cells, out, command=fake)) == 2
    assert sorted(started(out)) == sorted(["good", *["fails", "dies"] * 2])


def test_a_reason_keeps_its_letters_whatever_the_locale(bench_kit, out, fake, monkeypatch):
    for name, value in (("LC_ALL", "C"), ("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0")):
        monkeypatch.setenv(name, value)
    (failure,) = runner.run([bench_kit.cell("umlaut")], out, command=fake)
    assert failure.reason == "kein Gerät"


def test_the_note_of_a_failure_goes_when_the_cell_succeeds(bench_kit, out, fake):
    cell = bench_kit.cell("good")
    cell.failure(out).parent.mkdir()
    cell.failure(out).write_text("{}")
    assert runner.run([cell], out, command=fake) == []
    assert not cell.failure(out).exists()


def test_jobs_share_the_cores(bench_kit, out, fake):
    cores = len(os.sched_getaffinity(0))
    runner.run([bench_kit.cell("good")], out, jobs=cores, command=fake)
    assert (out / "started.txt").read_text() == "good 1\n"


def test_other_settings_are_refused_and_run_again_when_told(bench_kit, out, fake):
    bench_kit.write(out, bench_kit.done("good"))
    other = bench_kit.cell("good", sets=("train.epochs=3",))
    (failure,) = runner.run([other], out, command=fake)
    assert "was created with other settings: train.epochs was" in failure.reason
    assert "--again" in failure.reason
    mark = other.folder(out) / "old"
    mark.touch()
    assert runner.run([other], out, again=True, command=fake) == []
    assert not mark.exists()


@pytest.fixture
def driven(folders, out, fake, bench_kit):
    """A bench in a process of its own, in the middle of its second cell; and the command that goes on."""
    cells = json.dumps([bench_kit.cell(name).to_json() for name in ("good", "slow", "last")])
    paths = [str(folders / name) for name in ("drive.py", "out", "ready", "fake.py")]
    command = [sys.executable, *paths, cells]
    # Where these tests were started in the background of a shell, Ctrl-C is ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    wait_for(out / "waits")
    yield process, command
    process.kill()
    process.wait()


def wait_for(path, seconds=30):
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_bench_killed_in_the_middle_loses_at_most_the_cell_in_progress(out, driven, number):
    process, command = driven
    process.send_signal(number)
    process.wait(30)
    # The running cell notices that the bench is gone, and saves.
    wait_for(out / "saved")
    assert started(out) == ["good", "slow"]
    (out / "fast").touch()
    assert subprocess.run(command, check=False).returncode == 0
    assert started(out) == ["good", "slow", "slow", "last"]
    assert not list(out.glob("*/*.failed.json"))


def test_a_reason_is_the_last_sentence():
    assert reason(2, "talk\n\nthe data set is missing\n") == "the data set is missing"
    assert reason(3, "") == "ended with exit code 3 and no output"
    assert reason(-15, "half a word") == "killed by SIGTERM; its last output: half a word"
