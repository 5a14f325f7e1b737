"""The base class of methods without labels, for vectors of all modalities that lie in one space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossmodal_hash.closed_forms._linear_code import LinearCode, linear_code
from crossmodal_hash.closed_forms._reduce import Matrix, Reduction
from crossmodal_hash.closed_forms._unit_rows import unit_rows
from crossmodal_hash.contracts import ClosedForm, HashFunction
from crossmodal_hash.errors import SettingsError


class DirectionCode(LinearCode):
    """x -> weight x / |x| + bias: embeddings are compared by the cosine, so only the direction of x counts.

    Example:
        >>> from crossmodal_hash.types import LevelInfo
        >>> code = DirectionCode()
        >>> code.setup([LevelInfo("input", 2, 0)], bits=1)
        >>> _ = code.weight.copy_(torch.tensor([[1.0, 0.0]]))
        >>> code([torch.tensor([[3.0, 4.0], [0.0, 0.0]])]).features.tolist()
        [[0.6000000238418579], [0.0]]
    """

    def compute(self, levels: Sequence[Tensor]) -> Tensor:
        """One (B, D_k) per level -> (B, K); a row of zeros stays one."""
        return super().compute([torch.nn.functional.normalize(torch.cat(list(levels), 1).double(), dim=1)])


class OneSpaceMethod(ClosedForm):
    """Vectors of every modality in one space -> the same projection for all; each modality has a center of its own.

    In an embedding learned from pairs the modalities lie apart, and with one center for both, most bits would say which
    modality an item is of.
    """

    sees = "pairs"

    def function(self, modality: str) -> DirectionCode:
        """An affine map of the direction."""
        return DirectionCode()

    @abstractmethod
    def projection(self, x: Matrix, bits: int, generator: np.random.Generator) -> Matrix:
        """Centered directions of all modalities, one below the other, (n, D) -> (D, K).

        Raises:
            SettingsError: for more bits than the method can have.
        """

    def check_bits(self, width: int, bits: int) -> None:
        """Reject more bits than the method can have with vectors of this width; nothing by default."""

    def fit(
        self,
        features: Mapping[str, Matrix],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Modality -> vectors (N, D) of one width; labels are not used."""
        width = common_width({name: x.shape[1] for name, x in features.items()})
        self.check_bits(width, bits)
        unit = {name: unit_rows(x) for name, x in features.items()}
        centers = {name: x.mean(0) for name, x in unit.items()}
        chosen = self.projection(np.concatenate([unit[name] - centers[name] for name in unit]), bits, generator)
        every = np.eye(width)
        return {name: linear_code(Reduction(c, every), chosen, kind=DirectionCode) for name, c in centers.items()}

    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Features, their directions, those centered and stacked, and a few projections."""
        width = common_width(widths)
        self.check_bits(width, bits)
        rows = items * len(widths)
        return 8 * (4 * rows * width + 5 * rows * bits + 5 * max(width, bits) ** 2)


def common_width(widths: Mapping[str, int]) -> int:
    """The width that all modalities share.

    Raises:
        SettingsError: naming the widths, if they differ, and how to get vectors in one space.
    """
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise SettingsError(
            f"this method needs vectors of all modalities in one space, but their widths differ ({told}); learn an "
            f"embedding with --recipe embedding, write its vectors with 'chash encode --vectors DIR', then --data DIR"
        )
    return next(iter(widths.values()))


def check_directions(method: str, width: int, bits: int) -> None:
    """Reject more bits than there are orthogonal directions.

    Raises:
        SettingsError: naming the limit and a method without one.
    """
    if bits > width:
        raise SettingsError(
            f"{method} has one bit for each of at most {width} directions, the width of the vectors, which is not "
            f"enough for {bits} bits; use sign, or at most {width} bits"
        )
