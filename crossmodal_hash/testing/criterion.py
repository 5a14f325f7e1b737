"""The rules of every similarity criterion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from crossmodal_hash.errors import ShapeError
from crossmodal_hash.evidence import Seen
from crossmodal_hash.testing.common import Rule, Subject, expect, expect_equal, expect_finite, expect_untouched

WIDTHS = {"image": 6, "text": 4}
"""D of the features of the test items, by modality."""
TYPES = {
    "labels": (torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float64),
    "features": (torch.bfloat16, torch.float64),
    "pairs": (torch.int32, torch.uint8),
}
"""Kind of evidence -> dtypes in which it may come, besides its own."""


def evidence(subject: Subject, rows: int = 9, seed: int = 0) -> Seen:
    """What such a criterion sees of some items: the second and the third, and the last two, are the same.

    Labels are random, and the first item has none. Features are numbers that bfloat16 holds exactly. Group numbers are
    those of items that belong together.
    """
    generator = torch.Generator().manual_seed(seed)
    if subject.cls.sees == "features":
        return {name: _with_equal(_random(rows, width, generator)) for name, width in WIDTHS.items()}
    if subject.cls.sees == "pairs":
        return _with_equal(torch.arange(rows)[:, None])
    x = torch.rand(rows, 5, generator=generator).round()
    x[:3] = torch.tensor([0.0, 1.0, 1.0])[:rows, None]
    return _with_equal(x)


def _random(rows: int, width: int, generator: torch.Generator) -> Tensor:
    return torch.randint(-8, 9, (rows, width), generator=generator) / 8


def _with_equal(x: Tensor) -> Tensor:
    if len(x) > 2:
        x[2] = x[1]
    if len(x) > 1:
        x[-1] = x[-2]
    return x


def each(seen: Seen, change: Callable[[Tensor], Tensor]) -> Seen:
    """The evidence with every tensor changed."""
    return change(seen) if isinstance(seen, Tensor) else {name: change(x) for name, x in seen.items()}


def fitted(subject: Subject) -> Any:
    """The criterion, fitted to the evidence of training items."""
    criterion = subject.make()
    criterion.fit(evidence(subject, 40, seed=1))
    return criterion.eval()


def shape(subject: Subject) -> str:
    """Similarity is float32, with a row for each item of the first block and a column for each of the second."""
    criterion, shapes = fitted(subject), [(7, 3), (1, 5), (1, 1)]
    for rows, others in shapes:
        a, b = (evidence(subject, 9, seed) for seed in (0, 2))
        s = criterion(each(a, lambda x: x[-rows:]), each(b, lambda x: x[-others:]))  # noqa: B023 - used at once
        expect(s.shape == (rows, others), f"{rows} and {others} items gave {tuple(s.shape)}, not {(rows, others)}")
        expect(s.dtype == torch.float32, f"the values are {s.dtype}, not torch.float32")
    return f"(B, M) = {', '.join(map(str, shapes))}"


def value_range(subject: Subject) -> str:
    """Values are finite and within value_range, also for items without labels."""
    s = fitted(subject)(evidence(subject, 30), evidence(subject, 20, seed=2))
    low, high = subject.cls.value_range
    expect_finite(s, "the similarity")
    least, most = s.min().item(), s.max().item()
    # A cosine of float32 may be 1 and a rounding error.
    inside = low - 1e-6 <= least and most <= high + 1e-6
    expect(inside, f"values from {least:.4g} to {most:.4g}, but value_range = ({low:g}, {high:g}) is declared")
    return f"{least:.4g} to {most:.4g} within ({low:g}, {high:g})"


def symmetry(subject: Subject) -> str:
    """s(a, b) is s(b, a) transposed, if it is declared symmetric."""
    criterion, a, b = fitted(subject), evidence(subject), evidence(subject, 4, seed=2)
    if not subject.cls.symmetric:
        return "not declared"
    forth, back = criterion(a, b), criterion(b, a).T
    i, j = divmod(int((forth - back).abs().argmax()), forth.shape[1])
    said = f"s(a, b) = {forth[i, j]:.4g} but s(b, a) = {back[i, j]:.4g} for {_told(a, i)} and {_told(b, j)}"
    expect(torch.allclose(forth, back, atol=1e-5), f"{said}; fix it, or declare symmetric = False")
    return "s(a, b) = s(b, a)"


def orientation(subject: Subject) -> str:
    """Items with the same evidence are the most similar: larger means more similar."""
    if not subject.cls.larger_is_more_alike:
        return "not declared as a similarity"
    x = evidence(subject, 30)
    s = fitted(subject)(x, x)
    whole = x if isinstance(x, Tensor) else torch.cat(list(x.values()), 1)
    identical = (whole[:, None] == whole).all(2)
    known = whole.any(1) if subject.cls.sees == "labels" else torch.ones(len(whole), dtype=torch.bool)
    for i in torch.nonzero(known).flatten().tolist():
        same, best = s[i][identical[i]].min().item(), int(s[i].argmax())
        expect(
            s[i, best].item() <= same + 1e-6,
            f"the similarity of {_told(x, i)} to itself is {same:.4g}, but to {_told(x, best)} {s[i, best]:.4g}; "
            "larger must mean more similar",
        )
    apart = s[~identical].min().item()
    same = s[identical & known].min().item()
    expect(
        apart < same,
        f"items with different {subject.cls.sees} get at least {apart:.4g}, as much as the same {subject.cls.sees}: "
        f"{same:.4g}",
    )
    return f"same {subject.cls.sees} {same:.4g}, others from {apart:.4g}"


def order(subject: Subject) -> str:
    """The order of the items does not matter."""
    criterion, a, b = fitted(subject), evidence(subject, 7), evidence(subject, 4, seed=2)
    rows, columns = torch.tensor([4, 0, 6, 2, 1, 5, 3]), torch.tensor([2, 0, 3, 1])
    moved = criterion(each(a, lambda x: x[rows]), each(b, lambda x: x[columns]))
    expect_equal(criterion(a, b)[rows][:, columns], moved, "a pair in another order of the batch")
    return "7 x 4 pairs in another order"


def repeatable(subject: Subject) -> str:
    """The same evidence gives the same similarity every time."""
    criterion, a, b = fitted(subject), evidence(subject), evidence(subject, 4, seed=2)
    expect_equal(criterion(a, b), criterion(a, b), "the same pair a second time", rtol=0, atol=0)
    return "the same twice"


def dtypes(subject: Subject) -> str:
    """Evidence may be of any type that holds its values, such as labels in bool, integers, bfloat16 or float64."""
    criterion, kinds = fitted(subject), TYPES[subject.cls.sees]
    a, b, training = evidence(subject), evidence(subject, 4), evidence(subject, 40, seed=1)
    expected = criterion(a, b)
    for dtype in kinds:

        def cast(x: Tensor, dtype: torch.dtype = dtype) -> Tensor:
            return x.to(dtype)

        expect_equal(expected, criterion(each(a, cast), each(b, cast)), f"{subject.cls.sees} of {dtype}")
        again = subject.make()
        again.fit(each(training, cast))
        expect_equal(expected, again(a, b), f"fitted on {subject.cls.sees} of {dtype}")
    return ", ".join(str(dtype).removeprefix("torch.") for dtype in kinds)


def device(subject: Subject) -> str:
    """Tensors are created on the device of the evidence, tested on 'meta'."""
    a, b = (each(evidence(subject, rows), lambda x: x.to("meta")) for rows in (9, 4))
    s = fitted(subject).to("meta")(a, b)
    expect(
        s.device.type == "meta",
        f"{subject.cls.sees} on 'meta' gave similarity on {str(s.device)!r}; use a.new_zeros, a.device",
    )
    return "meta"


def state(subject: Subject) -> str:
    """A criterion that was fitted, saved and loaded gives the same similarity."""
    criterion, again = fitted(subject), subject.make().eval()
    # As a run is resumed: fitted first, so that a buffer has the size of the evidence, then loaded.
    again.fit(evidence(subject, 40, seed=2))
    again.load_state_dict(criterion.state_dict())
    a, b = evidence(subject), evidence(subject, 4)
    expect_equal(
        criterion(a, b),
        again(a, b),
        "after saving and loading; store what fit() learns in a buffer (register_buffer)",
    )
    return f"{len(criterion.state_dict())} tensors"


def manners(subject: Subject) -> str:
    """The given evidence and global state are not changed."""
    sizes = (9, 4, 40)
    a, b, training = (evidence(subject, rows) for rows in sizes)

    def run() -> None:
        criterion = subject.cls(**subject.params)
        criterion.fit(training)
        criterion(a, b)

    expect_untouched(run)
    for seen, rows in zip((a, b, training), sizes, strict=True):
        fresh = evidence(subject, rows)
        unchanged = all(map(torch.equal, _tensors(seen), _tensors(fresh)))
        expect(unchanged, f"the {subject.cls.sees} were changed in place; work on a copy")
    return "unchanged"


def misfits(subject: Subject) -> str:
    """Blocks of evidence that do not fit together are rejected with a ShapeError."""
    shapes = [((3, 5), (3, 4)), ((5,), (3, 5)), ((3, 5), (3, 5, 1))]
    wrong: list[tuple[Seen, Seen]] = [(torch.ones(a), torch.ones(b)) for a, b in shapes]
    if subject.cls.sees == "features":
        wrong = [({"image": x}, {"image": y}) for x, y in wrong if isinstance(x, Tensor) and isinstance(y, Tensor)]
        wrong.append(({"image": torch.ones(3, 5)}, {"text": torch.ones(3, 5)}))
    for a, b in wrong:
        try:
            fitted(subject)(a, b)
        except ShapeError:
            continue
        expect(False, f"{_shapes(a)} and {_shapes(b)} were accepted; override compute, not forward")
    return f"{len(wrong)} refused"


def _tensors(seen: Seen) -> list[Tensor]:
    return [seen] if isinstance(seen, Tensor) else list(seen.values())


def _shapes(seen: Seen) -> str:
    return ", ".join(str(tuple(x.shape)) for x in _tensors(seen))


def _told(seen: Seen, row: int) -> str:
    """The evidence of one item, short."""
    if isinstance(seen, Tensor) and seen.shape[1] > 1:
        return "{" + ", ".join(str(c) for c in torch.nonzero(seen[row]).flatten().tolist()) + "}"
    return f"item {row}" if isinstance(seen, Mapping) else f"group {int(seen[row])}"


RULES: tuple[Rule, ...] = (
    shape,
    value_range,
    symmetry,
    orientation,
    order,
    repeatable,
    dtypes,
    device,
    state,
    manners,
    misfits,
)
