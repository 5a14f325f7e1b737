"""The criteria of features that newcomers start from, that of the page and that of the template: both must teach."""

import re
import string
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import crossmodal_hash as ch
from crossmodal_hash.components import CRITERIA

pytestmark = pytest.mark.slow

ITEMS, UNSEEN = 400, 100
PAGE = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"


def of_the_page():
    return re.search(r"`closeness/chash_closeness.py`:\s*```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)[1]


def of_the_template():
    text = files("crossmodal_hash.scaffold").joinpath("criterion-features", "component.py.tmpl").read_text()
    return string.Template(text).substitute(name="closeness", Class="Closeness")


@pytest.fixture
def related(tmp_path):
    """Items with two views of one hidden vector each."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ITEMS, 6))
    views = {name: hidden @ rng.standard_normal((6, 24)) + 0.3 * rng.standard_normal((ITEMS, 24)) for name in "ab"}
    np.savez(tmp_path / "views.npz", image=views["a"].astype(np.float32), text=views["b"].astype(np.float32))
    return ch.load_data(tmp_path / "views.npz", need_labels=False)


@pytest.mark.parametrize("source", [of_the_page, of_the_template])
def test_it_teaches_codes_that_find_the_partner(source, related, tmp_path, monkeypatch):
    scope = {"__name__": "plugin"}
    exec(compile(source(), "plugin", "exec"), scope)
    monkeypatch.setattr(CRITERIA, "added", {})
    ch.register("criterion", "closeness", scope["Closeness"])
    method = ch.build("pairs", bits=32, sets=["terms.pairs.criterion=closeness"])
    run = ch.train(method, related, epochs=20, query=UNSEEN, out=tmp_path / "run")
    scores = ch.evaluate(run.encode(related), metrics=["hit@10"], database="query")
    assert min(scores.values()) > 0.5, "a tenth is what chance finds"
