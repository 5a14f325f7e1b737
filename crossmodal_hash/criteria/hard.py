"""Criterion `hard`: do two items share a label?"""

from __future__ import annotations

from torch import Tensor

from crossmodal_hash.contracts import Criterion


def hard(a: Tensor, b: Tensor) -> Tensor:
    """1 if two items share at least one label, otherwise 0 (DCMH, Jiang and Li, CVPR 2017, section 2).

    An item without labels has similarity 0 with everything, including itself. This is also the rule of relevance in
    evaluation, independent of the criterion used in training.

    Args:
        a: (B, C) labels in {0, 1}.
        b: (M, C) labels in {0, 1}.

    Returns:
        (B, M), in {0, 1}.

    Example:
        >>> import torch
        >>> labels = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> hard(labels, labels)
        tensor([[1., 1., 0.],
                [1., 1., 0.],
                [0., 0., 1.]])
    """
    return (a @ b.T > 0).to(a.dtype)


class Hard(Criterion):
    """1 for items that share a label, otherwise 0."""

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """See `hard`."""
        return hard(a, b)
