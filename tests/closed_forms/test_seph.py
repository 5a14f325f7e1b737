import numpy as np
import pytest

from crossmodal_hash.closed_forms.seph import SePH, affinity, divergence, learn_codes
from crossmodal_hash.errors import SettingsError


def slow_divergence(h, p, weight):
    n = len(h)
    num = np.array([[1 / (1 + ((h[i] - h[j]) ** 2).sum() / 4) if i != j else 0.0 for j in range(n)] for i in range(n)])
    q = num / num.sum()
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    entropy = sum(p[i, j] * np.log(p[i, j]) for i, j in pairs)
    value = sum(p[i, j] * np.log(p[i, j] / q[i, j]) for i, j in pairs)
    return value + weight * ((np.abs(h) - 1) ** 2).sum() - entropy


def test_affinity_is_the_share_of_each_pair_in_all_cosines(labels):
    p = affinity(labels)
    rows = labels.astype(float)
    cosine = np.zeros_like(p)
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            if i != j and a.sum() and b.sum():
                cosine[i, j] = a @ b / np.sqrt(a.sum() * b.sum())
    np.testing.assert_allclose(p, np.maximum(cosine / cosine.sum(), 1e-30), rtol=1e-12)
    assert p.sum() == pytest.approx(1)


def test_items_without_a_common_label_are_all_equally_unlikely():
    p = affinity(np.eye(3, dtype=np.uint8))
    np.testing.assert_allclose(p, (1 - np.eye(3)) / 6, atol=1e-20)


def test_divergence_is_the_sum_over_pairs(labels):
    p = affinity(labels[:12])
    h = np.random.default_rng(0).normal(size=(12, 5))
    assert divergence(h, p, 0.3)[0] == pytest.approx(slow_divergence(h, p, 0.3))


def test_the_gradient_is_that_of_finite_differences(labels):
    p = affinity(labels[:12])
    h = np.random.default_rng(0).normal(size=(12, 5))
    numeric = np.zeros_like(h)
    for at in np.ndindex(*h.shape):
        step = np.zeros_like(h)
        step[at] = 1e-6
        numeric[at] = (divergence(h + step, p, 0.3)[0] - divergence(h - step, p, 0.3)[0]) / 2e-6
    np.testing.assert_allclose(divergence(h, p, 0.3)[1], numeric, atol=1e-7)


def test_learned_codes_bring_items_with_common_labels_together(labels):
    codes = learn_codes(affinity(labels), 16, np.random.default_rng(0))
    p = affinity(labels)
    weight = 0.01 / codes.size
    start = 1e-4 * np.random.default_rng(0).standard_normal(codes.shape)
    assert divergence(codes, p, weight)[0] < divergence(start, p, 0.0)[0]
    distance = (16 - codes @ codes.T) / 2
    off = ~np.eye(len(labels), dtype=bool)
    alike = (labels.astype(int) @ labels.T > 0) & off
    assert distance[alike].mean() + 2 < distance[~alike & off].mean()


def test_items_beyond_the_limit_are_left_out(features, labels, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "crossmodal_hash.closed_forms._kernel_method.fit_kernel_code",
        lambda code, x, codes, *rest: seen.append((len(x), len(codes))),
    )
    SePH(max_train=20).fit(features, labels, 4, np.random.default_rng(0))
    assert seen == [(20, 20)] * 2
    assert SePH(max_train=20).memory(10**5, {"image": 2}, 4) < SePH().memory(10**5, {"image": 2}, 4) / 10


def test_any_number_of_modalities_is_taken(features, labels):
    three = {**features, "sound": features["image"][:, :3]}
    assert set(SePH(count=10).fit(three, labels, 4, np.random.default_rng(0))) == set(three)
    assert set(SePH(count=10).fit({"image": three["image"]}, labels, 4, np.random.default_rng(0))) == {"image"}


@pytest.mark.parametrize("wrong", [{"count": 0}, {"max_train": 1}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match="must be at least 1, and max_train"):
        SePH(**wrong)
