"""What every test shares: no plug-ins, a cache of its own, and a tiny data set with something to learn in it."""

from __future__ import annotations

import gc
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.components import KINDS

# Tiny tensors gain nothing from threads and, on a busy machine, lose a hundredfold waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}
SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_finish() -> None:
    # What is imported and collected lives to the end: looking for garbage in it takes 5 % of the time of all tests.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("CHASH_PLUGINS", "")
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "added", {})
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A zip of 48 pictures of one or two colors, with texts that name them."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.zip"
    generator = np.random.default_rng(0)
    names = list(COLORS)
    with zipfile.ZipFile(path, "w") as archive:
        rows = []
        for i in range(48):
            labels = [names[i % 3]] + ([names[(i + 1) % 3]] if i % 4 == 0 else [])
            pixels = np.zeros((32, 32, 3), np.float64)
            for j, label in enumerate(labels):
                pixels[:, j * 16 :] = COLORS[label]
            pixels += generator.normal(0, 20, pixels.shape)
            file = io.BytesIO()
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
            archive.writestr(f"images/{i:02}.png", file.getvalue())
            text = " ".join([*labels, "thing" if i % 2 else "stuff", f"number{i % 5}"])
            rows.append({"file_name": f"images/{i:02}.png", "text": text, "labels": labels})
        archive.writestr("metadata.jsonl", "\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Options that make a training on `tiny` take a second."""
    values = ["towers.image.backbone.size=32"]
    values += ['towers.text.backbone={name="bow-mlp", hidden=[32], dropout=0.0}', "towers.text.width=0"]
    values += [f"towers.image.{key}" for key in ("width=16", "input_dropout=0.0", "dropout=0.0")]
    values += ["train.batch=8", "data.vocabulary.min_count=1", "train.workers=0"]
    return [x for value in values for x in ("--set", value)]


@pytest.fixture
def shared() -> Path:
    """Real photographs and labels beside the checkout; skips where they are missing."""
    if not SHARED.is_dir():
        pytest.skip(f"the development data are not at {SHARED}")
    return SHARED
