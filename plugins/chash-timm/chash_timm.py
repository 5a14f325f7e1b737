"""Backbone `timm` for crossmodal_hash: any picture network of timm, as `timm:NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from torch import Tensor

from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import SettingsError, WeightsError, did_you_mean
from crossmodal_hash.types import LevelInfo


class Timm(Backbone):
    """A picture network of timm with every stage as a level, named after a colon: `timm:resnet18`.

    Nothing is ever downloaded. Pixels are scaled according to the network's own configuration.

    Args:
        model: a name in `timm.list_models()`, of a network that can return its stages.
        weights: path of a .safetensors or .pth state dict with timm's names, or `none`.
        size: side of the pictures in pixels, >= 32.

    Raises:
        SettingsError: for a name that timm does not have, or a network without stages.
        WeightsError: for weights that are missing or do not fit.

    Example:
        >>> backbone = Timm(model="resnet10t", size=64).eval()
        >>> levels = backbone(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
        >>> [tuple(level.x.shape[1:]) for level in levels]
        [(64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]
    """

    reads = "image"
    freezable = True
    argument = "model"
    mean: Tensor
    scale: Tensor

    def __init__(self, *, model: str = "resnet10t", weights: str = "none", size: int = 224) -> None:
        super().__init__()
        if not timm.is_model(model):
            raise SettingsError(f"timm has no model {model!r}{did_you_mean(model, timm.list_models())}")
        if size < 32:
            raise SettingsError(f"size={size} is too small for a network that halves five times; use at least 32")
        self.model, self.weights, self.size = model, weights, size
        local = {} if weights == "none" else {"pretrained_cfg_overlay": {"file": fitting(model, weights)}}
        try:
            # With a file of its own a pre-trained network is read from there, and its classifier left out.
            self.network = timm.create_model(model, pretrained=bool(local), features_only=True, **local)
            info = self.network.feature_info
            channels, names = info.channels(), info.module_name()
        except (AttributeError, RuntimeError, KeyError) as error:
            raise SettingsError(f"{model} of timm cannot return its stages: {error}") from error
        stages = zip(names, channels, strict=True)
        self.levels = tuple(LevelInfo(name.replace(".", "-"), width, 2) for name, width in stages)
        settings = timm.get_pretrained_cfg(model)
        self.register_buffer("mean", torch.tensor(settings.mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("scale", torch.tensor(settings.std).view(3, 1, 1) * 255, persistent=False)

    def compute(self, x: Tensor) -> Sequence[Tensor]:
        """(B, 3, size, size) pixels in 0..255 -> one map per stage."""
        maps: list[Tensor] = self.network((x.float() - self.mean) / self.scale)
        return maps


def fitting(model: str, weights: str) -> str:
    """The path of a state dict that has everything a network needs except its classifier.

    Raises:
        WeightsError: if it is missing or incomplete.
    """
    file = Path(weights).expanduser()
    if not file.is_file():
        raise WeightsError(f"no weights at {weights!r}; give a .safetensors or .pth file of {model}, or none")
    given = timm.models.load_state_dict(str(file))
    needed = timm.create_model(model, pretrained=False, num_classes=0).state_dict()
    missing = sorted(name for name in needed if name not in given and not name.endswith("num_batches_tracked"))
    if missing:
        raise WeightsError(f"{weights!r} does not fit {model}: it lacks {missing[0]} and {len(missing) - 1} more")
    return str(file)
