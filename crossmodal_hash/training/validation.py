"""The score that chooses an epoch: validation items as queries against the training items, never the query set."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.data import Split
from crossmodal_hash.metrics import evaluate
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.real_codes import real_codes


def validation_scores(model: HashModel, inputs: Inputs, split: Split, device: torch.device) -> dict[str, float]:
    """Score the validation items as queries by mAP@all, expected over ties, for each ordered pair of modalities.

    `image->text/map@all` searches the training items, whose codes are memorized (leakage); `.../unseen` searches the
    other validation items, and chooses the epoch (`best_epoch.selection_score`).
    """
    assert inputs.labels is not None
    rows = np.concatenate([split.validation, split.train])
    labels = inputs.labels.numpy()[rows]
    codes = {
        name: Codes(pack(u), u.shape[1], rows, name, labels)  # ids are row numbers here
        for name, u in real_codes(model, inputs, rows, device, modalities=model.modalities).items()
    }
    cut = len(split.validation)
    validation, train = np.arange(cut), np.arange(cut, len(rows))
    scores = {}
    for a, b in permutations(codes, 2):
        for suffix, database in (("", train), ("/unseen", validation)):
            result = evaluate(codes[a].select(validation), codes[b].select(database), leave_out_self=True)
            scores[f"{a}->{b}{suffix}/map@all"] = result.values["map@all"]
    return scores
