"""What the data and the machine ask of the settings, before the user has the last word."""

from __future__ import annotations

import torch

from crossmodal_hash.components import BACKBONES
from crossmodal_hash.data import Dataset
from crossmodal_hash.settings.layers import Layer, nest
from crossmodal_hash.settings.resolve import Resolved


def frozen_by_default(device: str | None) -> bool:
    """Whether the backbone is frozen where nobody says: on a CPU, where training it takes days."""
    return not torch.cuda.is_available() if device in (None, "auto") else not str(device).startswith("cuda")


def data_layer(resolved: Resolved, dataset: Dataset) -> Layer | None:
    """Feature vectors in place of pictures are read by `mlp`, or as they are, unless the user named a backbone."""
    for modality, tower in resolved.settings.towers.items():
        source = dataset.modalities.get(modality)
        if source is None or "image" in source.feeds:
            continue
        if BACKBONES.resolve(tower.backbone.name).reads == "image":
            tower_of_rows = {"backbone": {"name": "mlp"}, "levels": 2}
            if resolved.settings.closed_form is not None:
                tower_of_rows = {"backbone": {"name": "raw"}, "levels": 1}
            values = nest(f"towers.{modality}", tower_of_rows)
            return Layer(f"data: {modality} is a matrix of features", values)
    return None
