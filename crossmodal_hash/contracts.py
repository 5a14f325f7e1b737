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
from crossmodal_hash.evidence import Seen, Sees, count
from crossmodal_hash.registry import parameters
from crossmodal_hash.types import Fused, Level, LevelInfo


class Component(nn.Module, ABC):
    """Base class of everything in the registries."""

    argument: ClassVar[str | None] = None
    """Which constructor parameter `NAME:VALUE` sets; None if no value may follow the name."""

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this object."""
        return {name: getattr(self, name) for name in parameters(type(self))}


class Backbone(Component):
    """One modality in, an ordered list of levels out, lowest first."""

    reads: ClassVar[str]
    """`image`, uint8 pictures (B, 3, size, size); `text`, word counts (B, L); `vector`, features (B, D); `label`,
    labels (B, C), for guides; `string`, a list of B unprocessed texts, for backbones that are always frozen; or another
    word, of a `Source` that `feeds` such a backbone."""
    freezable: ClassVar[bool] = False
    """Whether it can have pre-trained weights, so that `--freeze-backbone` applies to it. If it has a parameter
    `weights`, the value `none` omits them."""
    as_given: ClassVar[bool] = False
    """Whether a matrix is used unscaled. Otherwise the tower standardizes the columns of feature vectors to mean 0 and
    deviation 1 over the training items, and divides a matrix of words by the mean of its nonzero values."""
    size: int = 224
    """Side in pixels of the pictures it needs; unused for text and vectors."""
    levels: tuple[LevelInfo, ...] = ()
    """The levels that `compute` returns; known after `setup`."""

    def setup(self, in_features: int) -> None:
        """Build what depends on the input's width: words in the vocabulary, feature width, or 3 colors."""

    def example(self, batch: int) -> Tensor:
        """(B, ...), what a batch looks like, for the conformance kit; needed where `reads` is a word of its own."""
        raise NotImplementedError(f"{type(self).__name__} reads {self.reads!r} and gives no example of it")

    @abstractmethod
    def compute(self, x: Any) -> Sequence[Tensor]:
        """(B, ...), or B texts -> one tensor per level: (B, D), (B, D, L) or (B, D, H, W)."""

    def forward(self, x: Tensor | Sequence[str]) -> tuple[Level, ...]:
        """Run the backbone and check what it returns against what it declares."""
        levels = tuple(Level(y) for y in self.compute(x))
        made = [(level.x.shape[1], level.axes) for level in levels]
        declared = [(info.channels, info.axes) for info in self.levels]
        if made != declared:
            said = f"returned levels (channels, axes) {made}, but {declared} are declared"
            raise ContractError(type(self), "compute", said)
        return levels


class Pooling(Component):
    """One level in, one vector out."""

    @abstractmethod
    def width(self, info: LevelInfo) -> int:
        """Length of the vector that such a level becomes."""

    @abstractmethod
    def forward(self, level: Level) -> Tensor:
        """A level -> (B, width)."""


class Fusion(Component):
    """The levels of one tower in, one vector out."""

    takes: ClassVar[Literal["vectors", "levels"]] = "vectors"
    """`vectors`: pooled and projected levels (B, D_k); `levels`: the `Level` objects themselves, maps included."""
    uses_every_level: ClassVar[bool] = True
    """Whether it uses every level or, like `last`, only some."""
    in_code_space: ClassVar[bool] = False
    """Whether the returned features already have K values, so that the hash head only applies its activation."""
    out_features: int
    """Width of the returned features; known after `setup`."""

    @abstractmethod
    def setup(self, levels: Sequence[LevelInfo], bits: int) -> None:
        """Build the parameters for these levels, lowest first, and set `out_features`."""

    @abstractmethod
    def compute(self, levels: Sequence[Any]) -> Tensor | Fused:
        """One entry per level -> features (B, out_features), or `Fused` with level codes as well."""

    def forward(self, levels: Sequence[Any]) -> Fused:
        """Run the block and check the width it returns."""
        out = self.compute(levels)
        fused = out if isinstance(out, Fused) else Fused(out)
        if fused.features.ndim != 2 or fused.features.shape[1] != self.out_features:
            said = f"returned {tuple(fused.features.shape)}, but out_features declares (B, {self.out_features})"
            raise ContractError(type(self), "compute", said)
        return fused


class Criterion(Component):
    """Evidence of two blocks of items in, their similarity out; larger always means more similar."""

    sees: ClassVar[Sees] = "labels"
    """Which evidence it needs: `labels`, `features` or `pairs`, each in the form that `evidence.Sees` describes."""
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Smallest and largest similarity that it can return."""
    symmetric: ClassVar[bool] = True
    """Whether s of a and b is s of b and a transposed."""
    larger_is_more_alike: ClassVar[bool] = True
    """False for a criterion that is kept only to show its effect: a distance instead of a similarity."""

    def fit(self, seen: Any) -> None:
        """Store a statistic of the evidence of all N training items, such as a bandwidth, in a buffer.

        A resumed run calls `fit` again before it loads its buffers, so their shapes may depend on C or D.
        """

    @abstractmethod
    def compute(self, a: Any, b: Any) -> Tensor:
        """Evidence of both blocks -> s (B, M).

        For `labels`, a is (B, C) and b is (M, C), float in {0, 1}; for `features`, modality -> (B, D) and modality ->
        (M, D), float; for `pairs`, (B, 1) and (M, 1), int64.
        """

    def forward(self, a: Seen, b: Seen) -> Tensor:
        """Check the blocks, then compute."""
        blocks = [self._checked(x, y) for x, y in ((a, b), (b, a))]
        s = self.compute(*blocks)
        shape = count({self.sees: a}), count({self.sees: b})
        if s.shape != shape:
            raise ContractError(type(self), "compute", f"returned {tuple(s.shape)}, not (B, M), here {shape}")
        return s

    def _checked(self, seen: Seen, other: Seen) -> Seen:
        """One block as `compute` gets it, if it fits the other."""
        if self.sees == "features":
            if not (isinstance(seen, Mapping) and isinstance(other, Mapping) and seen and set(seen) == set(other)):
                raise ShapeError("features must be (B, D) and (M, D) of the same modalities, by name")
            return {name: self._matrix(x, other[name], "D").float() for name, x in seen.items()}
        if not (isinstance(seen, Tensor) and isinstance(other, Tensor)):
            raise ShapeError(f"{self.sees} must be matrices, not {type(seen).__name__} and {type(other).__name__}")
        x = self._matrix(seen, other, "C" if self.sees == "labels" else "1")
        return x.float() if self.sees == "labels" else x

    def _matrix(self, x: Tensor, other: Tensor, columns: str) -> Tensor:
        if x.ndim != 2 or other.ndim != 2 or x.shape[1] != other.shape[1]:
            raise ShapeError(
                f"{self.sees} must be (B, {columns}) and (M, {columns}), not {tuple(x.shape)} and {tuple(other.shape)}"
            )
        return x


class HashLoss(Component):
    """Real codes in, a scalar (or named scalars, summed and logged separately) out."""

    compares: ClassVar[Literal["pairs", "codes", "items"]] = "pairs"
    """What the third argument is. `pairs`: the similarity s (B, M). Otherwise row i of u and of v is the same item in
    two modalities, and it is the items' binary codes (B, K) in {-1, 1} (`codes`), or their labels (B, C) (`items`)."""
    opposed: ClassVar[bool] = False
    """Whether its parameters are trained against the towers: they minimize `oppose`, with their own optimizer."""

    def setup(self, in_features: int, classes: int) -> None:
        """Build what depends on the width of u and on C; for losses that compare items, one copy per modality."""

    @abstractmethod
    def compute(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor | dict[str, Tensor]:
        """Real codes of two modalities before the sign, u (B, K) and v (M, K), and s as described in `compares`."""

    def doubt(self, s: Tensor) -> str | None:
        """Why similarities such as these (B, M) teach this loss little, as a clause; None if they may teach it much.

        Asked once, at the first step, of losses that compare pairs.
        """
        return None

    def oppose(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor:
        """What the parameters of an opposed loss minimize; no gradient reaches u and v."""
        raise NotImplementedError(f"{type(self).__name__} is opposed, but does not define `oppose`")

    def forward(self, u: Tensor, v: Tensor, s: Tensor) -> Tensor | dict[str, Tensor]:
        """Check shapes, compute, and check that the result is a table of numbers."""
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
        """Only type, shape and dtype: reading the value would wait for the device at every step."""
        parts = out if isinstance(out, dict) else {"": out}
        if not parts:
            raise ContractError(type(self), "compute", "returned an empty table; name at least one value")
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
    """What a closed-form method fits for one modality: features in, K real codes out; it takes the place of a fusion.

    Its values are buffers whose shapes depend only on `setup`, so that a saved one can be loaded.
    """

    takes = "vectors"
    in_code_space = True
    unifies: bool = False
    """Whether database items that are present in every modality get one common code, by `unify`."""

    def unify(self, scores: Sequence[Tensor]) -> Tensor:
        """Real codes of the same items in every modality, each (B, K) -> their common codes (B, K)."""
        raise NotImplementedError(f"{type(self).__name__} has no common codes")


class ClosedForm(Component):
    """A method without gradient descent through a network: features and labels in, a hash function per modality out."""

    sees: ClassVar[Sees] = "labels"
    """Which evidence it needs besides features: `labels`, or `pairs` if it uses no labels. Validation follows it."""

    @abstractmethod
    def function(self, modality: str) -> HashFunction:
        """An unfitted hash function of this method, to be set up for its sizes."""

    @abstractmethod
    def fit(
        self,
        features: Mapping[str, NDArray[np.float64]],
        labels: NDArray[np.uint8],
        bits: int,
        generator: np.random.Generator,
    ) -> dict[str, HashFunction]:
        """Modality -> training features (N, D), and labels (N, C) -> modality -> fitted hash function.

        Without labels in the data, C = 0; that happens only to a method that does not need them.

        Raises:
            SettingsError: for bits or modalities that the method does not support.
        """

    @abstractmethod
    def memory(self, items: int, widths: Mapping[str, int], bits: int) -> int:
        """Largest number of bytes that `fit` needs for this many items and features, including the features.

        Called before a run folder is created, so that unsupported sizes are rejected early.

        Raises:
            SettingsError: for bits or modalities that the method does not support.
        """
