"""The installed plug-in, found by name and used through the public contract."""

import pytest
import torch
from chash_margin import Margin, margin_loss

from crossmodal_hash.components import LOSSES
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.errors import SettingsError, ShapeError

CODES = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, -1], [-1, -1, -1, 1, 1], [-1, -1, -1, -1, -1]])


def test_the_name_leads_to_the_class() -> None:
    assert LOSSES.resolve("margin") is Margin
    assert LOSSES.find("Margin").origin == "chash-margin 0.1"


@pytest.mark.parametrize("margin", [0.0, 2.0])
@pytest.mark.parametrize("similar", [0.0, 0.3, 1.0])
def test_binary_codes_pay_for_the_bits_on_the_wrong_side(margin: float, similar: float) -> None:
    costs = []
    for x in CODES.tolist():
        for y in CODES.tolist():
            bits = sum(a != b for a, b in zip(x, y, strict=True))
            costs.append(similar * max(0, bits - margin) + (1 - similar) * max(0, margin + 1 - bits))
    value = LOSSES.make("margin", margin=margin)(CODES, CODES, torch.full((4, 4), similar))
    assert isinstance(value, torch.Tensor)
    assert value.item() == pytest.approx(sum(costs) / len(costs))


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    u, v = (torch.rand(n, 5, dtype=torch.float64, requires_grad=True) for n in (3, 2))
    assert torch.autograd.gradcheck(lambda u, v: margin_loss(u, v, torch.full((3, 2), 0.4)), (u, v))


def test_half_precision_codes_keep_their_bits() -> None:
    codes = torch.ones(2, 300, dtype=torch.bfloat16)
    codes[0, 0] = -1
    assert margin_loss(codes[:1], codes[1:], torch.ones(1, 1), margin=0.0).item() == 1.0


def test_it_keeps_what_a_loss_promises() -> None:
    assert issubclass(Margin, HashLoss)
    assert Margin(margin=3.0).config() == {"margin": 3.0}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="Margin needs"):
        Margin()(CODES, CODES, torch.ones(4, 3))
    with pytest.raises(SettingsError, match="margin is -1"):
        Margin(margin=-1)
