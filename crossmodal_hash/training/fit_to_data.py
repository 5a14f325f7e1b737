"""What the data and the machine ask of the settings, before the user has the last word."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from crossmodal_hash.components import BACKBONES
from crossmodal_hash.data import Dataset
from crossmodal_hash.errors import ChashError
from crossmodal_hash.factory import build_term
from crossmodal_hash.settings.layers import Layer, nest
from crossmodal_hash.settings.resolve import Resolved
from crossmodal_hash.training.training_evidence import lacks

OF_ROWS = {"backbone": {"name": "mlp"}, "levels": 2}
OF_WORDS = {"backbone": {"name": "bow-mlp", "hidden": [512], "dropout_input": 0.5}, "levels": 1, "width": 0}
FITTED = {"backbone": {"name": "raw"}, "levels": 1}
LACKING = "data: no "
"""How the origin of a weight begins that is 0 because of the data."""


def frozen_by_default(device: str | None) -> bool:
    """Whether the backbone is frozen where nobody says: on a CPU, where training it takes days."""
    return not torch.cuda.is_available() if device in (None, "auto") else not str(device).startswith("cuda")


def data_layers(resolved: Resolved, dataset: Dataset) -> list[Layer]:
    """Settings that follow from the data, unless the user set them.

    A matrix in place of pictures is read by `mlp`, one in place of texts by `bow-mlp`, and both as they are by a
    closed-form method. A term that is `optional` is left out where the data lacks the evidence it needs.
    """
    return [*_towers(resolved, dataset), *_terms(resolved, dataset)]


def _towers(resolved: Resolved, dataset: Dataset) -> Iterator[Layer]:
    for modality, tower in resolved.settings.towers.items():
        source, reads = dataset.modalities.get(modality), BACKBONES.resolve(tower.backbone.name).reads
        if source is None or reads in source.feeds or reads not in ("image", "string"):
            continue
        of_rows = OF_ROWS if reads == "image" else OF_WORDS
        values = nest(f"towers.{modality}", FITTED if resolved.settings.closed_form is not None else of_rows)
        yield Layer(f"data: {modality} is a matrix", values)


def _terms(resolved: Resolved, dataset: Dataset) -> Iterator[Layer]:
    missing = lacks(dataset, resolved.settings)
    for name, term in resolved.settings.terms.items():
        if term.optional and term.weight > 0 and missing:
            try:
                kind = build_term(name, term).needs
            except ChashError:  # it is reported where the parts are checked
                continue
            if kind in missing:
                yield Layer(f"{LACKING}{kind}", nest(f"terms.{name}.weight", 0.0))


def left_out(resolved: Resolved) -> Iterator[str]:
    """A sentence for each kind of evidence that the data lacks, with the optional terms that need it."""
    terms: dict[str, list[str]] = {}
    for key, origin in resolved.origins.items():
        if origin.startswith(LACKING) and resolved.settings.terms[name := key.split(".")[1]].weight == 0:
            terms.setdefault(origin.removeprefix(LACKING), []).append(name)
    for kind, names in terms.items():
        yield f"the data has no {kind}, so the optional terms that need them are left out: {', '.join(names)}"
