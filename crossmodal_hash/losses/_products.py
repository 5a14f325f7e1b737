"""Products of code matrices in at least single precision, the basis of every loss.

A bfloat16 number has 8 significant bits: the inner product of two 64-bit codes would be rounded to halves, and a
softplus or an exponential of it would lose most of its gradient. Autocast rounds a matrix product even if its inputs
are precise, so autocast is disabled for it.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from functools import reduce

import torch
from torch import Tensor

TINY = 1e-8
"""Smallest length that a cosine divides by."""


def widen(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in one common type, at least float32; float64 is kept.

    Example:
        >>> codes, similarity = widen(torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.int64))
        >>> codes.dtype, similarity.dtype
        (torch.float32, torch.float32)
    """
    common = reduce(torch.promote_types, (x.dtype for x in tensors), torch.float32)
    return tuple(x.to(common) for x in tensors)


def precise(x: Tensor) -> AbstractContextManager[object]:
    """A block in which no product of tensors like x is rounded by autocast."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def inner(u: Tensor, v: Tensor) -> Tensor:
    """(B, M) inner products of (B, K) and (M, K)."""
    with precise(u):
        products: Tensor = u @ v.T
    return products


def unit(u: Tensor) -> Tensor:
    """The rows of (B, K) scaled to length 1; a row of zeros is unchanged."""
    lengths: Tensor = torch.linalg.vector_norm(u, dim=1, keepdim=True)
    return u / lengths.clamp(min=TINY)


def cosine(u: Tensor, v: Tensor) -> Tensor:
    """(B, M) cosines of (B, K) and (M, K); 0 for a row of zeros."""
    return inner(unit(u), unit(v))


def squared_distances(u: Tensor, v: Tensor) -> Tensor:
    """(B, M) squared Euclidean distances of (B, K) and (M, K)."""
    return u.square().sum(1)[:, None] + v.square().sum(1) - 2 * inner(u, v)


def evenness(u: Tensor) -> Tensor:
    """(B,), the cosine of |u| and the all-ones vector: 1 if all bits of a row are equally far from 0."""
    return unit(u.abs()).sum(1) / math.sqrt(u.shape[1])
