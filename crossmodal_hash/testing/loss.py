"""The rules of every loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from crossmodal_hash.errors import ShapeError
from crossmodal_hash.testing.common import (
    Rule,
    Subject,
    expect,
    expect_equal,
    expect_finite,
    expect_gradient,
    expect_untouched,
)

CLASSES, BITS = 3, 5
Given = tuple[Tensor, Tensor, Tensor]


def example(loss: Any, items: int = 6, others: int = 4, seed: int = 0) -> Given:
    """Codes in the range of tanh, and the third argument that the loss `compares`."""
    generator = torch.Generator().manual_seed(seed)
    others = others if loss.compares == "pairs" else items
    u, v = (torch.randn(n, BITS, generator=generator).tanh() for n in (items, others))
    if loss.compares == "items":
        return u, v, (torch.rand(items, CLASSES, generator=generator) < 0.4).float()
    if loss.compares == "codes":
        return u, v, torch.where(u + v >= 0, 1.0, -1.0)
    return u, v, (torch.arange(items)[:, None] % 3 == torch.arange(others) % 3).float()


def made(subject: Subject) -> Any:
    """The loss, set up for codes of 5 bits and 3 classes."""
    loss = subject.make()
    loss.setup(BITS, CLASSES)
    return loss.eval()


def value(loss: Any, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
    """The loss as one number; draws are the same each time."""
    torch.manual_seed(0)
    out = loss(u, v, s)
    return torch.stack(list(out.values())).sum() if isinstance(out, dict) else out


def scalar(subject: Subject) -> str:
    """The value is a finite scalar, or a dict of named scalars."""
    loss = made(subject)
    out = loss(*example(loss))
    parts = out if isinstance(out, dict) else {"": out}
    for name, part in parts.items():
        what = f"the value {name!r}" if name else "the value"
        expect_finite(part, what)
    return ", ".join(f"{name} {part.item():.4g}".strip() for name, part in parts.items())


def gradients(subject: Subject) -> str:
    """Gradients reach the codes of both modalities (only u, if items are compared)."""
    loss = made(subject)
    u, v, s = example(loss)
    out = value(loss, u.requires_grad_(), v.requires_grad_(), s)
    expect(out.requires_grad, "the value carries no gradient: the codes were detached, or only compared")
    torch.autograd.backward(out)
    sides = {"u": u} if loss.compares == "items" else {"u": u, "v": v}
    for name, codes in sides.items():
        expect_gradient(codes, f"the codes {name}")
    return f"{' and '.join(sides)}, up to {u.grad.abs().max() if u.grad is not None else 0:.3g}"


def order(subject: Subject) -> str:
    """The order of the batch does not matter."""
    loss = made(subject)
    for seed in range(3):
        u, v, s = example(loss, items=2 if loss.compares == "pairs" else 6, others=2, seed=seed)
        expected = value(loss, u, v, s)
        if loss.compares != "pairs":
            rows = torch.tensor([3, 0, 5, 1, 4, 2])
            expect_equal(expected, value(loss, u[rows], v[rows], s[rows]), "the value of the batch in another order")
        else:
            # With two items, one alike and one not, losses that draw triplets have no choice.
            expect_equal(expected, value(loss, u.flip(0), v, s.flip(0)), "the value with the rows of u and s reversed")
            expect_equal(expected, value(loss, u, v.flip(0), s.flip(1)), "the value with the rows of v reversed")
    return "3 batches in another order"


def one(subject: Subject) -> str:
    """A batch of one gives a finite value and gradient."""
    loss = made(subject)
    seen = []
    for similar in (0.0, 1.0):
        u, v, s = example(loss, items=1, others=1)
        s = torch.full((1, 1), similar) if loss.compares == "pairs" else s
        out = value(loss, u.requires_grad_(), v.requires_grad_(), s)
        expect_finite(out, "the value of a batch of one")
        if out.requires_grad:
            torch.autograd.backward(out)
            expect_finite(u.grad if u.grad is not None else u, "the gradient of a batch of one")
        seen.append(f"{out.item():.4g}")
    return " and ".join(seen)


def half(subject: Subject) -> str:
    """Codes in bfloat16 give nearly the same value, and finite gradients."""
    loss = made(subject)
    u, v, s = example(loss)
    u, v = u.bfloat16().requires_grad_(), v.bfloat16().requires_grad_()
    out = value(loss, u, v, s)
    expected = value(loss, u.detach().float(), v.detach().float(), s)
    close = abs(out.item() - expected.item()) <= 0.05 + 0.05 * abs(expected.item())
    expect(close, f"{expected.item():.4g} in float32 became {out.item():.4g} in bfloat16; compute in float32")
    torch.autograd.backward(out)
    expect(u.grad is not None, "no gradient reaches codes in bfloat16")
    assert u.grad is not None
    expect_finite(u.grad, "the gradient in bfloat16")
    return f"{expected.item():.4g} and {out.item():.4g}"


def repeatable(subject: Subject) -> str:
    """The same codes and the same draws give the same value."""
    loss = made(subject)
    expect_equal(value(loss, *example(loss)), value(loss, *example(loss)), "the value a second time", rtol=0, atol=0)
    return "the same twice"


def device(subject: Subject) -> str:
    """Tensors are created on the device of the codes, tested on 'meta'."""
    loss = made(subject).to("meta")
    out = value(loss, *(x.to("meta") for x in example(loss)))
    expect(out.device.type == "meta", f"codes on 'meta' gave a value on {str(out.device)!r}; use u.new_zeros, u.device")
    return "meta"


def state(subject: Subject) -> str:
    """A loss that was saved and loaded gives the same value."""
    loss, again = made(subject), made(subject)
    for parameter in again.parameters():
        torch.nn.init.zeros_(parameter)
    again.load_state_dict(loss.state_dict())
    expect_equal(value(loss, *example(loss)), value(again, *example(loss)), "after saving and loading")
    return f"{len(loss.state_dict())} tensors"


def manners(subject: Subject) -> str:
    """The given codes and global state are not changed."""
    loss = made(subject)
    given = example(loss)
    expect_untouched(lambda: loss(*given))
    for name, x, before in zip(("u", "v", "s"), given, example(loss), strict=True):
        expect(torch.equal(x, before), f"{name} was changed in place; work on a copy")
    return "unchanged"


def misfits(subject: Subject) -> str:
    """Shapes that do not fit are rejected with a ShapeError."""
    loss = made(subject)
    u, v, s = example(loss)
    wrong = [(u, v, s[0]), (u[0], v, s), (u, v, s[None]), (u, v, s[1:])]
    if loss.compares != "items":
        wrong += [(u[:, 1:], v, s), (u, v, s[:, 1:])]
    wrong.append((u, v, s.T) if loss.compares == "pairs" else (u, v[1:], s))
    for given in wrong:
        shapes = ", ".join(str(tuple(x.shape)) for x in given)
        try:
            loss(*given)
        except ShapeError:
            continue
        expect(False, f"{shapes} were accepted; override compute, not forward")
    return f"{len(wrong)} refused"


RULES: tuple[Rule, ...] = (scalar, gradients, order, one, half, repeatable, device, state, manners, misfits)
