import pytest
import torch

from crossmodal_hash.dropout import Dropout, dropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_the_share_is_p_and_the_mean_stays(p):
    torch.manual_seed(0)
    out = dropout(torch.ones(400, 1000), p)
    share = round(p * 256) / 256
    assert (out == 0).double().mean().item() == pytest.approx(share, abs=0.003)
    assert out.double().mean().item() == pytest.approx(1.0, abs=0.01)
    assert len(out.unique()) == 2


def test_every_position_is_dropped_equally_often():
    torch.manual_seed(0)
    kept = torch.stack([dropout(torch.ones(24), 0.5) > 0 for _ in range(4000)]).double().mean(0)
    assert (kept - 0.5).abs().max() < 0.04


def test_neighbors_are_independent():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(64000), 0.5) > 0).double().reshape(-1, 16) - 0.5
    correlation = (kept.T @ kept) / len(kept) / 0.25
    assert (correlation - torch.eye(16)).abs().max() < 0.08


def test_the_gradient_is_the_mask():
    torch.manual_seed(0)
    x = torch.randn(50, 7, requires_grad=True)
    y = dropout(x, 0.4)
    y.sum().backward()
    assert torch.allclose(x.grad * x, y)


def test_the_same_seed_drops_the_same():
    x = torch.randn(5, 9)
    torch.manual_seed(3)
    first = dropout(x, 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x, 0.5))


@pytest.mark.parametrize("shape", [(0, 4), (1,), (3, 5, 7)])
def test_any_shape_and_precision(shape):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert dropout(torch.ones(shape, dtype=dtype), 0.5).dtype == dtype


def test_nothing_happens_in_evaluation_or_without_a_share():
    x = torch.randn(4, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_nearly_everything_may_be_dropped():
    assert torch.isfinite(dropout(torch.ones(1000), 0.9999)).all()
