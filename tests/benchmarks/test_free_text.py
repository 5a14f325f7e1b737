"""The free-text queries can all be answered, and the figure is what it says."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmodal_hash import load_data

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("benchmarks_free_text", BENCHMARKS / "free_text.py")
free_text = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = free_text  # where dataclasses look for it
spec.loader.exec_module(free_text)


@pytest.fixture(scope="module")
def queries():
    return free_text.read_queries(free_text.QUERIES)


def test_every_query_is_fitted_by_as_many_drawings_as_are_looked_at_and_by_few_of_all(queries):
    drawings = load_data()
    texts = drawings.modalities["text"]
    words = [f"{name}\n{texts.text(row)}" for row, name in enumerate(drawings.ids)]
    fits = free_text.fitting(queries, words)
    few = {query.text: n for query, n in zip(queries, fits.sum(axis=1).tolist(), strict=True) if n < free_text.FIRST}
    many = {query.text: share for query, share in zip(queries, fits.mean(axis=1).tolist(), strict=True) if share > 0.15}
    assert (few, many) == ({}, {})


def test_every_query_is_another(queries):
    assert len(queries) >= 40
    assert len({query.text.casefold() for query in queries}) == len(queries)


def test_words_fit_as_whole_words_in_any_case_unless_excepted(tmp_path):
    path = tmp_path / "queries.toml"
    path.write_text("[[queries]]\ntext = 'a cat'\nfits = 'cats?|gatto'\nexcept = 'tiger'\n"
                    "[[queries]]\ntext = 'a bus'\nfits = 'bus'\n")  # fmt: skip
    words = ["gatto-nero.webp\n", "01.webp\nTWO CATS", "caterpillar", "catalog", "Tiger. cat", "a bus"]
    fits = free_text.fitting(free_text.read_queries(path), words)
    assert fits.tolist() == [[True, True, False, False, False, False], [False] * 5 + [True]]


def test_of_no_items_none_fit(queries):
    assert free_text.fitting(queries, []).shape == (len(queries), 0)


def test_the_figure_is_the_share_of_what_was_found_that_fits():
    fits = np.array([[True, False, True, True], [False, True, False, False]])
    assert free_text.shares(fits, np.array([[3, 1], [0, 2]])).tolist() == [0.5, 0]
    assert free_text.best_possible(fits, 2).tolist() == [1, 0.5]
