"""Whatever is wrong with the input: exit code 2, one sentence with the way out, and no trace on the disk."""

from pathlib import Path

import numpy as np
import pytest
from bad_input import QUICK, copy_tree, snapshot

from crossmodal_hash.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and no weights of torchvision."""
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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
