import numpy as np
import pytest

from crossmodal_hash.closed_forms._pairs import Pairs, draw_pairs
from crossmodal_hash.closed_forms.cmssh import CMSSH, boost, correlations, directions, reweigh
from crossmodal_hash.errors import SettingsError


@pytest.fixture
def problem(features, labels):
    x, y = (x - x.mean(0) for x in features.values())
    return x, y, draw_pairs(labels, 200, np.random.default_rng(0))


def test_directions_are_the_best_of_unit_length(problem):
    x, y, pairs = problem
    weights = np.random.default_rng(0).uniform(size=400)
    p, q = directions(x, y, pairs, weights)
    table = sum(
        w * s * np.outer(x[i], y[j]) for w, s, i, j in zip(weights, pairs.alike, pairs.first, pairs.second, strict=True)
    )
    assert p @ table @ q == pytest.approx(np.linalg.norm(table, 2))
    assert np.linalg.norm(p) == pytest.approx(1)
    assert p[np.abs(p).argmax()] > 0


def test_correlations_are_sums_over_pairs(problem):
    x, y, pairs = problem
    weights = np.random.default_rng(0).dirichlet(np.ones(400))
    cuts = (np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.5]))
    found = correlations(x[:, 0], y[:, 0], pairs, weights, cuts)
    for i, a in enumerate(cuts[0]):
        for j, b in enumerate(cuts[1]):
            slow = sum(
                w * s * (1 if x[m, 0] >= a else -1) * (1 if y[n, 0] >= b else -1)
                for w, s, m, n in zip(weights, pairs.alike, pairs.first, pairs.second, strict=True)
            )
            assert found[i, j] == pytest.approx(slow)


def test_after_adaboost_the_bit_just_learned_has_correlation_zero():
    generator = np.random.default_rng(0)
    weights, agreement = generator.dirichlet(np.ones(50)), generator.choice([-1.0, 1.0], 50)
    after = reweigh(weights, agreement, float(weights @ agreement), "adaboost")
    assert after @ agreement == pytest.approx(0, abs=1e-12)
    assert after.sum() == pytest.approx(1)
    unit = reweigh(weights, agreement, float(weights @ agreement), "unit")
    ratio = (unit / weights)[agreement < 0][0] / (unit / weights)[agreement > 0][0]
    assert ratio == pytest.approx(np.e**2)


@pytest.mark.parametrize("r", [1.0, -1.0])
def test_a_perfect_bit_leaves_finite_weights(r):
    assert np.isfinite(reweigh(np.full(4, 0.25), np.full(4, r), r, "adaboost")).all()


def test_every_bit_is_the_best_of_the_grid_under_its_weights(problem):
    x, y, pairs = problem
    weights = np.full(400, 1 / 400)
    levels = np.linspace(0.05, 0.95, 19)
    for bit in boost(x, y, pairs, 3):
        cuts = (np.quantile(x @ bit.p, levels), np.quantile(y @ bit.q, levels))
        r = correlations(x @ bit.p, y @ bit.q, pairs, weights, cuts)
        assert bit.r == pytest.approx(r.max())
        h = np.where(x @ bit.p >= bit.a, 1, -1)[pairs.first]
        e = np.where(y @ bit.q >= bit.b, 1, -1)[pairs.second]
        weights = reweigh(weights, pairs.alike * h * e, bit.r, "adaboost")


def test_thresholds_can_be_zero(problem):
    assert {(bit.a, bit.b) for bit in boost(*problem, 4, thresholds="zero")} == {(0.0, 0.0)}


def test_bits_that_agree_no_more_are_replaced_by_earlier_directions_at_other_thresholds(problem, monkeypatch):
    x, y, pairs = problem
    from crossmodal_hash.closed_forms import cmssh

    plain, calls = cmssh.best_bits, []

    def fail_later(*args):
        calls.append(args)
        return [bit._replace(r=-1.0) if len(calls) == 3 else bit for bit in plain(*args)]

    monkeypatch.setattr(cmssh, "best_bits", fail_later)
    bits = cmssh.boost(x, y, pairs, 7)
    assert len(bits) == 7
    for i in (2, 4, 6):
        assert (bits[i].p == bits[0].p).all()
    assert len({(bits[i].a, bits[i].b) for i in (2, 4, 6)}) == 3


def test_pairs_are_of_the_kind_they_say(labels):
    pairs = draw_pairs(labels, 300, np.random.default_rng(0))
    alike = (labels[pairs.first].astype(int) * labels[pairs.second]).sum(1) > 0
    assert (alike == (pairs.alike > 0)).all()
    assert (pairs.alike > 0).sum() == (pairs.alike < 0).sum() == 300


def test_missing_kinds_of_pairs_are_left_out():
    one_class = draw_pairs(np.ones((5, 1), np.uint8), 10, np.random.default_rng(0))
    assert (one_class.alike == 1).all()
    assert len(one_class.alike) == 10
    unlabeled = draw_pairs(np.zeros((5, 1), np.uint8), 10, np.random.default_rng(0))
    assert (unlabeled.alike == -1).all()
    assert isinstance(unlabeled, Pairs)


def test_no_pairs_are_refused():
    with pytest.raises(SettingsError, match="pairs=0 must be at least 1"):
        CMSSH(pairs=0)
