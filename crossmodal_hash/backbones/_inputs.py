"""Checks of a backbone's input, before it reaches a layer."""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.errors import SettingsError, ShapeError


def check_rows(x: Tensor, width: int) -> None:
    """Reject anything but (B, width).

    Raises:
        ShapeError: naming both shapes.
    """
    if x.ndim != 2 or x.shape[1] != width:
        raise ShapeError(f"expected (B, {width}), as wide as the training data, not {tuple(x.shape)}")


def check_pictures(x: Tensor) -> None:
    """Reject anything but (B, 3, height, width).

    Raises:
        ShapeError: naming the shape given.
    """
    if x.ndim != 4 or x.shape[1] != 3:
        raise ShapeError(f"expected pictures (B, 3, height, width), not {tuple(x.shape)}")


def check_size(size: int) -> None:
    """Reject pictures so small that nothing is left at the last stage.

    Raises:
        SettingsError: naming the limit, 32 pixels.
    """
    if size < 32:
        raise SettingsError(f"size={size} is too small for a network that halves five times; use at least 32")
