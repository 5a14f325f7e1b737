"""Multi-scale bag of words: a sparse row seen through windows of several widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.choices import check_choice
from crossmodal_hash.errors import SettingsError

Tail = Literal["ceil", "floor"]
Interpolation = Literal["linear", "nearest", "linear-aligned"]
Rescale = Literal["none", "sqrt", "sum"]
Stacking = Literal["rows", "channels"]


class _Options(TypedDict):
    tail: Tail
    interpolation: Interpolation
    rescale: Rescale


_POWER = {"none": 0.0, "sqrt": 0.5, "sum": 1.0}


def average_windows(t: Tensor, size: int, tail: Tail = "ceil") -> Tensor:
    """Average every `size` neighboring words; windows do not overlap.

    Args:
        t: (B, L) word counts.
        size: words in a window, >= 1.
        tail: `ceil` averages an incomplete last window over the words it has, `floor` drops its words (with L = 1386
            and size 50, the last 36 are never used).

    Returns:
        (B, ceil(L / size)) or (B, floor(L / size)).

    Example:
        >>> average_windows(torch.arange(10.0)[None], 3)
        tensor([[1., 4., 7., 9.]])
    """
    return nnf.avg_pool1d(t[:, None], size, ceil_mode=tail == "ceil")[:, 0]


def stretch(rows: Tensor, length: int, interpolation: Interpolation = "linear") -> Tensor:
    """Bring rows back to the width of the vocabulary.

    Args:
        rows: (B, M).
        length: L, the requested width.
        interpolation: `linear` between half-pixel centers, `linear-aligned` with aligned end points, or `nearest`.

    Returns:
        (B, length).
    """
    if interpolation == "nearest":
        return nnf.interpolate(rows[:, None], length, mode="nearest")[:, 0]
    return nnf.interpolate(rows[:, None], length, mode="linear", align_corners=interpolation == "linear-aligned")[:, 0]


def multi_scale(
    t: Tensor,
    pool_sizes: Sequence[int] = (1, 5, 10, 15, 30),
    *,
    tail: Tail = "ceil",
    interpolation: Interpolation = "linear",
    rescale: Rescale = "none",
    lines: Tensor | None = None,
) -> Tensor:
    """A row for each window width, all as wide as the vocabulary (HSIDHN, PeerJ CS 2021; DSPAH, SEKE 2021).

    Width 1 is the row itself. Pooling mixes neighbors, so the result depends on the order of the vocabulary.

    Args:
        t: (B, L) word counts.
        pool_sizes: window widths; HSIDHN 1, 5, 10, 15, 30; DSPAH and SCAHN also 50.
        tail: see `average_windows`.
        interpolation: see `stretch`.
        rescale: averages over p words of a sparse row are about p times smaller; `sqrt` multiplies by the root of p,
            `sum` by p, `none` (the papers) leaves them unchanged.
        lines: (S, 2), a slope and an offset for each width; an average a becomes max(slope a + offset, 0) before it is
            stretched. Those of width 1 are not used. None: averages are unchanged.

    Returns:
        (B, S, L), S the number of window widths, in the order given.

    Example:
        >>> multi_scale(torch.tensor([[0.0, 2.0, 4.0, 6.0]]), (1, 2))
        tensor([[[0., 2., 4., 6.],
                 [1., 2., 4., 5.]]])
    """
    rows = []
    for i, size in enumerate(pool_sizes):
        row = t
        if size > 1:
            averages = average_windows(t, size, tail)
            if lines is not None:
                averages = nnf.relu(lines[i, 0] * averages + lines[i, 1])
            row = stretch(averages, t.shape[1], interpolation)
        rows.append(row * size ** _POWER[rescale])
    return torch.stack(rows, 1)


def fold(
    weight: Tensor,
    pool_sizes: Sequence[int] = (1, 5, 10, 15, 30),
    *,
    tail: Tail = "ceil",
    interpolation: Interpolation = "linear",
    rescale: Rescale = "none",
) -> Tensor:
    """A linear map that all scales share, as one map per scale on the words themselves.

    Pooling and stretching are linear, so their transposes can be applied to the few rows of a weight instead of
    pooling and stretching every text: `multi_scale(t)[:, s] @ weight.T` is `t @ fold(weight)[s].T`.

    Args:
        weight: (D, L), from words to D values.
        pool_sizes: see `multi_scale`.
        tail: see `average_windows`.
        interpolation: see `stretch`.
        rescale: see `multi_scale`.

    Returns:
        (S, D, L).

    Example:
        >>> fold(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), (1, 2), interpolation="nearest")
        tensor([[[1.0000, 0.0000, 0.0000, 0.0000]],
        <BLANKLINE>
                [[0.5000, 0.5000, 0.0000, 0.0000]]])
    """
    length = weight.shape[1]
    maps = []
    for size in pool_sizes:
        row = weight
        if size > 1:
            full, left = divmod(length, size)
            windows = full + (1 if left and tail == "ceil" else 0)
            stretched = stretch(torch.eye(windows, device=weight.device, dtype=weight.dtype), length, interpolation)
            shares = torch.full((windows,), 1 / size, device=weight.device, dtype=weight.dtype)
            if windows > full:
                shares[-1] = 1 / left
            row = (weight @ stretched.T * shares).repeat_interleave(size, 1)[:, :length]
            row = nnf.pad(row, (0, length - row.shape[1]))
        maps.append(row * size ** _POWER[rescale])
    return torch.stack(maps)


class MultiScale(nn.Module):
    """Validated settings of `multi_scale`, and the layout of its rows for a convolution.

    Args:
        pool_sizes: window widths, each >= 1.
        tail: see `average_windows`.
        interpolation: see `stretch`.
        rescale: see `multi_scale`.
        stacking: `rows` makes a picture of one channel (B, 1, S, L), `channels` makes (B, S, 1, L).
        affine: learn the `lines` of `multi_scale`, which start as the identity.

    Raises:
        SettingsError: for an unknown choice, or a window that is empty.
    """

    def __init__(
        self,
        pool_sizes: Sequence[int] = (1, 5, 10, 15, 30),
        *,
        tail: Tail = "ceil",
        interpolation: Interpolation = "linear",
        rescale: Rescale = "none",
        stacking: Stacking = "rows",
        affine: bool = False,
    ) -> None:
        super().__init__()
        check_choice("tail", tail, Tail)
        check_choice("interpolation", interpolation, Interpolation)
        check_choice("rescale", rescale, Rescale)
        check_choice("stacking", stacking, Stacking)
        if not pool_sizes or min(pool_sizes) < 1:
            raise SettingsError(f"pool_sizes={list(pool_sizes)} needs at least one window width, each at least 1")
        self.pool_sizes = tuple(pool_sizes)
        self.tail, self.interpolation, self.rescale, self.stacking = tail, interpolation, rescale, stacking
        self.lines = None
        if affine and max(self.pool_sizes) > 1:
            # A slope drawn below 0 would silence its scale for good: word counts are not negative.
            self.lines = nn.Parameter(torch.tensor([[1.0, 0.0]]).repeat(len(self.pool_sizes), 1))

    def fits(self, length: int) -> None:
        """Check the windows against a vocabulary of `length` words.

        Raises:
            SettingsError: if a window is wider than the vocabulary and `floor` leaves nothing of it.
        """
        widest = max(self.pool_sizes)
        if self.tail == "floor" and widest > length:
            raise SettingsError(f"pool size {widest} drops all {length} words with tail='floor'; use 'ceil'")

    def rows(self, t: Tensor) -> Tensor:
        """(B, L) -> (B, S, L)."""
        return multi_scale(t, self.pool_sizes, lines=self.lines, **self._options())

    def through(self, t: Tensor, weight: Tensor) -> Tensor:
        """`rows` times the transpose of a weight (D, L) that all scales share: (B, L) -> (B, S, D)."""
        if self.lines is not None:
            return self.rows(t) @ weight.T
        maps = fold(weight, self.pool_sizes, **self._options())
        return (t @ maps.flatten(0, 1).T).view(len(t), *maps.shape[:2])

    def forward(self, t: Tensor) -> Tensor:
        """(B, L) -> (B, 1, S, L) or (B, S, 1, L)."""
        rows = self.rows(t)
        return rows[:, None] if self.stacking == "rows" else rows[:, :, None]

    def _options(self) -> _Options:
        return {"tail": self.tail, "interpolation": self.interpolation, "rescale": self.rescale}
