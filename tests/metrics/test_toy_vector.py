"""The three tables of the metric definitions, to six digits."""

import numpy as np
import pytest

from crossmodal_hash.metrics import parse, pr_by_radius, split

AP = {
    "map@all": (0.704167, 0.601302, 0.493403, 0.704167),
    "map@3/retrieved": (0.687500, 0.597222, 0.437500, 0.687500),
    "map@3/min": (0.562500, 0.364583, 0.208333, 0.562500),
    "map@3/R": (0.500000, 0.323785, 0.184028, 0.500000),
    "map@3/k": (0.513889, 0.336806, 0.194444, 0.513889),
}
STABLE_AND_EXPECTED = {
    "P@1": (0.5, 0.3125),
    "P@2": (0.5, 0.395833),
    "P@3": (0.666667, 0.506944),
    "R@1": (0.145833, 0.088542),
    "R@2": (0.333333, 0.260417),
    "R@3": (0.6875, 0.515625),
    "NDCG@3": (0.629596, 0.432033),
    "NDCG@6": (0.779325, 0.680219),
    "NDCG@all": (0.779325, 0.680219),
    "ACG@3": (0.75, 0.569444),
    "ACG@6": (0.583333, 0.583333),
}
STABLE = {"map@3-hits": 0.716667, "WAP@3": 0.840278, "WAP@6": 0.868750}


def value(name, counts):
    return parse(name).values(counts)


def stable(name, rankings):
    return np.concatenate([value(name, ranking) for ranking in rankings])


@pytest.mark.parametrize("name", AP)
def test_average_precision_has_the_tabled_value_under_each_tie_rule(name, toy, toy_stable):
    found = (
        stable(name, toy_stable).mean(),
        value(name, toy).mean(),
        value(name, split(toy, "pessimistic")).mean(),
        value(name, split(toy, "optimistic")).mean(),
    )
    assert found == pytest.approx(AP[name], abs=5e-7)


@pytest.mark.parametrize("name", STABLE_AND_EXPECTED)
def test_cut_offs_and_graded_metrics_have_the_tabled_values(name, toy, toy_stable):
    found = stable(name, toy_stable).mean(), value(name, toy).mean()
    assert found == pytest.approx(STABLE_AND_EXPECTED[name], abs=5e-7)


@pytest.mark.parametrize("name", STABLE)
def test_metrics_of_one_order_have_the_tabled_values(name, toy_stable):
    assert stable(name, toy_stable).mean() == pytest.approx(STABLE[name], abs=5e-7)


def test_map_at_all_has_the_tabled_value_for_each_query(toy, toy_stable):
    assert stable("map@all", toy_stable) == pytest.approx([0.583333, 0.95, 0.477778, 0.805556], abs=5e-7)
    assert value("map@all", toy) == pytest.approx([0.5, 0.813542, 0.461111, 0.630556], abs=5e-7)


def test_published_mistakes_are_not_repeated(toy, toy_stable):
    # A counter that starts at 10 multiplies by Q / (Q + 10); a dropped first term gave .558333.
    for wrong in (0.201190, 0.558333):
        assert abs(stable("map@all", toy_stable).mean() - wrong) > 0.01
        assert abs(value("map@all", toy).mean() - wrong) > 0.01


def test_curves_by_radius_have_the_tabled_values(toy):
    assert toy.relevant.sum(axis=0).cumsum().tolist() == [0, 1, 9, 11, 12]
    assert toy.items.sum(axis=0).cumsum().tolist() == [1, 5, 17, 21, 24]
    micro = pr_by_radius(toy)
    assert micro.precision == pytest.approx([0, 0.2, 0.529412, 0.523810, 0.5], abs=5e-7)
    assert micro.recall == pytest.approx([0, 0.083333, 0.75, 0.916667, 1], abs=5e-7)
    assert pr_by_radius(toy, "macro").precision == pytest.approx([0, 0.125, 0.520833, 0.516667, 0.5], abs=5e-7)
    assert pr_by_radius(toy, "macro-masked").precision[1] == pytest.approx(0.166667, abs=5e-7)
