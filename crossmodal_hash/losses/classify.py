"""Loss `classify`: the labels of an item can be predicted from its features or codes."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.choices import check_choice
from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.losses._products import precise, widen

Form = Literal["likelihood", "mse"]


def classify(logits: Tensor, labels: Tensor, *, form: Form = "likelihood") -> Tensor:
    """Mean binary cross entropy of predicted labels (SSAH, Li et al., CVPR 2018).

    Args:
        logits: (B, C), any range.
        labels: (B, C) in {0, 1}.
        form: `likelihood`, or `mse` for the squared difference of sigmoid and label (SSAH's public code).

    Returns:
        Scalar, >= 0; the mean over items and classes.

    Example:
        >>> import torch
        >>> classify(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
        0.6931...
    """
    logits, labels = widen(logits, labels)
    if form == "mse":
        return (logits.sigmoid() - labels).square().mean()
    return nnf.binary_cross_entropy_with_logits(logits, labels)


class Classify(HashLoss):
    """Labels predicted from the features or codes of each modality by a linear layer per modality (SSAH).

    Args:
        form: `likelihood`, or `mse`.
    """

    compares: ClassVar[Literal["pairs", "codes", "items"]] = "items"

    def __init__(self, *, form: Form = "likelihood") -> None:
        super().__init__()
        check_choice("form", form, Form)
        self.form = form

    def setup(self, in_features: int, classes: int) -> None:
        """Build the layer."""
        self.to_labels = nn.Linear(in_features, classes)

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """See `classify`; v is not used."""
        (u,) = widen(u)
        with precise(u):
            return classify(self.to_labels(u), s, form=self.form)
