"""What holds for every loss function: gradients, special cases, precision, permutations, the meta device."""

import pytest
import torch

from crossmodal_hash.losses._products import inner, widen
from crossmodal_hash.losses.balance import Balance
from crossmodal_hash.losses.bit_hinge import BitHinge
from crossmodal_hash.losses.cosine_hinge import CosineHinge
from crossmodal_hash.losses.cosine_mse import CosineMSE
from crossmodal_hash.losses.decorrelation import Decorrelation
from crossmodal_hash.losses.exp_focal import ExpFocal
from crossmodal_hash.losses.exp_quantization import ExpQuantization
from crossmodal_hash.losses.graph import Graph
from crossmodal_hash.losses.pairwise_nll import PairwiseNLL
from crossmodal_hash.losses.quantization import Quantization
from crossmodal_hash.losses.similarity_mse import SimilarityMSE
from crossmodal_hash.losses.triplet import Triplet

LOSSES = {
    "pairwise-nll": PairwiseNLL(),
    "similarity-mse": SimilarityMSE(),
    "similarity-mse orthogonal, paper": SimilarityMSE(target="orthogonal", reduction="paper"),
    "cosine-mse": CosineMSE(),
    "quantization": Quantization(third=True),
    "quantization paper": Quantization(reduction="paper"),
    "balance": Balance(),
    "decorrelation": Decorrelation(),
    "cosine-hinge": CosineHinge(),
    "cosine-hinge squared": CosineHinge(squared=True),
    "bit-hinge": BitHinge(),
    "bit-hinge cosine": BitHinge(form="cosine"),
    "exp-focal": ExpFocal(),
    "exp-focal euclidean, positive": ExpFocal(distance="euclidean", weights="positive", gamma=0.0),
    "exp-quantization": ExpQuantization(),
    "triplet": Triplet(),
    "graph": Graph(),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
few_items = pytest.mark.filterwarnings("ignore:decorrelation of")


def example(loss, rows=4, others=4, bits=3, dtype=torch.float64):
    """Codes that stay clear of the corners of hinges, and a target that leaves triplets nothing to choose."""
    generator = torch.Generator().manual_seed(7)
    u = torch.rand(rows, bits, generator=generator, dtype=dtype) * 1.6 - 0.8
    v = torch.rand(others, bits, generator=generator, dtype=dtype) * 1.6 - 0.8
    if loss.compares == "codes":
        return u, v, torch.where(u + v >= 0, 1.0, -1.0).to(dtype)
    return u, v, (torch.arange(rows)[:, None] % 2 == torch.arange(others) % 2).to(dtype)


@few_items
@every_loss
def test_gradients_agree_with_finite_differences(loss):
    u, v, s = example(loss, bits=5)

    def value(u, v):
        torch.manual_seed(0)  # the same triplets at every step of the difference
        return loss(u, v, s)

    assert torch.autograd.gradcheck(value, (u.requires_grad_(), v.requires_grad_()))


@every_loss
def test_both_codes_get_a_gradient(loss):
    u, v, s = (x.requires_grad_() for x in example(loss))
    loss(u, v, s.detach()).backward()
    assert u.grad.abs().sum() > 0
    assert v.grad.abs().sum() > 0


@every_loss
def test_the_order_of_the_batch_does_not_matter(loss):
    # Two others, one alike and one not, for each item: triplets have no choice.
    u, v, s = example(loss, others=4 if loss.compares == "codes" else 2)
    rows, others = torch.tensor([2, 0, 3, 1]), torch.tensor([1, 0])
    if loss.compares == "codes":
        permuted = (u[rows], v[rows], s[rows])
    else:
        permuted = (u[rows], v[others], s[rows][:, others])
        if isinstance(loss, Triplet):
            loss = Triplet(both=False)
    torch.testing.assert_close(loss(*permuted), loss(u, v, s))


@few_items
@every_loss
@pytest.mark.parametrize("case", ["one item", "one class", "disjoint", "duplicates", "zeros"])
def test_special_batches_have_finite_values_and_gradients(loss, case):
    u, v, s = example(loss)
    if case == "one item":
        u, v, s = u[:1], v[:1], (s[:1] if loss.compares == "codes" else s[:1, :1])
    elif case == "duplicates":
        u, v = u[:1].repeat(4, 1), u[:1].repeat(4, 1)
    elif case == "zeros":
        u, v = torch.zeros_like(u), torch.zeros_like(v)
    elif loss.compares == "pairs":
        s = torch.full_like(s, float(case == "one class"))
    u, v = u.clone().requires_grad_(), v.clone().requires_grad_()
    value = loss(u, v, s)
    value.backward()
    assert value.ndim == 0
    assert value.isfinite()
    assert value >= 0
    assert u.grad.isfinite().all()
    assert v.grad.isfinite().all()


@every_loss
def test_half_precision_codes_are_computed_in_single_precision(loss):
    u, v, s = example(loss, bits=4, dtype=torch.bfloat16)
    torch.manual_seed(0)
    value = loss(u, v, s)
    torch.manual_seed(0)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(u.float(), v.float(), s.float()))


@few_items
@every_loss
def test_autocast_does_not_change_the_value(loss):
    u, v, s = example(loss, bits=64, dtype=torch.float32)
    torch.manual_seed(0)
    expected = loss(u, v, s)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(u, v, s), expected)


@every_loss
def test_double_precision_is_kept(loss):
    u, v, s = example(loss)
    assert loss(u, v, s).dtype == torch.float64
    assert loss(u, v, s.float()).dtype == torch.float64


@every_loss
def test_losses_run_without_data_on_the_meta_device(loss):
    u, v, s = (x.to("meta") for x in example(loss))
    value = loss(u, v, s)
    assert value.shape == ()
    assert value.device.type == "meta"


def test_products_of_mixed_precision_take_the_wider_type():
    u, v = widen(torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(2, 3, dtype=torch.float64))
    assert inner(u, v).dtype == torch.float64
