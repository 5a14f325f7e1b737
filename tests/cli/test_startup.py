"""Looking is cheap: help and lists import no torch and no component, and reading a run imports no torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "scipy", "sklearn", "h5py", "numpy", "filelock", "starlette")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["train", "--help"],
        ["list"],
        ["list", "sim"],
        ["list", "recipe", "hsi*"],
        ["encode", "--help"],
        ["serve", "--help"],
        ["bench", "--help"],
    ],
)
def test_no_torch_is_imported(argv):
    code = (
        "import sys; from crossmodal_hash.cli.main import main; code = main(sys.argv[1:]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CHASH_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code, *argv], env=env, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


@pytest.mark.parametrize("command", ["evaluate", "compare", "report"])
def test_scoring_the_codes_of_runs_imports_no_torch(two_runs, tmp_path, command):
    argv = {
        "evaluate": ["evaluate", str(two_runs[0])],
        "compare": ["compare", str(two_runs[0]), str(two_runs[1])],
        "report": ["report", str(two_runs[0]), "--out", str(tmp_path / "report.html")],
    }[command]
    code = (
        "import sys; from crossmodal_hash.cli.main import main; code = main(sys.argv[1:]); "
        "print({'torch', 'filelock'} & {*sys.modules}); sys.exit(code)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CHASH_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code, *argv], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_listing_does_not_import_a_broken_plugin(tmp_path):
    info = tmp_path / "chash_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chash-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[crossmodal_hash.losses]\nbroken = chash_broken:Loss\n")
    (tmp_path / "chash_broken.py").write_text('raise RuntimeError("no such GPU")\n')
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "CHASH_PLUGINS": "chash-broken"}
    command = [sys.executable, "-m", "crossmodal_hash"]
    listed = subprocess.run([*command, "list", "loss"], env=env, capture_output=True, text=True, check=True)
    assert "broken\tloss\tchash-broken 1.0" in listed.stdout
    used = subprocess.run([*command, "info", "loss", "broken"], env=env, capture_output=True, text=True, check=False)
    assert used.returncode == 3
    for said in ("chash-broken 1.0", "chash_broken:Loss", "no such GPU"):
        assert said in used.stderr
    assert "Traceback" not in used.stderr
    other = subprocess.run([*command, "info", "loss", "pairwise-nll"], env=env, capture_output=True, check=False)
    assert other.returncode == 0
