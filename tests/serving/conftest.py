"""A tiny run whose items have names and texts that a page must not believe, and a server of it."""

import io
import json
import zipfile

import numpy as np
import pytest
from asking import SCRIPT, running
from finished import finished_run
from PIL import Image

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}

NAMES = ["a b&c=d?e#f.png", "%2e%2e%2f.png", f"{SCRIPT}.png", "ü 漢.png", "'\"`${1}.png"]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A zip of 36 pictures of one color."""
    path, generator, rows = tmp_path_factory.mktemp("drawn") / "drawn.zip", np.random.default_rng(0), []
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(36):
            color = list(COLORS)[i % 3]
            pixels = generator.normal(0, 20, (48, 32, 3)) + COLORS[color]
            file = io.BytesIO()
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
            name = f"images/{NAMES[i] if i < len(NAMES) else f'{i:02}.png'}"
            archive.writestr(name, file.getvalue())
            text = f"{color} thing number{i % 5}" + (f" {SCRIPT}</p><script>window.hacked=1</script>" if i == 2 else "")
            rows.append({"file_name": name, "text": text, "labels": [color, *(["<b>odd</b>"] if i % 2 else [])]})
        archive.writestr("metadata.jsonl", "\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="session")
def served(tmp_path_factory, drawn, small):
    """An encoded run."""
    run = tmp_path_factory.mktemp("served") / "run"
    return finished_run(run, drawn, "--epochs", "8", "--bits", "20", *small)


@pytest.fixture(scope="session")
def parts(served):
    """What a server is made of: a library and an encoder."""
    from crossmodal_hash.engines.in_memory import InMemory
    from crossmodal_hash.opening.open import open_own
    from crossmodal_hash.runs.folder import open_run, read_codes
    from crossmodal_hash.serving.library import Library
    from crossmodal_hash.training.query_encoder import QueryEncoder

    run = open_run(served)
    indexes = {name: InMemory(codes) for name, codes in read_codes(run).items()}
    return Library("toys", indexes, open_own(run.settings().data)), QueryEncoder(run, "cpu")


@pytest.fixture(scope="session")
def serve(parts):
    """A context manager: the port of a server with some limits."""
    from crossmodal_hash.serving.app import make_app
    from crossmodal_hash.serving.hosts import Hosts
    from crossmodal_hash.serving.limits import Limits

    def start(**limits):
        chosen = Limits(**{"rate": 1e6, "burst": 1e6, **limits})
        return running(make_app(*parts, Hosts("127.0.0.1"), chosen), chosen)

    return start


@pytest.fixture(scope="session")
def port(serve):
    """Of a server that all tests may ask."""
    with serve(json=4096, upload=60_000, pixels=1_000_000) as found:
        yield found
