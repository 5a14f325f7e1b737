"""What every loss promises, whoever wrote it."""

import inspect

import pytest
import torch

from crossmodal_hash.components import LOSSES
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.errors import ShapeError

pytestmark = pytest.mark.filterwarnings("ignore:decorrelation of")
CLASSES, BITS = 3, 5
every_loss = pytest.mark.parametrize("name", list(LOSSES.builtin))


def example(loss, items=6, others=4, bits=BITS, seed=0):
    """Codes as tanh gives them, and similarities of 0 and 1 or binary codes, as the loss compares."""
    generator = torch.Generator().manual_seed(seed)
    others = others if loss.compares == "pairs" else items
    u, v = (torch.randn(n, bits, generator=generator).tanh() for n in (items, others))
    if loss.compares == "items":
        return u, v, (torch.rand(items, CLASSES, generator=generator) < 0.4).float()
    if loss.compares == "codes":
        return u, v, torch.where(u + v >= 0, 1.0, -1.0)
    return u, v, (torch.arange(items)[:, None] % 3 == torch.arange(others) % 3).float()


def made(name):
    """The loss, with the parameters it has for codes of 5 bits."""
    torch.manual_seed(0)
    loss = LOSSES.make(name)
    loss.setup(BITS, CLASSES)
    return loss


def value(loss, u, v, s):
    """The loss as one number; draws are the same each time."""
    torch.manual_seed(0)
    out = loss(u, v, s)
    return torch.stack(list(out.values())).sum() if isinstance(out, dict) else out


@every_loss
def test_parameters_are_keyword_only_with_defaults_and_kept_under_their_names(name):
    cls = LOSSES.resolve(name)
    loss = cls()
    assert isinstance(loss, HashLoss)
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            assert cls.__init__ is torch.nn.Module.__init__, "parameters must be written out"
            continue
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert getattr(loss, parameter.name) == parameter.default


@every_loss
def test_config_and_state_rebuild_the_loss(name):
    loss = made(name)
    again = type(loss)(**loss.config())
    again.setup(BITS, CLASSES)
    again.load_state_dict(loss.state_dict())
    assert again.config() == loss.config()
    assert torch.equal(value(again, *example(loss)), value(loss, *example(loss)))


@every_loss
def test_the_first_docstring_line_says_what_it_is(name):
    assert LOSSES.find(name).summary().endswith(".")


@every_loss
def test_the_value_is_a_finite_scalar_or_named_ones(name):
    loss = made(name)
    out = loss(*example(loss))
    for part in out.values() if isinstance(out, dict) else [out]:
        assert part.shape == ()
        assert part.isfinite()
        assert part >= 0


@every_loss
def test_gradients_reach_the_codes(name):
    loss = made(name)
    u, v, s = example(loss)
    value(loss, u.requires_grad_(), v.requires_grad_(), s).backward()
    for codes in (u,) if loss.compares == "items" else (u, v):
        assert codes.grad.isfinite().all()
        assert codes.grad.abs().sum() > 0


@every_loss
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_batch_does_not_matter(name, seed):
    loss = made(name)
    u, v, s = example(loss, items=2 if loss.compares == "pairs" else 6, others=2, seed=seed)
    expected = value(loss, u, v, s)
    if loss.compares != "pairs":
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        torch.testing.assert_close(value(loss, u[order], v[order], s[order]), expected)
    else:
        # With two items, one alike and one not, losses that draw triplets have no choice.
        torch.testing.assert_close(value(loss, u.flip(0), v, s.flip(0)), expected)
        torch.testing.assert_close(value(loss, u, v.flip(0), s.flip(1)), expected)


@every_loss
@pytest.mark.parametrize("similar", [0.0, 1.0])
def test_a_batch_of_one_is_finite(name, similar):
    loss = made(name)
    u, v, s = example(loss, items=1, others=1)
    s = torch.full((1, 1), similar) if loss.compares == "pairs" else s
    out = value(loss, u.requires_grad_(), v.requires_grad_(), s)
    out.backward()
    assert out.isfinite()
    assert u.grad.isfinite().all()


@every_loss
def test_half_precision_codes_give_nearly_the_same_value(name):
    loss = made(name)
    u, v, s = example(loss)
    u, v = u.bfloat16().requires_grad_(), v.bfloat16().requires_grad_()
    out = value(loss, u, v, s)
    out.backward()
    torch.testing.assert_close(
        out.float(), value(loss, u.detach().float(), v.detach().float(), s), rtol=0.05, atol=0.05
    )
    assert u.grad.dtype == torch.bfloat16
    assert u.grad.isfinite().all()


@every_loss
def test_inputs_are_not_changed_and_nothing_is_printed(name, capsys):
    loss = made(name)
    given = example(loss)
    value(loss, *given)
    assert all(torch.equal(x, y) for x, y in zip(given, example(loss), strict=True))
    assert capsys.readouterr() == ("", "")


@every_loss
def test_shapes_that_do_not_fit_are_refused(name):
    loss = made(name)
    u, v, s = example(loss)
    wrong = [(u, v, s[0]), (u[0], v, s), (u, v, s[None]), (u, v, s[1:])]
    if loss.compares != "items":
        wrong += [(u[:, 1:], v, s), (u, v, s[:, 1:])]
    wrong.append((u, v, s.T) if loss.compares == "pairs" else (u, v[1:], s))
    for inputs in wrong:
        with pytest.raises(ShapeError, match=type(loss).__name__):
            loss(*inputs)
