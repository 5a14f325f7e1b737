"""One training at a time in a run folder, on systems with and without `fcntl`."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from crossmodal_hash.cli.main import main
from crossmodal_hash.errors import RunError
from crossmodal_hash.runs import create
from crossmodal_hash.runs.create import locked
from crossmodal_hash.runs.folder import Run

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from crossmodal_hash.runs.folder import Run

with Run(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_goes_with_its_process_however_that_ends(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match="is in use by another training"), Run(tmp_path).lock():
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with Run(tmp_path).lock():
        pass


def test_a_system_without_fcntl_locks_too(tmp_path):
    code = f"""
import sys, warnings
sys.modules["fcntl"] = None
warnings.simplefilter("ignore")
{HOLDER.strip().replace("sys.stdin.read()", "inner = Run(Path(sys.argv[1])).lock(); inner.__enter__()")}
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.stdout == "held\n"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("crossmodal_hash.errors.RunError")
    assert last.endswith("is in use by another training; wait, or choose another --out")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_folder_is_taken_away_when_its_lock_is_given_back(tmp_path, monkeypatch, error):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    free = []

    def remove(path, **options):
        with FileLock(path / ".lock").acquire(timeout=0):
            free.append(path)
        shutil_rmtree(path, **options)

    shutil_rmtree = shutil.rmtree
    monkeypatch.setattr(create.shutil, "rmtree", remove)
    with pytest.raises(error), locked(run):
        raise error
    assert free == [run.path]
    assert not run.path.exists()


def test_a_folder_that_another_training_has_locked_stays(tmp_path):
    run = Run(tmp_path)
    with run.lock(), pytest.raises(RunError, match="in use"), locked(run):
        pass
    assert tmp_path.exists()


def test_a_disk_that_knows_no_locks_is_a_sentence(tiny, tmp_path, small, monkeypatch, capsys):
    fcntl = pytest.importorskip("fcntl")

    def flock(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    argv = ["train", "--data", str(tiny), "--out", str(tmp_path / "run"), "--epochs", "1", *small, "-q"]
    assert main(argv) == 2
    assert "this disk keeps no locks" in capsys.readouterr().err
