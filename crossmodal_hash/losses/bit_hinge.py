"""Loss `bit-hinge`: no bit stays close to 0."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._options import at_least
from crossmodal_hash.losses._products import evenness, widen

Form = Literal["bitwise", "cosine"]
MARGINS = {"bitwise": 0.5, "cosine": 0.95}


def bit_hinge(u: Tensor, *, form: Form = "bitwise", margin: float = 0.5) -> Tensor:
    """Mean of max(0, margin - |u_k|) over items and bits (DVSH, Cao et al., KDD 2016; CHN, BMVC 2017).

    Args:
        u: (B, K) codes of one modality before the sign.
        form: `bitwise` as above; `cosine` is max(0, margin - cos(|u|, 1)) for each item, 1 the all-ones vector.
        margin: > 0; 0.5 in DVSH for `bitwise`, 0.95 is usual for `cosine`.

    Returns:
        Scalar, >= 0.

    Example:
        >>> import torch
        >>> bit_hinge(torch.tensor([[0.25, -0.75]])).item()
        0.125
    """
    (u,) = widen(u)
    reached = evenness(u) if form == "cosine" else u.abs()
    return (margin - reached).relu().mean()


class BitHinge(HashLoss):
    """Hinge on how far bits are from 0, for both modalities (DVSH, CHN).

    Args:
        form: `bitwise`, or `cosine` for the angle between |u| and the all-ones vector.
        margin: > 0; None means 0.5 for `bitwise` and 0.95 for `cosine`.
    """

    compares: ClassVar[Literal["pairs", "codes"]] = "codes"

    def __init__(self, *, form: Form = "bitwise", margin: float | None = None) -> None:
        super().__init__()
        check_choice("form", form, Form)
        if margin is not None:
            at_least("margin", margin, 0)
        self.form, self.margin = form, margin

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `bit_hinge`: the sum over u and v."""
        margin = MARGINS[self.form] if self.margin is None else self.margin
        return bit_hinge(u, form=self.form, margin=margin) + bit_hinge(v, form=self.form, margin=margin)
