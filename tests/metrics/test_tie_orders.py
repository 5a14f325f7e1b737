"""Every expected value against the mean over all orders of tied items, and every bound against their extremes."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from crossmodal_hash.metrics import Counts, parse, pr_by_rank, split

RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
LIST = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0, 1, 2])), min_size=1, max_size=6)


def orders(distance, grade):
    """Every order of the items that the distances allow, as grades from first to last."""
    at = [[g for d, g in zip(distance, grade, strict=True) if d == value] for value in sorted(set(distance))]
    for parts in product(*(permutations(group) for group in at)):
        yield [g for part in parts for g in part]


def slow_ap(order, k=None, divisor="R"):
    """Average precision of one order, by its definition."""
    hits, total = 0, 0.0
    for rank, g in enumerate(order[:k], start=1):
        if g > 0:
            hits += 1
            total += hits / rank
    relevant = sum(g > 0 for g in order)
    by = {"R": relevant, "retrieved": hits, "min": min(k or len(order), relevant), "k": k}[divisor]
    return total / by if by else 0.0


def slow_ndcg(order, k):
    """NDCG of one order, by its definition."""

    def dcg(grades):
        return sum((2**g - 1) / np.log2(i + 1) for i, g in enumerate(grades[:k], start=1))

    best = dcg(sorted(order, reverse=True))
    return dcg(order) / best if best else 0.0


def slow_rank(order):
    return next((i for i, g in enumerate(order, start=1) if g > 0), len(order) + 1)


def slow_hits_ap(order, k):
    ranks = [i for i, g in enumerate(order, start=1) if g > 0][:k]
    return float(np.mean([j / rank for j, rank in enumerate(ranks, start=1)])) if ranks else 0.0


def scores_of(order, k):
    hits, relevant = sum(g > 0 for g in order[:k]), sum(g > 0 for g in order)
    return {
        "map@all": slow_ap(order),
        f"map@{k}/retrieved": slow_ap(order, k, "retrieved"),
        f"map@{k}/min": slow_ap(order, k, "min"),
        f"map@{k}/R": slow_ap(order, k, "R"),
        f"map@{k}/k": slow_ap(order, k, "k"),
        f"P@{k}": hits / k,
        f"R@{k}": hits / relevant if relevant else 0.0,
        f"NDCG@{k}": slow_ndcg(order, k),
        f"ACG@{k}": sum(order[:k]) / k,
        f"hit@{k}": float(hits > 0),
        "median-rank": slow_rank(order),
    }


@RELAXED
@given(items=LIST, k=st.integers(1, 7))
def test_expected_values_are_the_mean_over_all_orders(count_slowly, items, k):
    distance, grade = zip(*items, strict=True)
    counts = count_slowly([distance], [grade], 2)
    each = [scores_of(order, k) for order in orders(distance, grade)]
    for name in each[0]:
        mean = np.mean([scores[name] for scores in each])
        assert parse(name).values(counts)[0] == pytest.approx(mean, abs=1e-9), name


@RELAXED
@given(items=LIST, k=st.integers(1, 7))
def test_optimistic_and_pessimistic_are_the_extremes_of_average_precision(count_slowly, items, k):
    distance, grade = zip(*items, strict=True)
    counts = count_slowly([distance], [grade], 2)
    each = [scores_of(order, k) for order in orders(distance, grade)]
    for name in ("map@all", f"map@{k}/min", f"map@{k}/R", f"map@{k}/k", f"P@{k}", f"R@{k}"):
        best, worst = (parse(name).values(split(counts, rule))[0] for rule in ("optimistic", "pessimistic"))
        assert best == pytest.approx(max(scores[name] for scores in each), abs=1e-9), name
        assert worst == pytest.approx(min(scores[name] for scores in each), abs=1e-9), name


@RELAXED
@given(items=LIST, k=st.integers(1, 7))
def test_hits_average_precision_is_that_of_the_order(count_slowly, items, k):
    distance, grade = zip(*items, strict=True)
    counts = count_slowly([distance], [grade], 2)
    each = [slow_hits_ap(order, k) for order in orders(distance, grade)]
    for rule, pick in (("optimistic", max), ("pessimistic", min)):
        found = parse(f"map@{k}-hits").values(split(counts, rule))[0]
        assert found == pytest.approx(pick(each), abs=1e-9)


@RELAXED
@given(items=LIST)
def test_the_curve_by_rank_is_p_and_r_at_every_rank(count_slowly, items):
    distance, grade = zip(*items, strict=True)
    counts = count_slowly([distance, distance[::-1]], [grade, grade], 2)
    curve = pr_by_rank(counts)
    for k, precision, recall in zip(curve.at, curve.precision, curve.recall, strict=True):
        assert precision == pytest.approx(parse(f"p@{k}").values(counts).mean())
        assert recall == pytest.approx(parse(f"r@{k}").values(counts).mean())


def test_the_bounds_do_not_hold_for_the_retrieved_divisor(count_slowly):
    counts = count_slowly([[0, 1, 2, 2]], [[1, 0, 1, 0]], 2)
    found = [parse("map@3").values(split(counts, rule))[0] for rule in ("optimistic", "pessimistic")]
    assert found == pytest.approx([0.833333, 1.0], abs=5e-7)


def test_six_items_at_one_distance_two_relevant(count_slowly):
    counts = count_slowly([[0] * 6], [[1, 1, 0, 0, 0, 0]], 2)
    values = [
        parse("map@all").values(c)[0] for c in (split(counts, "pessimistic"), counts, split(counts, "optimistic"))
    ]
    assert values == pytest.approx([0.267, 0.527, 1.0], abs=5e-4)


@pytest.mark.parametrize(("n", "p", "k"), [(3000, 700, 1000), (3000, 3, 1000), (3000, 2990, 50), (50_000, 9_000, 5000)])
def test_the_hypergeometric_mean_agrees_with_sampling(count_slowly, n, p, k):

    counts = Counts(np.array([[10, n, 500]]), np.array([[4, p, 100]]))
    rng = np.random.default_rng(0)
    sampled = []
    for _ in range(200):
        first = np.repeat([1, 0], [4, 6])
        second = rng.permuted(np.repeat([1, 0], [p, n - p]))
        order = np.concatenate([rng.permuted(first), second])[:k]
        hits = order.cumsum()
        sampled.append(((hits / np.arange(1, k + 1)) * order).sum() / hits[-1])
    error = np.std(sampled) / np.sqrt(len(sampled))
    assert abs(parse(f"map@{k}").values(counts)[0] - np.mean(sampled)) < 5 * error


@pytest.mark.parametrize(("n", "p", "m"), [(50, 1, 49), (60, 60, 10), (5000, 2500, 2000), (5000, 4, 2000)])
def test_the_hypergeometric_mean_is_the_sum_over_all_numbers_of_hits(n, p, m):
    def precisions(size, hits, n0, p0):
        """Expected sum of P(i) rel(i) over `size` ranks behind n0 others, `hits` and p0 of them relevant."""
        t = np.arange(1, size + 1)
        return (hits / size * (p0 + 1 + (t - 1) * (hits - 1) / max(size - 1, 1)) / (n0 + t)).sum()

    counts = Counts(np.array([[10, n, 5]]), np.array([[4, p, 1]]))
    first = precisions(10, 4, 0, 0)
    hits = np.arange(min(m, p) + 1)
    each = [(first + precisions(m, h, 10, 4)) / (4 + h) for h in hits]
    mean = (hypergeom.pmf(hits, n, p, m) * each).sum()
    assert parse(f"map@{10 + m}/retrieved").values(counts)[0] == pytest.approx(mean, rel=1e-9)
