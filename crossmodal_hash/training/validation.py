"""The score that chooses an epoch: validation items as queries against the training items, never the query set."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.data import Split
from crossmodal_hash.metrics import evaluate
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.encoding import real_codes
from crossmodal_hash.training.inputs import Inputs


def validation_scores(model: HashModel, inputs: Inputs, split: Split, device: torch.device) -> dict[str, float]:
    """`image->text/map@all` and so on for each ordered pair of modalities, expected over ties."""
    assert inputs.labels is not None
    rows = np.concatenate([split.validation, split.train])
    labels = inputs.labels.numpy()[rows]
    codes = {
        name: Codes(pack(u), u.shape[1], rows, name, labels)
        for name, u in real_codes(model, inputs, rows, device).items()
    }
    query, database = np.arange(len(split.validation)), np.arange(len(split.validation), len(rows))
    return {
        f"{a}->{b}/map@all": evaluate(codes[a].select(query), codes[b].select(database)).values["map@all"]
        for a, b in permutations(codes, 2)
    }
