"""A rotation of the code space, the same for all modalities, that reduces the loss from the sign (ITQ).

It is folded into the last layers.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from crossmodal_hash.closed_forms.itq import towards_corners
from crossmodal_hash.levels.shortcut import Shortcut
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.real_codes import batches_of
from crossmodal_hash.training.rows import Rows, spread
from crossmodal_hash.training.step import precision, to_device

ROWS = 10_000
"""Largest number of training items to learn the rotation from."""
LARGEST = 2.0
"""Limit of values before the head: memorized training items have large values, and would dominate."""


def last_layers(model: HashModel) -> dict[str, list[nn.Linear | Shortcut]]:
    """Modality -> the linear maps whose sum its hash head gets; empty if one has none: all are rotated, or none."""
    layers: dict[str, list[nn.Linear | Shortcut]] = {}
    for name in model.modalities:
        tower = model.tower(name)
        if not isinstance(tower.to_bits, nn.Linear):
            return {}
        layers[name] = [tower.to_bits] if tower.shortcut is None else [tower.to_bits, tower.shortcut]
    return layers


def rotate(model: HashModel, inputs: Inputs, rows: Rows, device: torch.device) -> None:
    """Rotate the codes of all modalities in the same way, in place.

    Before the head, inner products across modalities do not change, but the signs of values do. Labels are not used.
    If a fusion block ends in codes, nothing is done.

    Args:
        model: with its final weights and statistics.
        inputs: inputs of all items.
        rows: the training items.
        device: device of the model.
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
            for output in outputs.values():
                assert output.z is not None
                parts.append(output.z.float().clamp(-LARGEST, LARGEST).double().cpu())
    model.train(training)
    turn = torch.from_numpy(towards_corners(torch.cat(parts).numpy()).T.copy())
    with torch.no_grad():
        for layer in chain.from_iterable(layers.values()):
            for x in (layer.weight, layer.bias):
                x.copy_((turn.to(device) @ x.double()).to(x.dtype))
