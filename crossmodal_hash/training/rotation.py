"""A rotation of the code space, one for all modalities, after which the sign costs less; folded into the last layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crossmodal_hash.model import HashModel
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.real_codes import batches_of
from crossmodal_hash.training.rows import Rows, spread
from crossmodal_hash.training.step import precision, to_device

ROWS = 10_000
"""Training items the rotation is learned from, at the most."""
LARGEST = 2.0
"""Where a value before the head is cut: training items that are memorized lie far out, and would decide alone."""
STEPS = 50


def towards_corners(z: NDArray[np.float64], steps: int = STEPS) -> NDArray[np.float64]:
    """The rotation R (K, K) that brings the rows of z R near corners of the cube (ITQ; Gong and Lazebnik, CVPR 2011).

    |sign(z R) - z R|^2 is lowered by turns in the signs and in R, from the identity; it never rises.

    Args:
        z: (n, K).
        steps: of both.

    Example:
        >>> tilted = np.array([[1.0, 1.0], [1.0, -1.0]]) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
        >>> np.abs(tilted @ towards_corners(tilted)).round(6).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    rotation = np.eye(z.shape[1])
    for _ in range(steps):
        signs = np.where(z @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(z.T @ signs)
        rotation = left @ right
    return rotation


def last_layers(model: HashModel) -> dict[str, nn.Linear]:
    """Modality -> the linear layer before its hash head; empty if one has none, for all turn together or none does."""
    layers = {name: model.tower(name).to_bits for name in model.modalities}
    linear = {name: layer for name, layer in layers.items() if isinstance(layer, nn.Linear)}
    return linear if len(linear) == len(layers) else {}


def rotate(model: HashModel, inputs: Inputs, rows: Rows, device: torch.device) -> None:
    """Turn the codes of all modalities alike, in place.

    Inner products across modalities stay as they are before the head; only which side of 0 a value lies on changes.
    Labels have no part in it. Where a fusion block ends in codes, nothing is done.

    Args:
        model: with the weights and statistics it will keep.
        inputs: of all items.
        rows: the training items.
        device: where the model is.
    """
    layers = last_layers(model)
    if not layers:
        return
    parts: list[torch.Tensor] = []
    training = model.training
    model.eval()
    with torch.no_grad():
        for items in inputs.plain().batches(batches_of(spread(rows, ROWS), model, layers), list(layers)):
            with precision(device):
                outputs = model(to_device(items, device).inputs)
            for name, layer in layers.items():
                features = outputs[name].features
                assert features is not None
                parts.append(layer(features.to(layer.weight.dtype)).clamp(-LARGEST, LARGEST).double().cpu())
    model.train(training)
    turn = torch.from_numpy(towards_corners(torch.cat(parts).numpy()).T.copy())
    with torch.no_grad():
        for layer in layers.values():
            for learned in (layer.weight, layer.bias):
                learned.copy_((turn.to(device) @ learned.double()).to(learned.dtype))
