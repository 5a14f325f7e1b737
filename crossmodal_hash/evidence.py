"""Evidence of similarity: what criteria and losses may see of items, besides their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

Sees = Literal["labels", "features", "pairs"]
"""A kind of evidence of B items.

`labels`: (B, C) in {0, 1}. `features`: modality -> (B, D), from its frozen backbone or a matrix. `pairs`: (B, 1) int64,
group numbers; items of one group belong together.
"""
Seen = Tensor | Mapping[str, Tensor]
"""One kind of evidence of B items."""
Evidence = Mapping[Sees, Seen]
"""All that is known of B items, by kind."""


def take(evidence: Evidence, rows: Tensor) -> dict[Sees, Seen]:
    """The evidence of some of the items.

    Args:
        evidence: of N items.
        rows: (B,), positions.

    Example:
        >>> import torch
        >>> take({"labels": torch.eye(3)}, torch.tensor([2]))["labels"]
        tensor([[0., 0., 1.]])
    """
    return {
        kind: seen[rows] if isinstance(seen, Tensor) else {name: x[rows] for name, x in seen.items()}
        for kind, seen in evidence.items()
    }


def between(a: Evidence, b: Evidence) -> dict[Sees, tuple[Seen, Seen]]:
    """The evidence of two blocks of items, side by side, in the kinds that both have."""
    return {kind: (seen, b[kind]) for kind, seen in a.items() if kind in b}


def count(evidence: Evidence) -> int:
    """N of one kind; all have the same items."""
    seen = next(iter(evidence.values()))
    return len(seen if isinstance(seen, Tensor) else next(iter(seen.values())))
