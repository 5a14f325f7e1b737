"""The rules of every backbone. Pre-trained weights are omitted, and pictures are small if `size` can be chosen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from crossmodal_hash.contracts import Backbone
from crossmodal_hash.registry import parameters
from crossmodal_hash.testing.common import Rule, Subject, expect, expect_equal, expect_finite, expect_untouched
from crossmodal_hash.types import Level

WIDTH, SIDE = 41, 64
WORDS = ("a", "red", "bus", "in", "the", "rain", "two", "cats", "asleep")
READS = ("image", "text", "vector", "label", "string")
Given = Tensor | list[str]


def light(cls: type[Any]) -> dict[str, Any]:
    """The parameters that omit pre-trained weights and make pictures small, if it has them."""
    return {name: value for name, value in (("weights", "none"), ("size", SIDE)) if name in parameters(cls)}


def made(subject: Subject) -> Any:
    """The backbone, set up."""
    backbone = subject.make()
    backbone.setup({"image": 3, "string": 0}.get(backbone.reads, WIDTH))
    return backbone


def inputs(backbone: Any, batch: int) -> Given:
    """A batch of its input."""
    if backbone.reads not in READS:
        return backbone.example(batch)  # type: ignore[no-any-return]
    generator = torch.Generator().manual_seed(1)
    if backbone.reads == "string":
        return [" ".join(WORDS[i % 4 :: 1 + i % 3]) for i in range(batch)]
    if backbone.reads == "image":
        side = backbone.size
        return torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)
    values = torch.rand(batch, WIDTH, generator=generator)
    return values if backbone.reads == "vector" else (values < 0.3).float()


def declared(subject: Subject) -> str:
    """It declares what it reads and its levels, whose names differ."""
    reads = getattr(subject.cls, "reads", None)
    expect(isinstance(reads, str) and bool(reads), f"reads is {reads!r}; use one of {', '.join(READS)}")
    known = reads in READS or subject.cls.example is not Backbone.example
    expect(known, f"reads is {reads!r}; use one of {', '.join(READS)}, or define example() for another kind")
    if reads == "string":
        expect(subject.cls.freezable, "it reads strings, which are always frozen; set freezable = True")
    backbone = made(subject)
    names = [info.name for info in backbone.levels]
    expect(bool(names), "levels is empty after setup; declare one LevelInfo per level")
    expect(len(set(names)) == len(names), f"two levels have the same name: {', '.join(names)}")
    return f"{reads} -> " + ", ".join(f"{info.name} ({info.channels})" for info in backbone.levels)


def produced(subject: Subject) -> str:
    """The levels are those declared, with one row per item, and finite."""
    backbone = made(subject)
    for info, level in zip(backbone.levels, backbone(inputs(backbone, 4)), strict=True):
        expect(len(level.x) == 4, f"level {info.name!r} has {len(level.x)} rows for 4 items")
        expect_finite(level.x, f"level {info.name!r}")
    return ", ".join(str((info.channels, info.axes)) for info in backbone.levels)


def gradients(subject: Subject) -> str:
    """A gradient reaches every parameter."""
    backbone = made(subject)
    if backbone.reads == "string":
        return "always frozen"
    if not any(p.requires_grad for p in backbone.parameters()):
        return "nothing learns"
    squares = [level.x.square().mean() for level in backbone(inputs(backbone, 6))]
    torch.autograd.backward(torch.stack(squares).sum())
    silent = [name for name, p in backbone.named_parameters() if p.grad is None]
    few = ", ".join(silent[:3])
    expect(not silent, f"no gradient reaches {len(silent)} parameters ({few}); remove those that no level needs")
    return f"{sum(1 for _ in backbone.parameters())} parameters"


def steady(subject: Subject) -> str:
    """In eval mode the same item gives the same levels, alone (a batch of one) or in a batch."""
    backbone = made(subject).eval()
    x = inputs(backbone, 3)
    with torch.no_grad():
        together, again, alone, back = backbone(x), backbone(x), backbone(x[:1]), backbone(_reversed(x))
    for info, a, b, c, d in zip(backbone.levels, together, again, alone, back, strict=True):
        tolerance = 1e-4 * max(a.x.abs().max().item(), 1.0)
        what = f"level {info.name!r} of the first item"
        expect_equal(a.x, b.x, f"{what} a second time", rtol=0, atol=0)
        expect_equal(a.x[:1], _fit(c, a)[:1], f"{what} alone", atol=tolerance)
        expect_equal(a.x[:1], d.x[-1:], f"{what} in a batch of another order", atol=tolerance)
    return "alone, together, reversed"


def half(subject: Subject) -> str:
    """Under bfloat16 autocast the levels are finite."""
    backbone = made(subject).eval()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        for info, level in zip(backbone.levels, backbone(inputs(backbone, 2)), strict=True):
            expect_finite(level.x.float(), f"level {info.name!r}")
    return "finite"


def counts(subject: Subject) -> str:
    """Word counts and labels may be integers."""
    backbone = made(subject).eval()
    if backbone.reads not in ("text", "label"):
        return f"reads {backbone.reads}"
    x = inputs(backbone, 2)
    assert isinstance(x, Tensor)
    with torch.no_grad():
        for info, a, b in zip(backbone.levels, backbone(x), backbone(x.long()), strict=True):
            expect_equal(a.x, b.x, f"level {info.name!r} of integer counts")
    return "int64 as float32"


def device(subject: Subject) -> str:
    """Tensors are created on the device of the input, tested on 'meta'."""
    backbone = made(subject).to("meta")
    x = inputs(backbone, 2)
    if not isinstance(x, Tensor):
        return "texts have no device"
    for info, level in zip(backbone.levels, backbone(x.to("meta")), strict=True):
        where = str(level.x.device)
        expect(where == "meta", f"input on 'meta' gave level {info.name!r} on {where!r}; use x.new_zeros, x.device")
    return "meta"


def state(subject: Subject) -> str:
    """A backbone that was saved and loaded gives the same levels."""
    backbone, again = made(subject), made(subject)
    for parameter in again.parameters():
        torch.nn.init.zeros_(parameter)
    again.load_state_dict(backbone.state_dict())
    x = inputs(backbone, 2)
    with torch.no_grad():
        for info, a, b in zip(backbone.levels, backbone.eval()(x), again.eval()(x), strict=True):
            expect_equal(a.x, b.x, f"level {info.name!r} after saving and loading")
    return f"{len(backbone.state_dict())} tensors"


def manners(subject: Subject) -> str:
    """The input and global state are not changed."""
    backbone = made(subject)
    x = inputs(backbone, 2)
    with torch.no_grad():
        expect_untouched(lambda: backbone(x))
    before = inputs(backbone, 2)
    same = torch.equal(x, before) if isinstance(x, Tensor) and isinstance(before, Tensor) else x == before
    expect(same, "the input was changed in place; work on a copy")
    return "unchanged"


def _reversed(x: Given) -> Given:
    return x.flip(0) if isinstance(x, Tensor) else x[::-1]


def _fit(level: Level, other: Level) -> Tensor:
    """The rows of a level; none if its positions differ from those of the other level."""
    return level.x if level.x.shape[2:] == other.x.shape[2:] else other.x[:0]


RULES: tuple[Rule, ...] = (declared, produced, gradients, steady, half, counts, device, state, manners)
