"""The papers' text network: a residual network on the multi-scale bag of words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from crossmodal_hash.backbones._dense import check_shares
from crossmodal_hash.backbones._inputs import check_rows
from crossmodal_hash.backbones._residual import infos, stages, trunk
from crossmodal_hash.backbones.multi_scale import Interpolation, MultiScale, Rescale, Stacking, Tail
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.errors import SettingsError


class BowResNet(Backbone):
    """Residual network on the multi-scale bag of words (HSIDHN, PeerJ CS 2021; DSPAH, SEKE 2021).

    The scales are stacked into a matrix (1, S, L), a picture with one channel and few rows. Four levels `stage1` to
    `stage4`: the mean over the remaining rows of each stage's map, a sequence along the vocabulary. With S = 5 and
    L = 1386 they are (64, 347), (128, 174), (256, 87) and (512, 44). Convolution along the vocabulary depends on its
    order, as pooling does. Large for a bag of words: without a GPU, `bow-mlp` or `light-residual` is a better choice.

    Args:
        depth: 18, 34 (the papers) or 50.
        pool_sizes: window widths in words; HSIDHN's five, DSPAH adds 50.
        tail: `ceil` keeps an incomplete last window, `floor` drops it.
        interpolation: `linear`, `nearest` or `linear-aligned`.
        rescale: `none` (the papers), `sqrt` or `sum`; averages over sparse words are small.
        stacking: `rows` (the papers) or `channels`.
        init_std: initial standard deviation of the convolutions, > 0; 0.1 in the papers.
        dropout_input: share of words dropped in training, in [0, 1).
        dropout: share of a stage's map dropped in training, in [0, 1); the same for its level and the next stage.

    Raises:
        SettingsError: for an unknown choice or depth, or a share outside [0, 1).
        ShapeError: for rows of another width than at setup.

    Example:
        >>> import torch
        >>> backbone = BowResNet(depth=18)
        >>> backbone.setup(in_features=100)
        >>> [tuple(level.x.shape) for level in backbone.eval()(torch.ones(1, 100))]
        [(1, 64, 25), (1, 128, 13), (1, 256, 7), (1, 512, 4)]
    """

    reads = "text"

    def __init__(
        self,
        *,
        depth: int = 34,
        pool_sizes: Sequence[int] = (1, 5, 10, 15, 30),
        tail: Tail = "ceil",
        interpolation: Interpolation = "linear",
        rescale: Rescale = "none",
        stacking: Stacking = "rows",
        init_std: float = 0.1,
        dropout_input: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth not in (18, 34, 50):
            raise SettingsError(f"depth={depth} is not one of 18, 34, 50")
        if init_std <= 0:
            raise SettingsError(f"init_std={init_std} must be larger than 0; the papers use 0.1")
        check_shares(dropout_input=dropout_input, dropout=dropout)
        self.dropout_input, self.dropout = dropout_input, dropout
        self.depth, self.pool_sizes, self.init_std = depth, tuple(pool_sizes), init_std
        self.tail, self.interpolation, self.rescale, self.stacking = tail, interpolation, rescale, stacking
        self.scales = MultiScale(pool_sizes, tail=tail, interpolation=interpolation, rescale=rescale, stacking=stacking)
        self.drop_words, self.drop = Dropout(dropout_input), Dropout(dropout)
        self.levels = infos(depth, axes=1)
        self.network = trunk(depth, channels=1 if stacking == "rows" else len(self.pool_sizes))
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=init_std)

    def setup(self, in_features: int) -> None:
        """Check the windows against the vocabulary; the convolutions fit any length."""
        self.scales.fits(in_features)
        self.in_features = in_features

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, L) word counts -> four sequences (B, D, L')."""
        check_rows(x, self.in_features)
        # Words are dropped before the windows: afterward their neighbors would give them away.
        return [y.mean(2) for y in stages(self.network, self.scales(self.drop_words(x.float())), self.drop)]
