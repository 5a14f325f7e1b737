"""Methods without labels: `sign`, `pca` and `itq`, against slow recomputation."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from crossmodal_hash.closed_forms.itq import ITQ, rotated_components, towards_corners
from crossmodal_hash.closed_forms.pca import PCA, principal_directions
from crossmodal_hash.closed_forms.sign import Sign, random_directions
from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.errors import SettingsError

NAMES = ("sign", "pca", "itq")


def drawn(rows=50, width=6, seed=0):
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(rows, width)) * np.linspace(3, 1, width)
    return {name: common + generator.normal(size=(rows, width)) + shift for name, shift in (("image", 2), ("text", -1))}


def fit(method, x, bits, seed=0):
    return method.fit(x, np.zeros((len(x["image"]), 0), np.uint8), bits, np.random.default_rng(seed))


def codes(functions, x):
    return {name: f([torch.from_numpy(x[name])]).features.numpy() for name, f in functions.items()}


def by_loop(x):
    """Rows scaled to length 1, less the mean of their modality."""
    out = {}
    for name, rows in x.items():
        unit = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in rows.tolist()]
        mean = [sum(column) / len(unit) for column in zip(*unit, strict=True)]
        out[name] = np.array([[v - m for v, m in zip(row, mean, strict=True)] for row in unit])
    return out


def test_as_many_bits_as_columns_are_the_signs_of_the_centered_columns():
    x = drawn()
    found = codes(fit(Sign(), x, 6), x)
    for name, z in by_loop(x).items():
        np.testing.assert_allclose(found[name], z, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 4, 6, 9, 20])
def test_random_directions_have_length_1_and_are_orthogonal_in_blocks(bits):
    w = random_directions(6, bits, np.random.default_rng(3))
    assert w.shape == (6, bits)
    for start in range(0, bits, 6):
        block = w[:, start : start + 6]
        np.testing.assert_allclose(block.T @ block, np.eye(block.shape[1]), atol=1e-12)


def test_signs_along_random_directions_differ_in_proportion_to_the_angle():
    bits, angle = 24_000, 0.7
    w = random_directions(3, bits, np.random.default_rng(0))
    a, b = np.array([1.0, 0, 0]), np.array([math.cos(angle), math.sin(angle), 0])
    differing = ((a @ w >= 0) != (b @ w >= 0)).mean()
    assert differing == pytest.approx(angle / math.pi, abs=0.01)


def test_pca_has_the_directions_that_power_iteration_finds_over_both_modalities():
    x = drawn()
    stacked = np.concatenate(list(by_loop(x).values()))
    covariance = sum(np.outer(row, row) for row in stacked)
    wanted = []
    for _ in range(3):
        w = np.ones(6)
        for _ in range(5000):
            w = covariance @ w
            w /= np.linalg.norm(w)
        covariance = covariance - (w @ covariance @ w) * np.outer(w, w)
        wanted.append(w if w[np.abs(w).argmax()] > 0 else -w)
    np.testing.assert_allclose(principal_directions(stacked, 3), np.stack(wanted, 1), atol=1e-6)
    weight = fit(PCA(), x, 3)["text"].weight.numpy()
    np.testing.assert_allclose(weight, np.stack(wanted), atol=1e-6)


def loss(z):
    return sum(min((v - 1) ** 2, (v + 1) ** 2) for row in z.tolist() for v in row)


def test_itq_rotates_the_principal_components_and_never_loses_more():
    x = drawn()
    each = []
    for steps in (0, 1, 2, 5, 50):
        functions = fit(ITQ(steps=steps), x, 4)
        found = codes(functions, x)
        w = functions["image"].weight.numpy()
        np.testing.assert_allclose(w @ w.T, np.eye(4), atol=1e-12)
        span = principal_directions(np.concatenate(list(by_loop(x).values())), 4)
        np.testing.assert_allclose(w @ span @ span.T, w, atol=1e-9)  # nothing outside of the components
        each.append(loss(np.concatenate(list(found.values()))))
    assert all(after <= before + 1e-6 for before, after in pairwise(each))
    assert each[-1] < each[0]


def test_the_components_are_principal_and_the_rotation_lessens_the_loss_from_the_sign():
    x = np.random.default_rng(0).normal(size=(300, 6)) @ np.diag([5, 4, 3, 2, 1, 0.5]) + 7
    centered = x - x.mean(0)
    projection = rotated_components(centered, 3, np.random.default_rng(1))
    np.testing.assert_allclose(projection.T @ projection, np.eye(3), atol=1e-12)
    z = centered @ projection
    strongest = np.linalg.svd(centered, full_matrices=False)
    # Rotated, they span the same space and keep the variance of the three largest.
    np.testing.assert_allclose(np.square(z).sum(), np.square(strongest.S[:3]).sum())
    np.testing.assert_allclose(projection @ projection.T, strongest.Vh[:3].T @ strongest.Vh[:3], atol=1e-9)

    assert loss(z) < loss(centered @ strongest.Vh[:3].T)


def test_more_bits_than_features_depend_on_each_other_and_none_is_idle():
    x = np.random.default_rng(0).normal(size=(50, 3))
    centered = x - x.mean(0)
    projection = rotated_components(centered, 8, np.random.default_rng(0))
    z = centered @ projection
    assert projection.shape == (3, 8)
    assert np.linalg.matrix_rank(z) == 3
    np.testing.assert_allclose(projection @ projection.T, np.eye(3), atol=1e-12)
    assert (np.abs(z).max(0) > 0.1).all()


def test_each_rotation_is_the_best_for_its_signs():
    z = np.random.default_rng(0).normal(size=(80, 2)) * [2.0, 0.5]
    before = towards_corners(z, steps=3)
    signs = np.where(z @ before >= 0, 1.0, -1.0)
    after = towards_corners(z, steps=1, start=before)

    def distance(turn):
        return ((signs - z @ turn) ** 2).sum()

    turns = [[[math.cos(a), s * -math.sin(a)], [math.sin(a), s * math.cos(a)]] for s in (1, -1)
             for a in np.linspace(0, 2 * math.pi, 2000)]  # fmt: skip
    assert distance(after) <= min(distance(np.array(turn)) for turn in turns) + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_only_the_direction_of_a_vector_counts_and_labels_do_not(name):
    x = drawn()
    method = CLOSED_FORMS.make(name)
    labels = np.random.default_rng(1).integers(0, 2, (50, 3)).astype(np.uint8)
    plain, longer = fit(method, x, 4), fit(method, {m: 7 * rows for m, rows in x.items()}, 4)
    labeled = method.fit(x, labels, 4, np.random.default_rng(0))
    for modality, found in codes(plain, x).items():
        np.testing.assert_allclose(codes(longer, {m: 3 * r for m, r in x.items()})[modality], found, atol=1e-6)
        assert np.array_equal(codes(labeled, x)[modality], found)


@pytest.mark.parametrize("name", NAMES)
def test_the_center_of_a_modality_is_its_own_and_bits_are_balanced_in_both(name):
    x = drawn(rows=400)
    for u in codes(fit(CLOSED_FORMS.make(name), x, 4), x).values():
        assert np.abs(u.mean(0)).max() < 1e-6
        assert (np.abs((u >= 0).mean(0) - 0.5) < 0.15).all()


@pytest.mark.parametrize("name", NAMES)
def test_different_widths_are_refused_with_both_and_the_way_out(name):
    method = CLOSED_FORMS.make(name)
    for refuse in (
        lambda: method.memory(10, {"image": 6, "text": 7}, 4),
        lambda: fit(method, {"image": np.ones((5, 6)), "text": np.ones((5, 7))}, 4),
    ):
        with pytest.raises(SettingsError, match=r"widths differ \(image 6, text 7\); learn an embedding with --recipe"):
            refuse()


@pytest.mark.parametrize("name", ["pca", "itq"])
def test_more_bits_than_directions_are_refused(name):
    with pytest.raises(SettingsError, match=f"{name} has one bit for each of at most 6 directions.* use sign"):
        fit(CLOSED_FORMS.make(name), drawn(), 7)
    assert codes(fit(Sign(), drawn(), 7), drawn())["text"].shape == (50, 7)


def test_steps_below_0_are_refused():
    with pytest.raises(SettingsError, match="steps=-1 must be at least 0"):
        ITQ(steps=-1)


def test_a_row_of_zeros_has_a_finite_code():
    x = drawn()
    x["image"][0] = 0
    assert all(np.isfinite(u).all() for u in codes(fit(ITQ(), x, 4), x).values())
