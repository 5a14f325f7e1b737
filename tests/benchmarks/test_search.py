"""The frozen settings of the recipes are those that the search took, and its log holds every trial it needs."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from crossmodal_hash.settings.resolve import resolve

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("benchmarks_search", BENCHMARKS / "search.py")
search = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = search  # where dataclasses look for it
spec.loader.exec_module(search)
LOG = {
    (row.pop("method"), *row.pop("point").items()): row
    for row in map(json.loads, (BENCHMARKS / "search.jsonl").read_text().splitlines())
}


def taken(recipe):
    """The point the search ends at, by the log alone: a trial that is not in it is a KeyError."""
    return search.search(recipe, lambda point: LOG[recipe, *point.items()])


@pytest.mark.parametrize("recipe", [name for name in search.METHODS if name != "labels"])  # see docs/default-recipe.md
def test_a_recipe_on_frozen_features_has_the_settings_that_the_search_took(recipe):
    best, _ = taken(recipe)
    bits = f"bits={search.BITS}"
    as_shipped = resolve(recipe, sets=[bits], frozen_by_default=True).settings
    assert resolve(recipe, sets=[bits, *search.changes(recipe, best)], frozen_by_default=True).settings == as_shipped


def test_the_log_holds_the_search_of_default_as_well():
    best, rows = taken("labels")
    assert rows[0]["knob"] == "start"
    assert max(map(search.score, rows)) == search.score(next(row for row in rows if row["point"] == best))


def test_every_knob_is_turned_from_the_best_so_far_and_one_further_at_an_end():
    """On a made-up method: words .4, slope 8 and 15 epochs are best, and words are turned again at the end."""

    def run(point):
        value = 0.7 - (point["words"] - 0.4) ** 2 - abs(point["slope"] - 8) / 100
        value += {8: 0.0, 15: 0.1, 25: 0.09, 40: 0.08}[point["epochs"]]
        return {f"{direction}/unseen": value for direction in search.DIRECTIONS}

    best, rows = search.search("dcmh", run)
    assert (best["words"], best["slope"], best["epochs"]) == (0.4, 8, 15)
    assert [row["knob"] for row in rows if row["knob"] == "words"] == ["words"] * 4  # .4, .6; at the end .2, .6
    # Beyond the list where the best lies at its end: fewer epochs than 15 were tried.
    assert 8 in [row["point"]["epochs"] for row in rows]
