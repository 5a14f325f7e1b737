"""The rules of every fusion block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from crossmodal_hash.pooling.pyramid import Pyramid
from crossmodal_hash.testing.common import (
    Rule,
    Subject,
    expect,
    expect_equal,
    expect_finite,
    expect_gradient,
    expect_untouched,
)
from crossmodal_hash.types import Fused, Level, LevelInfo

BITS = 12
INFOS = (LevelInfo("map", 4, 2), LevelInfo("sequence", 6, 1), LevelInfo("vector", 5, 0))
POOL = Pyramid()


def levels(batch: int, last: int = 3) -> list[Level]:
    """The last of three random levels: a map, a sequence and a vector."""
    generator = torch.Generator().manual_seed(batch)
    shapes = ((batch, 4, 5, 5), (batch, 6, 7), (batch, 5))[-last:]
    return [Level(torch.randn(shape, generator=generator)) for shape in shapes]


def made(subject: Subject, infos: Sequence[LevelInfo] = INFOS) -> Any:
    """The block, set up for these levels, which are pooled if it takes vectors."""
    fusion = subject.make()
    takes_levels = fusion.takes == "levels"
    fusion.setup(infos if takes_levels else [LevelInfo(i.name, POOL.width(i), 0) for i in infos], BITS)
    return fusion


def fuse(fusion: Any, given: Sequence[Level]) -> Fused:
    """The output of the block for these levels."""
    out: Fused = fusion(list(given) if fusion.takes == "levels" else [POOL(level) for level in given])
    return out


def width(subject: Subject) -> str:
    """One level and several levels give (B, out_features), and (B, K) per level if any."""
    for chosen in ([0], [2], [0, 1], [0, 1, 2]):
        fusion = made(subject, [INFOS[i] for i in chosen])
        fused = fuse(fusion, [levels(4)[i] for i in chosen])
        expect_finite(fused.features, f"the features of {len(chosen)} levels")
        for x in fused.per_level:
            expect(x.shape == (4, BITS), f"codes of a level are {tuple(x.shape)}, not {(4, BITS)}")
        if fusion.in_code_space:
            expect(fusion.out_features == BITS, f"in_code_space, but out_features = {fusion.out_features}, not K")
    return "from one level, two and three"


def condensed(subject: Subject) -> str:
    """Levels of a frozen backbone that are condensed to a grid are accepted."""
    fused = fuse(made(subject), [level.condense(2) for level in levels(4)])
    expect_finite(fused.features, "the features")
    return "grids of side 2"


def gradients(subject: Subject) -> str:
    """A gradient reaches every parameter, and every level unless uses_every_level is False."""
    for count in (1, 2, 3):
        fusion, given = made(subject, INFOS[-count:]), levels(6, count)
        for level in given:
            level.x.requires_grad_()
        features = fuse(fusion, given).features
        expect(features.requires_grad, "the features carry no gradient: the levels were detached")
        weights = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
        torch.autograd.backward((weights * features).sum())
        for name, p in fusion.named_parameters():
            expect(p.grad is not None, f"no gradient reaches the parameter {name} with {count} levels; drop or use it")
            assert p.grad is not None
            expect_finite(p.grad, f"the gradient of {name}")
        needed = given if fusion.uses_every_level else given[-1:]
        for info, level in zip(INFOS[-len(needed) :], needed, strict=True):
            expect_gradient(level.x, f"level {info.name!r} of {count}")
    return "every level" if subject.cls.uses_every_level else "the last level"


def steady(subject: Subject) -> str:
    """In eval mode the same levels give the same features, alone (a batch of one) or in a batch."""
    fusion, given = made(subject).eval(), levels(5)
    together = fuse(fusion, given).features
    expect_equal(together, fuse(fusion, given).features, "the features a second time", rtol=0, atol=0)
    alone = fuse(fusion, [Level(level.x[:1]) for level in given]).features
    expect_equal(together[:1], alone, "the features of the first item alone")
    back = fuse(fusion, [Level(level.x.flip(0)) for level in given]).features
    expect_equal(together, back.flip(0), "the features of the batch in another order")
    return "alone, together, reversed"


def half(subject: Subject) -> str:
    """Under bfloat16 autocast the features are finite."""
    with torch.autocast("cpu", torch.bfloat16):
        features = fuse(made(subject), levels(4)).features
    expect_finite(features.float(), "the features")
    return str(features.dtype).removeprefix("torch.")


def device(subject: Subject) -> str:
    """Tensors are created on the device of the levels, tested on 'meta'."""
    with torch.device("meta"):
        fusion = made(subject)
    x = fuse(fusion, [level.to(torch.device("meta")) for level in levels(3)]).features
    expect(x.device.type == "meta", f"levels on 'meta' gave features on {str(x.device)!r}; use x.new_zeros, x.device")
    return "meta"


def state(subject: Subject) -> str:
    """A block that was saved and loaded gives the same features."""
    fusion, again = made(subject), made(subject)
    for parameter in again.parameters():
        torch.nn.init.zeros_(parameter)
    again.load_state_dict(fusion.state_dict())
    a, b = (fuse(x.eval(), levels(3)).features for x in (fusion, again))
    expect_equal(a, b, "after saving and loading; store what is learned in parameters and buffers")
    return f"{len(fusion.state_dict())} tensors"


def manners(subject: Subject) -> str:
    """The given levels and global state are not changed."""
    fusion, given = made(subject), levels(4)
    expect_untouched(lambda: fuse(fusion, given))
    for info, level, before in zip(INFOS, given, levels(4), strict=True):
        expect(torch.equal(level.x, before.x), f"level {info.name!r} was changed in place; work on a copy")
    return "unchanged"


RULES: tuple[Rule, ...] = (width, condensed, gradients, steady, half, device, state, manners)
