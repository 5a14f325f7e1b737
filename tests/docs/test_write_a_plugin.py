"""The page for newcomers, followed to the letter in an environment of its own; training alone gets smaller data."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "write-a-plugin.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"`([\w/]+\.py)`:\s*\Z")


@pytest.fixture
def newcomer(tmp_path, tiny, small):
    """Run one line of the page, in a folder and an environment that are the newcomer's; returns what it printed."""
    venv, home = tmp_path / "venv", tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    # What is installed here is there too, and so is the checkout.
    (site / "here.pth").write_text("\n".join([str(ROOT), *(p for p in sys.path if p.endswith("site-packages"))]))
    python, env = venv / "bin" / "python", os.environ | {"COLUMNS": "200"}
    env.pop("CHASH_PLUGINS", None)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "--disable-pip-version-check"]

    def run(line):
        program, *words = shlex.split(line)
        if program == "pip":
            command = [sys.executable, "-m", "pip", "--python", python, *words, *offline]
        elif program == "pytest":
            command = [python, "-m", "pytest", *words, "-q", "-p", "no:cacheprovider"]
        else:
            assert program == "chash", line
            command = [python, "-m", "crossmodal_hash", *words]
            command += ["--data", tiny, "--epochs", "1", *small] if words[0] == "train" else []
        done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)
        assert done.returncode in ((0, 1) if words[0] == "check" else (0,)), (line, done.stderr)
        return done.stdout

    return home, run


def test_the_page_can_be_followed_from_top_to_bottom(newcomer):
    home, run = newcomer
    page, printed = PAGE.read_text(), ""
    written = shown = 0
    for found in BLOCK.finditer(page):
        language, text = found.groups()
        named = FILE.search(page[: found.start()])
        if language == "console":
            printed = " ".join("".join(run(line) for line in text.splitlines()).split())
        elif language == "text":
            for line in text.splitlines():
                assert " ".join(line.split()) in printed
                shown += 1
        elif named:
            (home / named[1]).write_text(text)
            written += 1
    assert (written, shown) == (4, 1)
    assert len(list((home / "runs").glob("*/weights.safetensors"))) == 3
