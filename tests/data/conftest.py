"""A tiny real data set, in the form each test asks for."""

import io
import json

import numpy as np
import pytest
from PIL import Image

ROWS = [
    {"file_name": "images/a.png", "text": "a red bus", "labels": ["red", "bus"]},
    {"file_name": "images/b.jpg", "text": "a cat", "labels": ["cat"]},
    {"file_name": "images/c.webp", "text": "nothing known", "labels": []},
]


def encode(color, name, size=(20, 12)):
    file = io.BytesIO()
    kinds = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
    Image.new("RGB", size, color).save(file, kinds[name.rsplit(".", 1)[1]])
    return file.getvalue()


@pytest.fixture
def contents():
    """Name -> bytes of the data set, to be written into a folder or archive."""
    pictures = {
        row["file_name"]: encode(c, row["file_name"]) for row, c in zip(ROWS, ("red", "black", "white"), strict=True)
    }
    return {"metadata.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(), **pictures}


@pytest.fixture
def write(tmp_path):
    """Write name -> bytes into a new folder; returns it."""

    def write(contents, name="toy"):
        folder = tmp_path / name
        for file, content in contents.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        return folder

    return write


@pytest.fixture
def matrices():
    """Features (6, 4), words (6, 5) and labels (6, 3) of six items."""
    rng = np.random.default_rng(0)
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 1]], dtype=np.uint8)
    return rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 5)).astype(np.uint8), labels
