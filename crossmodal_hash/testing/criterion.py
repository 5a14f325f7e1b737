"""The rules of every similarity criterion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from crossmodal_hash.errors import ShapeError
from crossmodal_hash.testing.common import Rule, Subject, expect, expect_equal, expect_finite, expect_untouched


def labels(rows: int = 9, classes: int = 5, seed: int = 0) -> Tensor:
    """(rows, classes) random labels: the first item has none, two have all, the last two are equal."""
    x = torch.rand(rows, classes, generator=torch.Generator().manual_seed(seed)).round()
    x[0], x[1], x[2] = 0, 1, 1
    x[-1] = x[-2]
    return x


def fitted(subject: Subject) -> Any:
    """The criterion, fitted to training labels."""
    criterion = subject.make()
    criterion.fit(labels(40, seed=1))
    return criterion.eval()


def shape(subject: Subject) -> str:
    """Similarity is float32, with a row for each item of the first block and a column for each of the second."""
    criterion, shapes = fitted(subject), [(7, 3), (1, 5), (1, 1)]
    for rows, others in shapes:
        s = criterion(labels(9)[-rows:], labels(9, seed=2)[-others:])
        expect(s.shape == (rows, others), f"{rows} and {others} items gave {tuple(s.shape)}, not {(rows, others)}")
        expect(s.dtype == torch.float32, f"the values are {s.dtype}, not torch.float32")
    return f"(B, M) = {', '.join(map(str, shapes))}"


def value_range(subject: Subject) -> str:
    """Values are finite and within value_range, also for items without labels."""
    s = fitted(subject)(labels(30), labels(20, seed=2))
    low, high = subject.cls.value_range
    expect_finite(s, "the similarity")
    least, most = s.min().item(), s.max().item()
    # A cosine of float32 may be 1 and a rounding error.
    inside = low - 1e-6 <= least and most <= high + 1e-6
    expect(inside, f"values from {least:.4g} to {most:.4g}, but value_range = ({low:g}, {high:g}) is declared")
    return f"{least:.4g} to {most:.4g} within ({low:g}, {high:g})"


def symmetry(subject: Subject) -> str:
    """s(a, b) is s(b, a) transposed, if it is declared symmetric."""
    criterion, a, b = fitted(subject), labels(9), labels(4, seed=2)
    if not subject.cls.symmetric:
        return "not declared"
    forth, back = criterion(a, b), criterion(b, a).T
    i, j = divmod(int((forth - back).abs().argmax()), forth.shape[1])
    said = f"s(a, b) = {forth[i, j]:.4g} but s(b, a) = {back[i, j]:.4g} for labels {_set(a[i])} and {_set(b[j])}"
    expect(torch.allclose(forth, back, atol=1e-5), f"{said}; fix it, or declare symmetric = False")
    return "s(a, b) = s(b, a)"


def orientation(subject: Subject) -> str:
    """Items with the same labels are the most similar: larger means more similar."""
    if not subject.cls.larger_is_more_alike:
        return "not declared as a similarity"
    x = labels(30)
    s = fitted(subject)(x, x)
    identical = (x[:, None] == x).all(2)
    for i in torch.nonzero(x.any(1)).flatten().tolist():
        same, best = s[i][identical[i]].min().item(), int(s[i].argmax())
        expect(
            s[i, best].item() <= same + 1e-6,
            f"the similarity of {_set(x[i])} to itself is {same:.4g}, but to {_set(x[best])} {s[i, best]:.4g}; "
            "larger must mean more similar",
        )
    apart = s[~identical].min().item()
    same = s[identical & x.any(1)].min().item()
    expect(
        apart < same, f"items with different labels get at least {apart:.4g}, as much as the same labels: {same:.4g}"
    )
    return f"same labels {same:.4g}, others from {apart:.4g}"


def order(subject: Subject) -> str:
    """The order of the items does not matter."""
    criterion, a, b = fitted(subject), labels(7), labels(4, seed=2)
    rows, columns = torch.tensor([4, 0, 6, 2, 1, 5, 3]), torch.tensor([2, 0, 3, 1])
    moved = criterion(a[rows], b[columns])
    expect_equal(criterion(a, b)[rows][:, columns], moved, "a pair in another order of the batch")
    return "7 x 4 pairs in another order"


def repeatable(subject: Subject) -> str:
    """The same labels give the same similarity every time."""
    criterion, a, b = fitted(subject), labels(9), labels(4, seed=2)
    expect_equal(criterion(a, b), criterion(a, b), "the same pair a second time", rtol=0, atol=0)
    return "the same twice"


def dtypes(subject: Subject) -> str:
    """Labels may be of any type: bool, integers, bfloat16, float64."""
    criterion, kinds = fitted(subject), (torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float64)
    expected = criterion(labels(), labels(4))
    for dtype in kinds:
        expect_equal(expected, criterion(labels().to(dtype), labels(4).to(dtype)), f"labels of {dtype}")
        again = subject.make()
        again.fit(labels(40, seed=1).to(dtype))
        expect_equal(expected, again(labels(), labels(4)), f"fitted on labels of {dtype}")
    return ", ".join(str(dtype).removeprefix("torch.") for dtype in kinds)


def device(subject: Subject) -> str:
    """Tensors are created on the device of the labels, tested on 'meta'."""
    s = fitted(subject).to("meta")(labels().to("meta"), labels(4).to("meta"))
    expect(s.device.type == "meta", f"labels on 'meta' gave similarity on {str(s.device)!r}; use a.new_zeros, a.device")
    return "meta"


def state(subject: Subject) -> str:
    """A criterion that was fitted, saved and loaded gives the same similarity."""
    criterion, again = fitted(subject), subject.make().eval()
    # As a run is resumed: fitted first, so that a buffer has the size of the classes, then loaded.
    again.fit(labels(40, seed=2))
    again.load_state_dict(criterion.state_dict())
    expect_equal(
        criterion(labels(), labels(4)),
        again(labels(), labels(4)),
        "after saving and loading; store what fit() learns in a buffer (register_buffer)",
    )
    return f"{len(criterion.state_dict())} tensors"


def manners(subject: Subject) -> str:
    """The given labels and global state are not changed."""
    a, b, training = labels(), labels(4), labels(40)

    def run() -> None:
        criterion = subject.cls(**subject.params)
        criterion.fit(training)
        criterion(a, b)

    expect_untouched(run)
    unchanged = torch.equal(a, labels()) and torch.equal(b, labels(4)) and torch.equal(training, labels(40))
    expect(unchanged, "the labels were changed in place; work on a copy")
    return "unchanged"


def misfits(subject: Subject) -> str:
    """Label blocks with different numbers of classes are rejected with a ShapeError."""
    wrong = [((3, 5), (3, 4)), ((5,), (3, 5)), ((3, 5), (3, 5, 1))]
    for a, b in wrong:
        try:
            fitted(subject)(torch.ones(a), torch.ones(b))
        except ShapeError:
            continue
        expect(False, f"labels {a} and {b} were accepted; override compute, not forward")
    return f"{len(wrong)} refused"


def _set(row: Tensor) -> str:
    return "{" + ", ".join(str(c) for c in torch.nonzero(row).flatten().tolist()) + "}"


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
