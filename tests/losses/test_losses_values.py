"""Values of the losses: exact small cases, and loops over pairs."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.losses._options import at_least, per_bit
from crossmodal_hash.losses.balance import Balance, balance
from crossmodal_hash.losses.bit_hinge import BitHinge, bit_hinge
from crossmodal_hash.losses.cosine_hinge import CosineHinge, cosine_hinge
from crossmodal_hash.losses.cosine_mse import CosineMSE, cosine_mse
from crossmodal_hash.losses.decorrelation import Decorrelation, decorrelation
from crossmodal_hash.losses.exp_focal import ExpFocal, exp_focal, relaxed_hamming
from crossmodal_hash.losses.exp_quantization import ExpQuantization, exp_quantization
from crossmodal_hash.losses.graph import Graph, graph
from crossmodal_hash.losses.pairwise_nll import PairwiseNLL, pairwise_nll
from crossmodal_hash.losses.quantization import Quantization, quantization
from crossmodal_hash.losses.similarity_mse import SimilarityMSE, similarity_mse
from crossmodal_hash.losses.triplet import Triplet, draw, triplet

U = torch.tensor([[0.5, -0.5, 1, 0], [-1, 1, 0.5, 0.5]], dtype=torch.float64)
V = torch.tensor([[1, -1, 0.5, 0.5], [0.2, 0.4, -0.6, 0.8]], dtype=torch.float64)
S = torch.eye(2, dtype=torch.float64)
CODES = torch.tensor([[1, -1, 1, 1], [-1, 1, -1, 1]], dtype=torch.float64)


def close(value, expected, tolerance=5e-7):
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(expected, abs=tolerance)


def random_pair(seed, rows=4, others=3, bits=5):
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(rows, bits, generator=generator, dtype=torch.float64)
    v = torch.randn(others, bits, generator=generator, dtype=torch.float64)
    s = torch.rand(rows, others, generator=generator, dtype=torch.float64)
    return u, v, s


def mean_by_loop(value, u, v, s):
    """The mean of value(row of u, row of v, s) over all pairs, in plain Python."""
    rows = [value(x, y, s[i][j]) for i, x in enumerate(u.tolist()) for j, y in enumerate(v.tolist())]
    return sum(rows) / len(rows)


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def cos(x, y):
    return dot(x, y) / math.sqrt(dot(x, x) * dot(y, y))


seeds = given(st.integers(0, 10_000))
quick = settings(max_examples=20, deadline=None)


# pairwise-nll


@pytest.mark.parametrize(("slope", "expected"), [(0.5, 0.482020), (2.0, 0.188770), (16.0, 0.002052)])
def test_the_likelihood_has_the_exact_values(slope, expected):
    close(pairwise_nll(U, V, S, slope=slope), expected)


@pytest.mark.parametrize(
    ("slope", "expected"), [("half", 0.482020), ("scaled:8", 0.188770), ("hsidhn", 0.002052), ("fixed:0.5", 0.482020)]
)
def test_slopes_are_known_by_name(slope, expected):
    close(PairwiseNLL(slope=slope)(U, V, S), expected)


def test_the_slope_of_the_authors_code_is_that_of_dcmh_at_64_bits():
    u, v, s = random_pair(0, bits=64)
    assert torch.equal(PairwiseNLL(slope="dmmih")(u, v, s), PairwiseNLL(slope="half")(u, v, s))


def test_the_likelihood_of_orthogonal_codes_is_log_2_whatever_the_similarity():
    close(pairwise_nll(torch.zeros_like(U), V, torch.rand(2, 2)), math.log(2), 1e-15)


@pytest.mark.parametrize("theta", [1e4, -1e4])
@pytest.mark.parametrize("similar", [0.0, 1.0])
def test_the_likelihood_and_its_gradient_are_finite_far_out(theta, similar):
    u = torch.tensor([[theta]], requires_grad=True)
    value = pairwise_nll(u, torch.ones(1, 1), torch.tensor([[similar]]), slope=1.0)
    value.backward()
    assert value.item() == pytest.approx(1e4 if (theta > 0) != bool(similar) else 0.0)
    assert u.grad.isfinite().all()


def test_the_gradient_of_the_likelihood_in_theta_is_sigmoid_minus_similarity():
    theta = torch.tensor([[0.3, -2.0, 5.0]], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([[0.0, 1.0, 0.4]], dtype=torch.float64)
    pairwise_nll(torch.ones(1, 1, dtype=torch.float64), theta.T, s, slope=1.0).backward()
    torch.testing.assert_close(theta.grad, (torch.sigmoid(theta) - s).detach() / 3)


@quick
@seeds
def test_the_likelihood_agrees_with_a_loop(seed):
    u, v, s = random_pair(seed)
    expected = mean_by_loop(lambda x, y, p: math.log1p(math.exp(dot(x, y))) - p * dot(x, y), u, v, s.tolist())
    close(pairwise_nll(u, v, s, slope=1.0), expected, 1e-9)


def test_pairwise_nll_with_a_prior_is_the_likelihood_of_shifted_odds():
    torch.manual_seed(0)
    u, v = torch.rand(5, 8, dtype=torch.float64) * 2 - 1, torch.rand(4, 8, dtype=torch.float64) * 2 - 1
    s = (torch.rand(5, 4, dtype=torch.float64) < 0.2).double()
    share = s.mean().item()
    expected = 0.0
    for i in range(5):
        for j in range(4):
            odds = math.exp(0.5 * float(u[i] @ v[j])) * share / (1 - share)
            p = odds / (1 + odds)
            expected -= math.log(p if s[i, j] else 1 - p) / 20
    close(pairwise_nll(u, v, s, prior=True), expected, 1e-12)
    # Codes that say nothing about any pair then cost what knowing the share of similar pairs leaves open.
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    close(pairwise_nll(torch.zeros_like(u), v, s, prior=True), entropy, 1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_batch_of_similar_pairs_alone_has_a_prior_too(value):
    assert torch.isfinite(pairwise_nll(U, V, torch.full_like(S, value), prior=True))


# similarity-mse and cosine-mse


def test_regression_has_the_exact_values():
    s = torch.tensor([[1, 0.5], [0, 1]], dtype=torch.float64)
    close(similarity_mse(U, V, s, reduction="paper"), 6.67)
    close(similarity_mse(U, V, s), 0.104219)
    close(SimilarityMSE(reduction="paper")(U, V, s), 6.67)


def test_regression_is_0_for_equal_and_for_opposite_binary_codes():
    codes = torch.cat([CODES[:1], -CODES[:1]])
    assert similarity_mse(codes, codes, S) == 0


def test_regression_can_ask_unlike_items_for_orthogonal_codes():
    codes = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    assert SimilarityMSE(target="orthogonal")(codes, codes, S) == 0
    assert similarity_mse(codes, codes, S) == pytest.approx(0.125)


@quick
@seeds
def test_regressions_agree_with_loops(seed):
    u, v, s = random_pair(seed)
    antipodal = mean_by_loop(lambda x, y, p: ((dot(x, y) / 5 + 1) / 2 - p) ** 2, u, v, s.tolist())
    orthogonal = mean_by_loop(lambda x, y, p: (dot(x, y) / 5 - p) ** 2, u, v, s.tolist())
    cosines = mean_by_loop(lambda x, y, p: (p - cos(x, y)) ** 2, u, v, s.tolist())
    close(similarity_mse(u, v, s), antipodal, 1e-9)
    close(similarity_mse(u, v, s, target="orthogonal"), orthogonal, 1e-9)
    close(cosine_mse(u, v, s), cosines, 1e-9)


def test_cosine_regression_does_not_see_the_length_of_codes():
    close(cosine_mse(3 * U, 0.1 * V, S), CosineMSE()(U, V, S).item(), 1e-12)


# quantization, balance, decorrelation


def test_quantization_has_the_exact_values():
    close(quantization(U, V, CODES, third=True), 1.325)
    close(quantization(U, V, CODES, third=True, reduction="paper"), 2.65)
    close(Quantization(third=True, reduction="paper")(U, V, CODES), 2.65)


@pytest.mark.parametrize("third", [False, True])
def test_quantization_agrees_with_a_loop_over_bits(third):
    cells = [
        (b - x) ** 2 + (b - y) ** 2 + third * (x - y) ** 2
        for b, x, y in zip(CODES.flatten().tolist(), U.flatten().tolist(), V.flatten().tolist(), strict=True)
    ]
    close(quantization(U, V, CODES, third=third), sum(cells) / 8, 1e-12)
    close(quantization(U, V, CODES, third=third, reduction="paper"), sum(cells) / 4, 1e-12)


def test_no_gradient_reaches_the_binary_codes():
    codes = CODES.clone().requires_grad_()
    u = U.clone().requires_grad_()
    quantization(u, V, codes).backward()
    assert codes.grad is None
    torch.testing.assert_close(u.grad, 2 * (U - CODES) / 8)


def test_balance_is_the_squared_mean_of_each_bit():
    means = [sum(column) / 2 for column in U.T.tolist()]
    close(balance(U), sum(m**2 for m in means) / 4, 1e-12)
    close(balance(U, reduction="paper"), sum(m**2 for m in means), 1e-12)
    close(Balance()(U, V, CODES), (balance(U) + balance(V)).item(), 1e-12)


def test_decorrelation_has_the_exact_value():
    x = torch.tensor([[1, 2, 0], [0, 1, 1], [2, 0, 1], [1, 1, 1]], dtype=torch.float64)
    close(decorrelation(x, reduction="paper"), 0.125)
    close(decorrelation(x), 0.125 / 3)


def test_decorrelation_agrees_with_a_loop_over_pairs_of_bits():
    u, _, _ = random_pair(3, rows=7, bits=4)
    columns = [[x - sum(column) / 7 for x in column] for column in u.T.tolist()]
    squares = [(dot(columns[j], columns[k]) / 7) ** 2 for j in range(4) for k in range(4) if j != k]
    close(decorrelation(u, reduction="paper"), sum(squares) / 2, 1e-12)
    close(decorrelation(u), sum(squares) / len(squares), 1e-12)


def test_decorrelation_of_one_bit_is_0():
    assert decorrelation(torch.randn(5, 1)) == 0


def test_decorrelation_over_few_items_warns():
    with pytest.warns(UserWarning, match="at least 4"):
        Decorrelation()(U, V, CODES)


# cosine-hinge, bit-hinge


def test_hinges_have_the_exact_values():
    close(cosine_hinge(U, V, S), 0.081699)
    close(bit_hinge(U), 0.0625)
    close(bit_hinge(V), 0.05)
    close(bit_hinge(U, form="cosine", margin=0.95), 0.067410)


def test_bit_hinge_uses_the_margin_of_its_form_unless_told():
    close(BitHinge()(U, V, CODES), 0.0625 + 0.05)
    close(BitHinge(form="cosine")(U, U, CODES), 2 * 0.067410, 2e-6)
    assert BitHinge(margin=0.0)(U, V, CODES) == 0


@quick
@seeds
def test_hinges_agree_with_loops(seed):
    u, v, s = random_pair(seed)
    for power, squared in ((1, False), (2, True)):
        expected = mean_by_loop(lambda x, y, p, e=power: max(0, 0.5 - (2 * p - 1) * cos(x, y)) ** e, u, v, s.tolist())
        close(CosineHinge(squared=squared)(u, v, s), expected, 1e-9)
    angles = [max(0, 0.95 - cos([abs(x) for x in row], [1] * 5)) for row in u.tolist()]
    close(bit_hinge(u, form="cosine", margin=0.95), sum(angles) / 4, 1e-9)
    close(bit_hinge(u), sum(max(0, 0.5 - abs(x)) for x in u.flatten().tolist()) / 20, 1e-9)


# exp-focal, exp-quantization


def test_relaxed_hamming_has_the_exact_values():
    expected = torch.tensor([[0.450807, 3.043498], [3.2, 1.653590]], dtype=torch.float64)
    torch.testing.assert_close(relaxed_hamming(U, V), expected, atol=5e-7, rtol=0)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_relaxed_hamming_counts_differing_bits_of_binary_codes(distance):
    codes = torch.tensor([[float(i >> k & 1) * 2 - 1 for k in range(4)] for i in range(16)], dtype=torch.float64)
    counts = torch.tensor([[float((i ^ j).bit_count()) for j in range(16)] for i in range(16)], dtype=torch.float64)
    torch.testing.assert_close(relaxed_hamming(codes, codes, distance), counts)


def test_focal_likelihood_has_the_exact_value():
    close(exp_focal(U, V, S, beta=0.5, weights="none"), 0.072941)
    close(ExpFocal(beta="fixed:0.5", weights="none")(U, V, S), 0.072941)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("weights", ["class", "positive", "none"])
def test_focal_likelihood_agrees_with_a_loop(weights, distance):
    u, v, _ = random_pair(5)
    s = torch.tensor([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=torch.float64)
    for_similar, for_dissimilar = {"class": (12 / 4, 12 / 20), "positive": (12 / 2, 1), "none": (1, 1)}[weights]

    def value(x, y, p):
        apart = [a - b for a, b in zip(x, y, strict=True)]
        d = 5 / 2 * (1 - cos(x, y)) if distance == "cosine" else dot(apart, apart) / 4
        alike = math.exp(-0.3 * d)
        return -(for_similar * p * (1 - alike) ** 1.5 * math.log(alike)) - (
            for_dissimilar * (1 - p) * alike**1.5 * math.log(1 - alike)
        )

    expected = mean_by_loop(value, u, v, s.tolist())
    close(exp_focal(u, v, s, beta=0.3, gamma=1.5, weights=weights, distance=distance), expected, 1e-9)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_likelihood_of_coinciding_codes_is_finite(gamma):
    u = CODES.clone().requires_grad_()
    value = exp_focal(u, CODES, torch.zeros_like(S), beta=0.5, gamma=gamma)
    value.backward()
    assert value.isfinite()
    assert u.grad.isfinite().all()


def test_a_beta_that_cannot_tell_items_apart_warns():
    with pytest.warns(UserWarning, match=r"beta = 0.5 at 64 bits .* at most 0.25"):
        ExpFocal(beta="fixed:0.5")(torch.randn(2, 64), torch.randn(2, 64), torch.eye(2))


def test_exponential_prior_agrees_with_a_loop_and_is_0_on_binary_codes():
    expected = sum(0.5 * 4 / 2 * (1 - cos([abs(x) for x in row], [1] * 4)) for row in U.tolist()) / 2
    close(exp_quantization(U, beta=0.5), expected, 1e-12)
    close(ExpQuantization(beta="scaled:2")(U, U, CODES), 2 * expected, 1e-12)
    close(exp_quantization(CODES, beta=0.5), 0.0, 1e-12)


# triplet


def test_a_triplet_at_its_margin_costs_log_2():
    u = torch.tensor([[1.0]], dtype=torch.float64)
    v = torch.tensor([[1.5], [0.5]], dtype=torch.float64)
    close(triplet(u, v, torch.tensor([[1.0, 0.0]]), slope=1.0, margin=1.0), math.log(2), 1e-12)


def test_triplets_agree_with_a_loop_where_nothing_is_left_to_chance():
    u, v, _ = random_pair(1, rows=3, others=2)
    s = torch.tensor([[1, 0], [0, 1], [1, 0]], dtype=torch.float64)
    losses = []
    for i in range(3):
        p, n = (0, 1) if s[i, 0] else (1, 0)
        ahead = 0.7 * (dot(u[i].tolist(), v[p].tolist()) - dot(u[i].tolist(), v[n].tolist())) - 0.5
        losses.append(math.log1p(math.exp(-ahead)))
    close(triplet(u, v, s, slope=0.7, margin=0.5), sum(losses) / 3, 1e-9)


def test_both_directions_are_averaged():
    u, v, _ = random_pair(1, rows=2, others=2)
    forth, back = triplet(u, v, S, slope=8 / 5), triplet(v, u, S, slope=8 / 5)
    close(Triplet()(u, v, S), (forth + back).item() / 2, 1e-12)
    close(Triplet(both=False)(u, v, S), forth.item(), 1e-12)


def test_anchors_without_positives_or_negatives_are_skipped():
    u, v, _ = random_pair(2, rows=3, others=2)
    s = torch.tensor([[1, 0], [1, 1], [0, 0]], dtype=torch.float64)
    close(triplet(u, v, s), triplet(u[:1], v, s[:1]).item(), 1e-12)


@pytest.mark.parametrize("similar", [0.0, 0.5, 1.0])
def test_a_block_without_triplets_gives_0_and_no_gradient(similar):
    u = U.clone().requires_grad_()
    value = Triplet()(u, V, torch.full((2, 2), similar))
    value.backward()
    assert value == 0
    assert u.grad.abs().max() == 0


def test_triplets_depend_on_the_seed_alone():
    u, v, _ = random_pair(4, rows=8, others=8)
    s = (torch.arange(8)[:, None] % 3 == torch.arange(8) % 3).double()
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(triplet(u, v, s).item())
    assert values[0] == values[1] != values[2]


def test_draws_are_true_cells_and_reach_all_of_them():
    torch.manual_seed(0)
    mask = torch.tensor([[True, False, True, True], [False, False, False, True]])
    drawn = draw(mask, 400)
    counts = drawn[0].bincount(minlength=4)
    assert counts[1] == 0
    assert counts[[0, 2, 3]].min() > 90
    assert drawn[1].unique().tolist() == [3]


# graph


def test_graph_is_the_trace_of_the_laplacian():
    u, _, s = random_pair(6, rows=4, others=4)
    s = (s + s.T) / 2
    laplacian = torch.diag(s.sum(1)) - s
    close(graph(u, u, s), (torch.trace(u.T @ laplacian @ u) / (5 * s.sum())).item(), 1e-12)


def test_graph_agrees_with_a_loop():
    u, v, s = random_pair(7)
    total = sum(
        s[i, j].item() * sum((a - b) ** 2 for a, b in zip(u[i].tolist(), v[j].tolist(), strict=True))
        for i in range(4)
        for j in range(3)
    )
    close(Graph()(u, v, s), total / (2 * 5 * s.sum().item()), 1e-12)


def test_graph_without_similar_pairs_is_0():
    assert graph(U, V, torch.zeros_like(S)) == 0


# parameters


@pytest.mark.parametrize(
    "option", ["", "8", "scaled", "scaled:", "scaled:0", "scaled:-1", "fixed:nan", "fixed:inf", "third"]
)
def test_a_slope_that_means_nothing_is_refused_with_the_way_out(option):
    with pytest.raises(SettingsError, match=r"slope is .*scaled:<k>"):
        PairwiseNLL(slope=option)
    with pytest.raises(SettingsError, match=r"beta is .*scaled:<k>"):
        ExpFocal(beta=option)


def test_options_per_bit_are_parsed():
    options = ("half", "hsidhn", "dmmih", "scaled:8", "fixed:3")
    assert [per_bit(o, 32, parameter="slope") for o in options] == [0.5, 2.0, 1.0, 0.25, 3.0]


@pytest.mark.parametrize(
    ("make", "parameter"),
    [
        (lambda: SimilarityMSE(reduction="sum"), "reduction"),
        (lambda: SimilarityMSE(target="opposite"), "target"),
        (lambda: Quantization(reduction="sum"), "reduction"),
        (lambda: Balance(reduction="sum"), "reduction"),
        (lambda: Decorrelation(reduction="sum"), "reduction"),
        (lambda: CosineHinge(margin=-0.1), "margin"),
        (lambda: BitHinge(form="bits"), "form"),
        (lambda: BitHinge(margin=-1), "margin"),
        (lambda: ExpFocal(gamma=-1), "gamma"),
        (lambda: ExpFocal(weights="classes"), "weights"),
        (lambda: ExpFocal(distance="hamming"), "distance"),
        (lambda: ExpQuantization(beta="2"), "beta"),
        (lambda: Triplet(margin=math.nan), "margin"),
        (lambda: Triplet(samples=0), "samples"),
    ],
)
def test_impossible_parameters_are_refused_by_name(make, parameter):
    with pytest.raises(SettingsError, match=rf"^{parameter}(=.*)? is "):
        make()


def test_a_choice_is_answered_with_the_nearest_one():
    with pytest.raises(SettingsError, match="did you mean 'paper'"):
        Balance(reduction="papr")


def test_a_number_at_its_limit_is_allowed():
    at_least("margin", 0, 0)
