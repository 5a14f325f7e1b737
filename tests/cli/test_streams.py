"""Words go in and out of pipes as UTF-8, whatever the locale; Windows' is one that lacks most letters."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from crossmodal_hash.codes import Codes, pack, save

ROOT = Path(__file__).parents[2]
POOR = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT), "CHASH_PLUGINS": ""}
READS = """
import sys
from crossmodal_hash.cli import main
from crossmodal_hash.data import load_texts
main.main = lambda: sys.exit(ascii(load_texts("-").modalities["text"].items))
main.entry()
"""


def run(command, **options):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    return subprocess.run([sys.executable, *command], env={**env, **POOR}, capture_output=True, **options)


def test_letters_that_the_locale_lacks_are_written(tmp_path):
    save(tmp_path / "codes.npz", Codes(pack(np.ones((1, 8))), 8, ["B\u00e4r \u718a"], "image"))
    files = ["--queries", str(tmp_path / "codes.npz"), "--database", str(tmp_path / "codes.npz")]
    done = run(["-m", "crossmodal_hash", "search", *files])
    assert done.returncode == 0, done.stderr
    assert "B\u00e4r \u718a\t1\t0\tB\u00e4r \u718a".encode() in done.stdout


def test_letters_that_the_locale_lacks_are_read_and_others_are_refused():
    assert run(["-c", READS], input="\ufeffein B\u00e4r\n".encode()).stderr.strip() == rb"('ein B\xe4r',)"
    done = run(["-c", READS], input="ein B\u00e4r\n".encode("latin-1"))
    assert b"DataError: standard input is not UTF-8" in done.stderr
