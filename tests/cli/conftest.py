"""Runs and codes that several command tests read."""

import numpy as np
import pytest

from crossmodal_hash.cli.main import main


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory, tiny, small):
    """Two finished and encoded runs of one data set and split, of 16 and 24 bits."""
    folder = tmp_path_factory.mktemp("two_runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        patch.setenv("CHASH_CACHE", str(folder / "cache"))
        for bits in ("16", "24"):
            run = str(folder / f"bits{bits}")
            argv = [
                "train",
                "--data",
                str(tiny),
                "--out",
                run,
                "--epochs",
                "2",
                "--bits",
                bits,
                "-q",
                "--fusion",
                "bbi",
                *small,
            ]
            assert main([*argv, "-q"]) == 0
            assert main(["encode", run, "-q"]) == 0
    return folder / "bits16", folder / "bits24"


@pytest.fixture
def theirs():
    """Codes and labels as another program has them: -1 / +1 floats, 30 pictures and texts of 12 bits, 3 classes."""
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.uint8)[np.arange(30) % 3]
    hidden = labels @ rng.normal(size=(3, 12))
    sides = [np.where(hidden + rng.normal(size=hidden.shape) >= 0, 1.0, -1.0) for _ in range(2)]
    return sides[0], sides[1], labels
