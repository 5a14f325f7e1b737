"""Runs and codes that several command tests read."""

import numpy as np
import pytest
from finished import finished_run


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory, tiny, small):
    """Two finished and encoded runs of one data set and split, of 16 and 24 bits."""
    folder = tmp_path_factory.mktemp("two_runs")
    first, second = (
        finished_run(folder / f"bits{bits}", tiny, "--epochs", "2", "--bits", bits, "--fusion", "bbi", *small)
        for bits in ("16", "24")
    )
    return first, second


@pytest.fixture
def theirs():
    """Codes and labels as another program has them: -1 / +1 floats, 30 pictures and texts of 12 bits, 3 classes."""
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.uint8)[np.arange(30) % 3]
    hidden = labels @ rng.normal(size=(3, 12))
    sides = [np.where(hidden + rng.normal(size=hidden.shape) >= 0, 1.0, -1.0) for _ in range(2)]
    return sides[0], sides[1], labels
