"""Inputs to real codes, in batches, for any modality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from crossmodal_hash.callbacks import Callback
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.rows import Rows, cut
from crossmodal_hash.training.step import precision, to_device

BATCH = 512
"""Items per batch, if only the layers above a frozen backbone are run."""
PICTURES = 64
"""Items per batch, if a whole network is run."""


def batches_of(rows: Rows, model: HashModel, names: Iterable[str]) -> list[Rows]:
    """`rows` in batches that fit the towers of these modalities."""
    return cut(rows, BATCH if all(model.tower(name).condense is not None for name in names) else PICTURES)


def real_codes(
    model: HashModel,
    inputs: Inputs,
    rows: Rows,
    device: torch.device,
    *,
    modalities: Sequence[str] | None = None,
    callback: Callback | None = None,
) -> dict[str, np.ndarray]:
    """Modality -> (n, K) float32 codes before the sign, in the order of `rows`; evaluation mode, no gradient.

    An item's code does not depend on the others in its batch: batch statistics are those of training.
    """
    callback = callback or Callback()
    names = list(inputs.streams) if modalities is None else list(modalities)
    batches = batches_of(rows, model, names)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    # Setting a thousand modules takes as long as the code of a text, so it is left out where nothing changes.
    training = model.training
    if training:
        model.eval()
    with callback.task(f"codes of {len(rows)} items", len(rows)) as advance, torch.inference_mode():
        for batch in inputs.batches(batches, names):
            with precision(device):
                outputs = model(to_device(batch, device).inputs)
            for name, output in outputs.items():
                parts[name].append(output.u.float().cpu().numpy())
            advance(len(batch.rows))
    if training:
        model.train()
    empty = np.zeros((0, model.bits), np.float32)
    return {name: np.concatenate(found) if found else empty for name, found in parts.items()}
