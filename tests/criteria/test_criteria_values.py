"""Values of the criteria: exact small cases, and loops over pairs of sets."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.criteria._kernel import mean_distance, parse_bandwidth, squared_distances
from crossmodal_hash.criteria.fgsc import fgsc
from crossmodal_hash.criteria.hard import hard
from crossmodal_hash.criteria.mmd import MMD, mmd
from crossmodal_hash.criteria.mmd_batch import MMDBatch, mmd_batch
from crossmodal_hash.criteria.mmd_inverted import MMDInverted, mmd_inverted
from crossmodal_hash.criteria.mmd_multi import MMDMulti, mmd_multi
from crossmodal_hash.criteria.mmd_normalized import MMDNormalized, mmd_normalized
from crossmodal_hash.criteria.pairs import Pairs, pairs
from crossmodal_hash.errors import SettingsError

LABELS = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], dtype=torch.float64)
WIDTH = torch.tensor(26 / 12, dtype=torch.float64)
KERNELS = {"mmd": MMD, "mmd-multi": MMDMulti, "mmd-normalized": MMDNormalized}

label_matrices = st.integers(2, 7).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4), min_size=rows, max_size=rows
    ).map(lambda x: torch.tensor(x, dtype=torch.float64))
)


def sets(labels):
    return [{c for c, on in enumerate(row) if on} for row in labels.tolist()]


def by_loop(pair, a, b):
    return torch.tensor([[pair(x, y) for y in sets(b)] for x in sets(a)], dtype=torch.float64)


def overlap_cosine(x, y):
    return len(x & y) / math.sqrt(len(x) * len(y)) if x and y else 0.0


def test_hard_is_one_where_a_label_is_shared():
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert torch.equal(hard(LABELS, LABELS), torch.tensor(expected, dtype=torch.float64))


def test_fgsc_has_the_exact_values():
    r = 0.707107
    expected = torch.tensor([[1, r, 0, 0], [r, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(fgsc(LABELS, LABELS), expected, atol=5e-7, rtol=0)


def test_squared_distances_count_the_labels_that_differ():
    expected = [[0, 1, 4, 2], [1, 0, 3, 1], [4, 3, 0, 2], [2, 1, 2, 0]]
    assert torch.equal(squared_distances(LABELS, LABELS), torch.tensor(expected, dtype=torch.float64))


def test_the_mean_distance_leaves_out_the_diagonal():
    assert mean_distance(LABELS).item() == pytest.approx(2.166667, abs=5e-7)


@pytest.mark.parametrize(
    ("criterion", "values"),
    [
        (mmd, {(0, 1): 0.630313, (0, 2): 0.157843, (0, 3): 0.397295, (1, 2): 0.250420}),
        (mmd_multi, {(0, 1): 0.574079, (0, 2): 0.242197, (1, 2): 0.304977, (0, 3): 0.400858}),
    ],
)
def test_kernels_at_the_mean_width_have_the_exact_values(criterion, values):
    s = criterion(LABELS, LABELS, width=WIDTH)
    assert {pair: round(s[pair].item(), 6) for pair in values} == values


def test_the_block_discrepancy_has_the_exact_value_for_every_pair():
    s = mmd_batch(LABELS[:2], LABELS[2:])
    assert s.shape == (2, 2)
    assert s.unique().item() == pytest.approx(3.632064, abs=5e-7)


def test_the_block_discrepancy_of_a_block_with_itself_is_0():
    assert mmd_batch(LABELS, LABELS).abs().max() == 0


def test_the_block_discrepancy_takes_blocks_of_different_sizes():
    a, b = LABELS[:1], LABELS[1:]
    width = mean_distance(LABELS).item()
    x, y = sets(a), sets(b)

    def k(p, q):
        return sum(math.exp(-len(p ^ q) / (width / 4 * 2**m)) for m in range(5))

    def mean(ps, qs):
        return sum(k(p, q) for p in ps for q in qs) / (len(ps) * len(qs))

    expected = mean(x, x) + mean(y, y) - mean(x, y) - mean(y, x)
    torch.testing.assert_close(mmd_batch(a, b), torch.full((1, 3), expected, dtype=torch.float64))


def test_mmd_is_1_minus_half_the_squared_discrepancy_of_single_items():
    k = mmd(LABELS, LABELS, width=WIDTH)
    for i in range(4):
        for j in range(4):
            squared_discrepancy = k[i, i] - 2 * k[i, j] + k[j, j]
            assert (1 - squared_discrepancy / 2).item() == pytest.approx(k[i, j].item(), abs=1e-15)


def test_inverted_mmd_is_its_complement():
    assert torch.equal(mmd_inverted(LABELS, LABELS, width=WIDTH), 1 - mmd(LABELS, LABELS, width=WIDTH))


@settings(max_examples=30, deadline=None)
@given(label_matrices, label_matrices)
def test_criteria_agree_with_loops_over_sets(a, b):
    w = 1.7
    torch.testing.assert_close(hard(a, b), by_loop(lambda x, y: float(bool(x & y)), a, b))
    torch.testing.assert_close(fgsc(a, b), by_loop(overlap_cosine, a, b))
    torch.testing.assert_close(mmd(a, b, width=w), by_loop(lambda x, y: math.exp(-len(x ^ y) / w), a, b))
    torch.testing.assert_close(
        mmd_normalized(a, b, width=w),
        by_loop(lambda x, y: math.exp(-(2 - 2 * overlap_cosine(x, y)) / w), a, b),
    )
    torch.testing.assert_close(
        mmd_multi(a, b, width=w),
        by_loop(lambda x, y: sum(math.exp(-len(x ^ y) / (w / 4 * 2**m)) for m in range(5)) / 5, a, b),
    )


@settings(max_examples=30, deadline=None)
@given(label_matrices)
def test_fit_takes_the_mean_over_pairs_of_different_items(labels):
    for cls in (MMD, MMDNormalized):
        criterion = cls()
        criterion.fit(labels)
        d = criterion.distances(labels, labels)
        n = len(labels)
        pairs = [d[i, j].item() for i in range(n) for j in range(n) if i != j]
        mean = sum(pairs) / len(pairs)
        assert criterion.width.item() == pytest.approx(mean if mean > 0 else 1.0, rel=1e-4)


def test_fit_takes_the_median_over_pairs_of_different_items():
    criterion = MMD(bandwidth="median")
    criterion.fit(LABELS)
    assert criterion.width.item() == 2.0


def test_the_median_of_many_items_is_taken_over_a_sample_that_depends_on_the_seed_alone():
    labels = torch.rand(2_500, 6, generator=torch.Generator().manual_seed(1)).round()
    widths = []
    for _ in range(2):
        torch.manual_seed(3)
        criterion = MMDNormalized(bandwidth="median")
        criterion.fit(labels)
        widths.append(criterion.width.item())
    assert widths[0] == widths[1] > 0


def test_a_fixed_bandwidth_holds_before_and_after_fit():
    criterion = MMD(bandwidth="fixed:2")
    one_apart = (LABELS[:1], LABELS[1:2])
    before = criterion(*one_apart).item()
    criterion.fit(LABELS)
    assert before == criterion(*one_apart).item() == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize("bandwidth", ["mean", "median"])
@pytest.mark.parametrize("cls", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("labels", [torch.ones(5, 3), torch.zeros(5, 3), torch.ones(1, 3), torch.zeros(0, 3)])
def test_the_width_is_1_where_distances_say_nothing(cls, bandwidth, labels):
    criterion = cls(bandwidth=bandwidth)
    criterion.fit(labels)
    # Items without labels are unlike even themselves for the normalized kernel, so that they do have a distance.
    assert criterion.width.item() == (2.0 if cls is MMDNormalized and len(labels) > 1 and not labels.any() else 1.0)


@pytest.mark.parametrize("bandwidth", ["mode", "fixed", "fixed:", "fixed:0", "fixed:-1", "fixed:nan", "fixed:inf", "2"])
def test_a_bandwidth_that_means_nothing_is_refused_with_the_way_out(bandwidth):
    with pytest.raises(SettingsError, match=r"mean, median or fixed:<value>") as error:
        MMD(bandwidth=bandwidth)
    assert repr(bandwidth) in str(error.value)


def test_bandwidths_are_parsed():
    assert [parse_bandwidth(b) for b in ("mean", "median", "fixed:2.5")] == [None, None, 2.5]


@pytest.mark.parametrize("cls", [MMDBatch, MMDInverted])
def test_readings_kept_for_the_record_warn_when_made(cls):
    with pytest.warns(UserWarning, match="for reference"):
        cls()


@pytest.mark.parametrize("cls", KERNELS.values(), ids=KERNELS)
def test_readings_meant_for_training_do_not_warn(cls):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls()


def test_the_width_travels_with_the_model():
    criterion = MMD()
    criterion.fit(LABELS)
    assert list(criterion.state_dict()) == ["width"]
    assert criterion.to(torch.float64).width.dtype == torch.float64


@pytest.mark.parametrize("bandwidth", ["mean", "median"])
@pytest.mark.parametrize("cls", KERNELS.values(), ids=KERNELS)
def test_fit_and_compute_run_without_data_on_the_meta_device(cls, bandwidth):
    with torch.device("meta"):
        criterion = cls(bandwidth=bandwidth)
        labels = torch.zeros(6, 3)
    criterion.fit(labels)
    assert criterion(labels, labels[:2]).shape == (6, 2)


def test_items_with_few_labels_look_alike_to_mmd_whatever_the_labels_are():
    few = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    many = torch.tensor([[1.0, 1, 1, 0], [1.0, 1, 0, 1]])
    assert mmd(few[:1], few[1:], width=2.0) == mmd(many[:1], many[1:], width=2.0)
    assert mmd_normalized(few[:1], few[1:], width=2.0) < mmd_normalized(many[:1], many[1:], width=2.0)


def test_the_normalized_kernel_ranks_pairs_as_fgsc_does():
    labels = torch.tensor([[float(i >> c & 1) for c in range(4)] for i in range(16)], dtype=torch.float64)
    by_cosine = fgsc(labels, labels).flatten()
    by_kernel = mmd_normalized(labels, labels, width=1.3).flatten()
    order = by_cosine.argsort(stable=True)
    assert (by_kernel[order].diff() >= -1e-15).all()
    assert by_kernel.min().item() == pytest.approx(math.exp(-2 / 1.3))


@settings(max_examples=30, deadline=None)
@given(*(st.lists(st.integers(0, 5), min_size=1, max_size=7),) * 2)
def test_items_of_one_group_are_pairs_and_no_others(a, b):
    expected = [[float(x == y) for y in b] for x in a]
    groups = [torch.tensor(numbers)[:, None] for numbers in (a, b)]
    assert pairs(*groups).tolist() == expected
    assert Pairs()(*groups).tolist() == expected


def test_items_that_are_groups_of_their_own_are_similar_to_themselves_alone():
    rows = torch.tensor([5, 2, 2**60, 2**60 + 1])[:, None]
    assert torch.equal(Pairs()(rows, rows), torch.eye(4))
