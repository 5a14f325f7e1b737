"""Loss `adversary`: a separate network cannot tell one modality's features from another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from crossmodal_hash.contracts import HashLoss
from crossmodal_hash.errors import SettingsError, ShapeError
from crossmodal_hash.losses._products import precise, widen


class Adversary(HashLoss):
    """A discriminator between the features of a modality and its guide, which the modality learns to deceive (SSAH).

    With d(x) the discriminator's logit that x comes from v: its parameters minimize the cross entropy of d(v) with 1
    and of d(u) with 0; the tower of u minimizes that of d(u) with 1 (SSAH, Li et al., CVPR 2018, section 3.3, in the
    form whose gradient does not vanish where the discriminator is certain).

    Args:
        hidden: widths of the discriminator's hidden layers, each >= 1.

    Raises:
        SettingsError: for a layer without units.
    """

    compares: ClassVar[Literal["pairs", "codes", "items"]] = "items"
    opposed: ClassVar[bool] = True

    def __init__(self, *, hidden: Sequence[int] = (512, 256)) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise SettingsError(f"hidden={list(hidden)} has a layer without units; use at least 1")
        self.hidden = tuple(hidden)

    def setup(self, in_features: int, classes: int) -> None:
        """Build the discriminator."""
        widths = (in_features, *self.hidden)
        layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in zip(widths, self.hidden, strict=False)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """Cross entropy of d(u) with 1: how far u is from passing for v."""
        if u.shape != v.shape:
            raise ShapeError(
                f"adversary needs features of the same width, not {tuple(u.shape)} and {tuple(v.shape)}; give both "
                "towers the same width"
            )
        return nnf.softplus(-self._logit(u)).mean()

    def oppose(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """Cross entropy of d(v) with 1 and of d(u) with 0."""
        return torch.add(nnf.softplus(-self._logit(v)).mean(), nnf.softplus(self._logit(u)).mean())

    def _logit(self, x: Tensor) -> Tensor:
        (x,) = widen(x)
        with precise(x):
            logit: Tensor = self.discriminator(x)
        return logit
