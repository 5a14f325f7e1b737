"""Criterion `affinity`: how near are the frozen features of two items?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.evidence import Sees


def affinity(a: Tensor, b: Tensor, *, mean: Tensor | float, temperature: float) -> Tensor:
    """exp((c - 1) / temperature), c the cosine of two items on a scale where 1 is equal and 0 the mean of all pairs.

    With the loss `info-nce` this replaces "only the own partner is right" by "the more alike two texts are, the more
    their items belong together", so that two drawings with the title `cat` do not push each other away.

    Args:
        a: (B, D) features; any scale.
        b: (M, D) features.
        mean: mean cosine of two different items, < 1.
        temperature: > 0; the smaller, the nearer to `pairs`.

    Returns:
        (B, M), in (0, 1]; 1 for features of the same direction.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> affinity(x, x, mean=0.0, temperature=1.0)
        tensor([[1.0000, 0.3679],
                [0.3679, 1.0000]])
    """
    c = (unit(a) @ unit(b).T).clamp(max=1)
    return ((c - 1) / (1 - mean) / temperature).exp()


def unit(x: Tensor) -> Tensor:
    """The rows of (B, D) scaled to length 1."""
    scaled: Tensor = torch.nn.functional.normalize(x, dim=1)
    return scaled


def mean_cosine(x: Tensor) -> Tensor:
    """Mean cosine of two different rows of (N, D), N >= 2, without forming the pairs.

    Example:
        >>> import torch
        >>> mean_cosine(torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])).item()
        0.3333...
    """
    n = len(x)
    total: Tensor = unit(x.double()).sum(0).square().sum()
    return (total - n) / (n * (n - 1))


class Affinity(Criterion):
    """Nearness of frozen features, such as sentence vectors: items with similar texts are similar; needs no labels.

    Args:
        of: modality whose features are compared, such as `text`.
        temperature: > 0; the smaller, the less anything but the own partner counts; at 0.3 nearly all items are alike.

    Raises:
        SettingsError: for a temperature that is not above 0, or a modality that the model does not have.
    """

    sees: ClassVar[Sees] = "features"

    def __init__(self, *, of: str = "text", temperature: float = 0.2) -> None:
        super().__init__()
        if not 0 < temperature < float("inf"):
            raise SettingsError(f"temperature is {temperature}; use a number above 0")
        self.of, self.temperature = of, temperature
        self.register_buffer("mean", torch.zeros(()))

    mean: Tensor

    def fit(self, seen: Mapping[str, Tensor]) -> None:
        """Store the mean cosine of the features of two training items."""
        x = self._features(seen)
        if len(x) > 1:
            self.mean.copy_(mean_cosine(x).clamp(-0.99, 0.99))

    def compute(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Tensor:
        """See `affinity`."""
        return affinity(self._features(a), self._features(b), mean=self.mean, temperature=self.temperature)

    def _features(self, seen: Mapping[str, Tensor]) -> Tensor:
        if self.of not in seen:
            raise SettingsError(
                f"affinity of {self.of!r}: frozen features are those of {', '.join(seen)}; set the parameter of, or "
                f"train.freeze_backbone=true"
            )
        return seen[self.of]
