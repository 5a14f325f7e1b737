"""Records of made-up codes, without a run folder."""

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.evaluation import score
from crossmodal_hash.report.result import Record


@pytest.fixture
def codes():
    """Codes of 40 pictures and texts that get better with less noise."""

    def make(noise=1.0, bits=16, seed=0):
        rng = np.random.default_rng(seed)
        labels = np.eye(4, dtype=np.uint8)[np.arange(40) % 4]
        hidden = labels @ np.random.default_rng(9).normal(size=(4, bits))
        names = [f"item{i}" for i in range(40)]
        parts = {"query": np.arange(40) < 8, "database": np.arange(40) >= 8}
        parts |= {"train": (np.arange(40) >= 8) & (np.arange(40) < 30), "validation": np.zeros(40, bool)}
        return {
            name: Codes(pack(hidden + noise * rng.normal(size=hidden.shape)), bits, names, name, labels, parts=parts)
            for name in ("image", "text")
        }

    return make


@pytest.fixture
def record(codes):
    def make(name="ours", metrics=("map@all", "P@3", "median-rank", "pr@radius/micro"), **options):
        return Record(name, score(codes(**options), metrics), {"recipe": "none"})

    return make
