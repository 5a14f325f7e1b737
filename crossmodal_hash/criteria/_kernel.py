"""Shared by the kernel criteria: distances of label vectors, Gaussian kernels and their widths."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import SettingsError

KERNELS = 5
"""Gaussians in a bank, each twice as wide as the previous one."""
MEDIAN_ITEMS = 2_000
"""Largest number of items for a median; all pairs of more items would not fit in memory."""


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(B, M) squared Euclidean distances of label vectors (B, C) and (M, C) in {0, 1}: how many labels differ."""
    return a.sum(1)[:, None] + b.sum(1) - 2 * (a @ b.T)


def mean_distance(labels: Tensor) -> Tensor:
    """Mean of `squared_distances` over ordered pairs of different rows of (N, C), N >= 2, without forming the pairs.

    Example:
        >>> mean_distance(torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])).item()  # distances 1, 2, 1
        1.333...
    """
    over_all = 2 * (labels.sum(1).mean() - labels.mean(0).square().sum())
    return over_all * len(labels) / (len(labels) - 1)


def usable(width: Tensor) -> Tensor:
    """The width, or 1 where it is 0, which happens when all label vectors are equal."""
    return torch.where(width > 0, width, torch.ones_like(width))


def gaussian(distances: Tensor, width: Tensor | float) -> Tensor:
    """exp(-d / width), of any shape; `width` is 2 sigma^2."""
    return torch.exp(-distances / width)


def gaussian_bank(distances: Tensor, width: Tensor | float) -> Tensor:
    """The sum of five Gaussians of widths width/4, width/2, width, 2 width and 4 width."""
    return torch.stack([gaussian(distances, width / 4 * 2**m) for m in range(KERNELS)]).sum(0)


def parse_bandwidth(bandwidth: str) -> float | None:
    """The value of `fixed:<value>`, or None for `mean` and `median`, which need the training labels.

    Raises:
        SettingsError: for anything else, or a value that is not a positive number.

    Example:
        >>> parse_bandwidth("fixed:2"), parse_bandwidth("mean")
        (2.0, None)
    """
    kind, _, text = bandwidth.partition(":")
    if bandwidth in ("mean", "median"):
        return None
    try:
        value = float(text) if kind == "fixed" else math.nan
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SettingsError(f"bandwidth is {bandwidth!r}; use mean, median or fixed:<value> with a value above 0")
    return value


class KernelCriterion(Criterion):
    """A criterion whose kernel width is a statistic of all training labels, computed by `fit`.

    The width, 2 sigma^2, is the buffer `width`, saved with the model. Before `fit` it is 1, the value that is also used
    when all label vectors are equal; with `fixed:<value>` it is that value from the start.

    Args:
        bandwidth: `mean` or `median` of the squared distances between different training items, or `fixed:<value>`.
            With `fixed:2`, two items that differ in one label get 0.61 from a single Gaussian. The median uses at most
            2,000 items, drawn with torch's global generator.
    """

    width: Tensor

    def __init__(self, *, bandwidth: str = "mean") -> None:
        super().__init__()
        self.bandwidth = bandwidth
        self.register_buffer("width", torch.tensor(parse_bandwidth(bandwidth) or 1.0))

    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M), the argument of the Gaussian."""
        return squared_distances(a, b)

    def mean_distance(self, labels: Tensor) -> Tensor:
        """The mean of `distances` over pairs of different rows of (N, C), in closed form."""
        return mean_distance(labels)

    def fit(self, labels: Tensor) -> None:
        """Set `width` from all training labels (N, C); fewer than two items leave it unchanged."""
        if parse_bandwidth(self.bandwidth) is not None or len(labels) < 2:
            return
        labels = labels.float()
        if self.bandwidth == "mean":
            width = self.mean_distance(labels)
        else:
            some = labels[torch.randperm(len(labels))[:MEDIAN_ITEMS].to(labels.device)]
            first, second = torch.triu_indices(len(some), len(some), offset=1, device=some.device)
            width = torch.quantile(self.distances(some, some)[first, second], 0.5)
        # Where all items are alike, rounding can leave a closed form slightly above 0; distances to one item are exact.
        apart = self.distances(labels, labels[:1]).amax() > 0
        self.width.copy_(usable(width * apart))
