"""The scores that choose an epoch: validation items as queries, never the query set."""

from __future__ import annotations

from collections.abc import Collection
from itertools import permutations

import numpy as np
import torch

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.data import Split
from crossmodal_hash.evidence import Sees
from crossmodal_hash.metrics import evaluate
from crossmodal_hash.model import HashModel
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.real_codes import real_codes

LABELS: frozenset[Sees] = frozenset({"labels"})
"""What scores an objective that sees nothing, such as one of regularizers."""


def validation_scores(
    model: HashModel, inputs: Inputs, split: Split, device: torch.device, *, by: Collection[Sees] = LABELS
) -> dict[str, float]:
    """Score the validation items as queries, for each ordered pair of modalities, expected over ties.

    Where the terms see labels: `image->text/map@all` searches the training items, whose codes are memorized (leakage);
    `image->text/unseen/map@all` searches the other validation items. Where they see pairs or features:
    `image->text/partners/map@all`, where only the own partner among the validation items is relevant: the mean
    reciprocal rank, which a handful of items does not leave in steps as hit@10 does. `best_epoch.selection_score` says
    which of them choose the epoch.

    Args:
        model: the towers.
        inputs: inputs of all items.
        split: with validation items.
        device: device of the model.
        by: the kinds of evidence that the terms see.
    """
    rows = np.concatenate([split.validation, split.train]) if "labels" in by else split.validation
    labels = inputs.labels.numpy()[rows] if "labels" in by and inputs.labels is not None else None
    codes = {
        name: Codes(pack(u), u.shape[1], rows.astype(np.str_), name, labels)
        for name, u in real_codes(model, inputs, rows, device, modalities=model.modalities).items()
    }
    cut = len(split.validation)
    validation, train = np.arange(cut), np.arange(cut, len(rows))
    scores = {}
    for a, b in permutations(codes, 2):
        asked = codes[a].select(validation)
        for suffix, database in (("", train), ("/unseen", validation)) if labels is not None else ():
            result = evaluate(asked, codes[b].select(database), leave_out_self=True)
            scores[f"{a}->{b}{suffix}/map@all"] = result.values["map@all"]
        if set(by) - {"labels"}:
            result = evaluate(asked, codes[b].select(validation), relevant="pairs", leave_out_self=False)
            scores[f"{a}->{b}/partners/map@all"] = result.values["map@all"]
    return scores
