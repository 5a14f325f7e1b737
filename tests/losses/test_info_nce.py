"""The contrastive loss, against two cross entropies and against loops."""

import math

import pytest
import torch
from torch.nn import functional as nnf

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.losses.info_nce import InfoNCE, answers, info_nce


def drawn(seed, rows, others, bits=5):
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(rows, bits, generator=generator, dtype=torch.float64)
    v = torch.randn(others, bits, generator=generator, dtype=torch.float64)
    return u, v, torch.rand(rows, others, generator=generator, dtype=torch.float64)


def cosine(x, y):
    def dot(p, q):
        return sum(a * b for a, b in zip(p, q, strict=True))

    return dot(x, y) / math.sqrt(dot(x, x) * dot(y, y))


def one_way(z, s):
    """Mean over rows with a similar pair of the cross entropy of their softmax, term by term."""
    values = []
    for scores, similar in zip(z, s, strict=True):
        if sum(similar) > 0:
            total = math.log(sum(math.exp(x) for x in scores))
            values.append(sum(p / sum(similar) * (total - x) for x, p in zip(scores, similar, strict=True)))
    return sum(values) / len(values) if values else 0.0


def by_loop(u, v, s, temperature):
    z = [[cosine(x, y) / temperature for y in v.tolist()] for x in u.tolist()]
    s = s.tolist()
    return (one_way(z, s) + one_way(list(zip(*z, strict=True)), list(zip(*s, strict=True)))) / 2


def several(s):
    """Any number of partners, some rows and columns without one."""
    s = (s > 0.6).double()
    s[1] = 0
    s[:, 2] = 0
    return s


SIMILAR = {
    "one partner each": lambda s: torch.eye(*s.shape, dtype=torch.float64),
    "several partners, or none": several,
    "graded": lambda s: s,
    "graded beyond 1": lambda s: 3 * several(s) * s,
    "no similar pair": torch.zeros_like,
}


@pytest.mark.parametrize("kind", SIMILAR)
@pytest.mark.parametrize(("rows", "others", "temperature"), [(4, 4, 0.1), (5, 3, 1.0), (3, 7, 0.5), (2, 3, 0.2)])
def test_it_agrees_with_a_loop(kind, rows, others, temperature):
    u, v, s = drawn(rows, rows, others)
    s = SIMILAR[kind](s)
    assert info_nce(u, v, s, temperature=temperature).item() == pytest.approx(by_loop(u, v, s, temperature), rel=1e-9)


def test_with_one_partner_each_it_is_the_mean_of_two_cross_entropies():
    u, v, _ = drawn(0, 6, 6)
    z = nnf.normalize(u) @ nnf.normalize(v).T / 0.1
    own = torch.arange(6)
    expected = (nnf.cross_entropy(z, own) + nnf.cross_entropy(z.T, own)) / 2
    torch.testing.assert_close(InfoNCE()(u, v, torch.eye(6)), expected)


def test_rows_and_columns_without_a_similar_pair_do_not_count_as_partners_but_as_others():
    u, v, _ = drawn(1, 3, 3)
    s = torch.eye(3, dtype=torch.float64)
    s[2, 2] = 0
    z = nnf.normalize(u) @ nnf.normalize(v).T
    own = torch.arange(2)
    expected = (nnf.cross_entropy(z[:2], own) + nnf.cross_entropy(z.T[:2], own)) / 2
    torch.testing.assert_close(info_nce(u, v, s, temperature=1.0), expected)
    assert info_nce(u, v, torch.zeros_like(s)).item() == 0


def test_the_length_of_a_code_does_not_matter():
    u, v, s = drawn(2, 4, 4)
    torch.testing.assert_close(info_nce(7 * u, v / 3, s), info_nce(u, v, s))


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e18])
@pytest.mark.parametrize("similar", ["one partner each", "no similar pair", "several partners, or none"])
def test_value_and_gradient_are_finite_at_codes_of_any_size(scale, similar):
    u, v, s = (x.float() for x in drawn(3, 5, 5))
    u = (u * scale).requires_grad_()
    v = (v * scale).requires_grad_()
    value = info_nce(u, v, SIMILAR[similar](s.double()).float(), temperature=0.01)
    value.backward()
    assert value.isfinite()
    assert u.grad.isfinite().all()
    assert v.grad.isfinite().all()


@pytest.mark.parametrize("temperature", [0.0, -0.1, math.inf, math.nan])
def test_a_temperature_that_divides_by_nothing_is_refused_with_its_limit(temperature):
    with pytest.raises(SettingsError) as error:
        InfoNCE(temperature=temperature)
    assert str(error.value) == f"temperature is {temperature}; use a number above 0"


def test_with_signs_either_side_is_compared_by_its_signs_in_turn():
    u, v, s = drawn(3, 4, 5)
    signs = [torch.where(x >= 0, 1.0, -1.0).double() for x in (u, v)]
    wanted = (by_loop(u, signs[1], s, 0.5) + by_loop(signs[0], v, s, 0.5)) / 2
    assert info_nce(u, v, s, temperature=0.5, signs=True).item() == pytest.approx(wanted)
    assert InfoNCE(temperature=0.5, signs=True)(u, v, s).item() == pytest.approx(wanted, rel=1e-5)


def test_the_signs_have_the_gradient_of_tanh():
    u, v, s = drawn(4, 3, 3)
    u.requires_grad_()
    info_nce(u, v, s, signs=True).backward()
    x = u.detach().clone().requires_grad_()
    # By hand: the real side as it is, and the signs as constants whose gradient is passed on times 1 - tanh(u)^2.
    signs = torch.where(x >= 0, 1.0, -1.0).double().detach().requires_grad_()
    other = torch.where(v >= 0, 1.0, -1.0).double()
    ((info_nce(x, other, s) + info_nce(signs, v, s)) / 2).backward()
    torch.testing.assert_close(u.grad, x.grad + signs.grad * (1 - torch.tanh(x.detach()) ** 2))


def test_the_number_of_right_answers_is_two_to_the_bits_that_naming_one_takes():
    s = several(drawn(3, 6, 9)[2])
    graded = drawn(4, 6, 9)[2]
    for rows in (s, graded, 7 * graded):
        expected = []
        for row in rows.tolist():
            shares = [x / sum(row) for x in row if x] if sum(row) else [1.0]
            expected.append(2 ** -sum(p * math.log2(p) for p in shares))
        assert answers(rows).tolist() == pytest.approx(expected, rel=1e-5)


def test_similarities_that_tell_nobody_apart_are_doubted():
    others = 50
    assert InfoNCE().doubt(torch.eye(others)) is None
    assert InfoNCE().doubt((torch.arange(others)[:, None] % 2 == torch.arange(others) % 2).float()) is None
    said = InfoNCE().doubt(torch.eye(others) + 0.9)
    assert "50 of 50 items are equally right answers; make the criterion more peaked" in said
