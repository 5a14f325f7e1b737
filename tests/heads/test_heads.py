import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.heads.identity import Identity
from crossmodal_hash.heads.straight_through import StraightThrough, straight_through
from crossmodal_hash.heads.tanh import Tanh


def test_tanh_and_identity_are_what_they_say():
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    torch.testing.assert_close(Tanh()(x), torch.tensor([[-0.7615942, 0.0, 0.9640276]]))
    assert torch.equal(Identity()(x), x)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1), st.sampled_from(["tanh", "identity"]))
def test_straight_through_gives_exact_signs_with_plus_one_at_zero(values, gradient):
    out = straight_through(torch.tensor([values]), gradient)
    assert out.tolist() == [[1.0 if value >= 0 else -1.0 for value in values]]


@pytest.mark.parametrize(
    ("gradient", "slope"),
    [("tanh", lambda x: 1 - torch.tanh(x) ** 2), ("identity", lambda x: (x.abs() <= 1).to(x.dtype))],
)
def test_straight_through_borrows_its_gradient(gradient, slope):
    x = torch.tensor([[-3.0, -0.5, 0.0, 0.5, 3.0]], requires_grad=True)
    StraightThrough(gradient=gradient)(x).sum().backward()
    torch.testing.assert_close(x.grad, slope(x.detach()))


def test_precision_and_device_are_kept():
    assert straight_through(torch.zeros(1, 2, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert straight_through(torch.zeros(1, 2, device="meta")).device.type == "meta"


def test_an_unknown_gradient_is_refused():
    with pytest.raises(SettingsError, match="gradient='relu' is not one of tanh, identity"):
        StraightThrough(gradient="relu")
