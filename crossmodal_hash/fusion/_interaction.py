"""The low-rank bilinear product of two levels, used by `bi` and `bbi`."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.choices import check_choice
from crossmodal_hash.errors import SettingsError

Norm = Literal["bn", "none", "signed-sqrt-l2"]


def interact(a: Tensor, b: Tensor, u: Tensor, v: Tensor, r: Tensor | None = None, q: Tensor | None = None) -> Tensor:
    """Low-rank bilinear interaction I(a, b) = (u a + r) * (v b + q), elementwise (HSIDHN eq. 5).

    Output m is the bilinear form a' W b with W = outer(u[m], v[m]) when there are no biases (eq. 2 and 3).

    Args:
        a: (B, D_a), one level.
        b: (B, D_b), another.
        u: (O, D_a), the paper's U transposed.
        v: (O, D_b), the paper's V transposed.
        r: (O,) bias of a's factor, or None.
        q: (O,) bias of b's factor, or None.

    Returns:
        (B, O).

    Example:
        >>> interact(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]), torch.ones(1, 2), torch.ones(1, 1))
        tensor([[9.]])
    """
    out: Tensor = nnf.linear(a, u, r) * nnf.linear(b, v, q)
    return out


def signed_sqrt_l2(z: Tensor) -> Tensor:
    """Signed square root, then rows of length sqrt(O), so that values stay of unit scale; (B, O) -> (B, O).

    The slope of the root is infinite at 0; adding 1e-10 under the root keeps gradients finite.
    """
    root = torch.sign(z) * (z.abs() + 1e-10).sqrt()
    return nnf.normalize(root) * math.sqrt(z.shape[1])


class Interaction(nn.Module):
    """`interact` with its own weights, and a normalization, because products of activations have heavy tails."""

    def __init__(self, a: int, b: int, rank: int, norm: Norm) -> None:
        super().__init__()
        self.u, self.v = nn.Linear(a, rank), nn.Linear(b, rank)
        self.norm = normalizer(norm, rank)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, D_a) and (B, D_b) -> (B, rank)."""
        out: Tensor = self.norm(interact(a, b, self.u.weight, self.v.weight, self.u.bias, self.v.bias))
        return out


class _SignedSqrtL2(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return signed_sqrt_l2(z)


def normalizer(norm: Norm, rank: int) -> nn.Module:
    """The module for the name of a normalization."""
    if norm == "bn":
        return nn.BatchNorm1d(rank)
    return _SignedSqrtL2() if norm == "signed-sqrt-l2" else nn.Identity()


def check(rank: int, norm: str) -> None:
    """Reject a rank or a normalization that does not exist.

    Raises:
        SettingsError: with the value and what is allowed.
    """
    if rank < 1:
        raise SettingsError(f"rank={rank} must be at least 1; use 512 on a frozen backbone (the authors: 2048)")
    check_choice("norm", norm, Norm)
