"""What a plug-in subclasses: one class for each public kind.

Constructor parameters are keyword-only, each with a default, each stored under its own name; sizes that depend on the
data arrive later through `setup`. Write `compute`; `forward` checks shapes and calls it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from crossmodal_hash.errors import ContractError, ShapeError
from crossmodal_hash.registry import parameters
from crossmodal_hash.types import Fused, Level, LevelInfo


class Component(nn.Module, ABC):
    """Anything the registries hand out."""

    argument: ClassVar[str | None] = None
    """Which constructor parameter `NAME:VALUE` sets; none: nothing may follow the name."""

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}


class Backbone(Component):
    """One modality in, an ordered list of levels out, lowest first."""

    reads: ClassVar[Literal["image", "text", "vector", "label", "string"]]
    """uint8 pictures (B, 3, size, size); word counts (B, L); feature vectors (B, D); labels (B, C), for guides; or B
    texts as they were written (`string`), a list, for backbones that are always frozen."""
    freezable: ClassVar[bool] = False
    """Whether it can come with weights worth keeping, so that `--freeze-backbone` applies to it. Where it has a
    parameter `weights`, the value `none` leaves them out."""
    as_given: ClassVar[bool] = False
    """Whether a matrix is read in the units it comes in. Otherwise the tower brings the columns of feature vectors to
    mean 0 and deviation 1 over the training items, and divides a matrix of words by the mean of what is not 0 in it."""
    size: int = 224
    """Side in pixels of the pictures wanted; unused by text and vectors."""
    levels: tuple[LevelInfo, ...] = ()
    """What `compute` returns, declared; known after `setup`."""

    def setup(self, in_features: int) -> None:
        """Build what depends on the input's width: words in the vocabulary, feature width, or 3 colors."""

    @abstractmethod
    def compute(self, x: Any) -> Sequence[Tensor]:
        """(B, ...), or B texts -> one tensor a level: (B, D), (B, D, L) or (B, D, H, W)."""

    def forward(self, x: Tensor | Sequence[str]) -> tuple[Level, ...]:
        """Run the backbone and check what it returns against what it declares."""
        levels = tuple(Level(y) for y in self.compute(x))
        made = [(level.x.shape[1], level.axes) for level in levels]
        declared = [(info.channels, info.axes) for info in self.levels]
        if made != declared:
            said = f"returned levels (channels, axes) {made}, but {declared} are declared"
            raise ContractError(type(self), "compute", said)
        return levels


class Fusion(Component):
    """The levels of one tower in, one vector out."""

    takes: ClassVar[Literal["vectors", "levels"]] = "vectors"
    """`vectors`: pooled and projected levels (B, D_k); `levels`: the `Level` objects themselves, maps included."""
    uses_every_level: ClassVar[bool] = True
    """Whether what every level says matters, or, as for `last`, that of some alone."""
    in_code_space: ClassVar[bool] = False
    """Whether the features returned are K values already, so that the hash head only applies its activation."""
    out_features: int
    """Width of the features returned; known after `setup`."""

    @abstractmethod
    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build the parameters for these levels, lowest first, and set `out_features`."""

    @abstractmethod
    def compute(self, levels: Sequence[Any]) -> Tensor | Fused:
        """One entry a level -> features (B, out_features), or `Fused` with level codes beside them."""

    def forward(self, levels: Sequence[Any]) -> Fused:
        """Run the block and check the width it returns."""
        out = self.compute(levels)
        fused = out if isinstance(out, Fused) else Fused(out)
        if fused.features.ndim != 2 or fused.features.shape[1] != self.out_features:
            said = f"returned {tuple(fused.features.shape)}, but (B, {self.out_features}) is declared by out_features"
            raise ContractError(type(self), "compute", said)
        return fused


Sees = Literal["labels", "features", "pairs"]
"""Evidence that items are alike: labels, (B, C) in {0, 1}; frozen features, (B, D); or that they belong together."""


class Criterion(Component):
    """Evidence of two blocks of items in, their similarity out; larger always means more alike."""

    sees: ClassVar[Sees] = "labels"
    """Which evidence it is given. Training has labels."""
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Smallest and largest similarity that it can return."""
    symmetric: ClassVar[bool] = True
    """Whether s of a and b is s of b and a transposed."""
    larger_is_more_alike: ClassVar[bool] = True
    """False for what is kept to show what it does: a distance in the place of a similarity."""

    def fit(self, labels: Tensor) -> None:
        """Take a statistic of all training labels (N, C), such as a bandwidth, into a buffer.

        A run that is resumed fits again before it loads its buffers, so their shapes may follow from C.
        """

    @abstractmethod
    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """Evidence of both blocks, for labels (B, C) and (M, C) in {0, 1} -> s (B, M)."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Check the blocks, then compute."""
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
            raise ShapeError(f"{self.sees} must be (B, C) and (M, C), not {tuple(a.shape)} and {tuple(b.shape)}")
        s = self.compute(a.float(), b.float())
        if s.shape != (len(a), len(b)):
            said = f"returned {tuple(s.shape)}, not (B, M), here {(len(a), len(b))}"
            raise ContractError(type(self), "compute", said)
        return s


class HashLoss(Component):
    """Real codes in, a scalar (or named scalars, added up and logged one by one) out."""

    compares: ClassVar[Literal["pairs", "codes", "items"]] = "pairs"
    """What the third argument is. `pairs`: the similarity s (B, M). Otherwise u and v are row by row two modalities of
    the same items, and it is their binary codes (B, K) in {-1, 1} (`codes`), or their labels (B, C) (`items`)."""
    opposed: ClassVar[bool] = False
    """Whether its parameters learn against the towers: they minimize `oppose`, in an optimizer of their own."""

    def setup(self, in_features: int, classes: int) -> None:
        """Build what depends on the width of u and on C; for losses that compare items, one copy a modality."""

    @abstractmethod
    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor | dict[str, Tensor]:
        """Real codes of two modalities before the sign, u (B, K) and v (M, K), and s as `compares` says."""

    def oppose(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """What the parameters of an opposed loss minimize; no gradient reaches u and v."""
        raise NotImplementedError(f"{type(self).__name__} says it is opposed, and has no `oppose`")

    def forward(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor | dict[str, Tensor]:
        """Check shapes, compute, and check that numbers come out."""
        shapes, wanted = {
            "pairs": ("u (B, K), v (M, K), s (B, M)", (len(u), len(v))),
            "codes": ("u, v and the codes all (B, K)", tuple(u.shape)),
            "items": ("u (B, D), v (B, E), labels (B, C)", (len(u), *s.shape[1:2])),
        }[self.compares]
        fits = u.ndim == v.ndim == s.ndim == 2 and tuple(s.shape) == wanted
        alike = u.shape[1:] == v.shape[1:] or self.compares == "items"
        if not (fits and alike and (len(u) == len(v) or self.compares == "pairs")):
            raise ShapeError(
                f"{type(self).__name__} needs {shapes}, not {tuple(u.shape)}, {tuple(v.shape)}, {tuple(s.shape)}"
            )
        out = self.compute(u, v, s)
        self._refuse_what_is_no_number(out)
        return out

    def _refuse_what_is_no_number(self, out: object) -> None:
        """Type, shape and dtype alone: a look at the value would wait for the device at every step."""
        parts = out if isinstance(out, dict) else {"": out}
        if not parts:
            raise ContractError(type(self), "compute", "returned an empty table; name one value at least")
        for name, part in parts.items():
            what = f"a value {name!r}" if name else "a value"
            if not isinstance(part, Tensor):
                said = f"returned {what} that is a {type(part).__name__}, not a tensor; it must carry a gradient"
            elif part.ndim:
                said = f"returned {what} of shape {tuple(part.shape)}, not (); take the mean over pairs"
            elif not part.is_floating_point():
                said = f"returned {what} of {part.dtype}, which carries no gradient; compute in float32"
            else:
                continue
            raise ContractError(type(self), "compute", said)


class HashFunction(Fusion):
    """What a closed-form method fits for one modality: features in, K real codes out; it stands where a fusion stands.

    Its numbers are buffers, whose shapes follow from `setup` alone, so that a saved one can be loaded.
    """

    takes = "vectors"
    in_code_space = True
    unifies: bool = False
    """Whether database items that are seen in every modality get one common code, by `unify`."""

    def unify(self, scores: Sequence[Tensor]) -> Tensor:
        """Real codes of the same items in every modality, each (B, K) -> their common one (B, K)."""
        raise NotImplementedError(f"{type(self).__name__} has no common codes")


class ClosedForm(Component):
    """A method without gradient descent through a network: features and labels in, one hash function a modality out."""

    @abstractmethod
    def function(self, modality: str) -> HashFunction:
        """A hash function of this method with nothing in it yet, to be set up for its sizes."""

    @abstractmethod
    def fit(
        self,
        features: Mapping[str, NDArray[np.float64]],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Modality -> training features (N, D), and labels (N, C) -> modality -> fitted hash function.

        Raises:
            SettingsError: for bits or modalities that the method has no answer for.
        """

    @abstractmethod
    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Bytes that `fit` needs at the most for so many items and features, the features themselves included.

        Asked before a run folder is made, so what can be refused by sizes alone is refused here.

        Raises:
            SettingsError: for bits or modalities that the method has no answer for.
        """
