"""A run and data in, codes out: for every modality, or only for pictures or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from crossmodal_hash.callbacks import Callback
from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.data import Dataset
from crossmodal_hash.device import pick_device
from crossmodal_hash.errors import DataError, did_you_mean
from crossmodal_hash.model import HashModel
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.training.inputs import prepare
from crossmodal_hash.training.known_labels import codes_of_labels
from crossmodal_hash.training.real_codes import real_codes


def encode(
    run: Run,
    dataset: Dataset,
    *,
    device: str = "auto",
    modalities: Sequence[str] | None = None,
    labels: bool = True,
    known_labels: bool = False,
    callback: Callback | None = None,
) -> tuple[dict[str, Codes], dict[str, NDArray[np.float32]]]:
    """Codes of every item in every modality that the model and the data share.

    Args:
        run: a finished run.
        dataset: N items; labels and partners may be missing.
        device: auto, cpu, cuda, cuda:N.
        modalities: the modalities to encode; None: all.
        labels: whether labels are stored with the codes.
        known_labels: whether items whose labels were used in training get a code made from the labels, the same in
            every modality (`known_labels.codes_of_labels`); the others, especially queries, keep their own.
        callback: receives the progress.

    Returns:
        Modality -> codes (N items), and modality -> (N, K) real codes before the sign. On the data the run was trained
        on, the codes have the parts query, train, validation and database; and only there can items of the database get
        one code from all their modalities (`unified`), if the method is set to do so, or from their labels
        (`known_labels`).

    Raises:
        DataError: for a modality that the data does not have, a label that the run has never seen, or no known labels.
        RunError: for a run that is not finished.
    """
    target = pick_device(device)
    missing = [name for name in modalities or () if name not in dataset.modalities]
    if missing:
        raise DataError(f"{dataset.name} has no {missing[0]}; it has {', '.join(dataset.modalities)}")
    own = dataset.fingerprint() == run.read("environment.json", "data")["fingerprint"]
    if known_labels:
        _check_known(run, dataset, own=own, every=modalities is None)
    known = run.label_names()
    label_rows = _aligned(dataset, known) if labels and dataset.labels is not None else None
    model = run.load_model(target)
    inputs = prepare(dataset, model, run.vocabulary(), target, modalities=modalities, callback=callback)
    u = real_codes(model, inputs, np.arange(len(dataset)), target, callback=callback)
    parts = {}
    if own:
        split = run.split(dataset.ids)
        for part in ("query", "train", "validation", "database"):
            parts[part] = np.isin(np.arange(len(dataset)), getattr(split, part))
        parts |= unify(model, u, parts["database"] & ~parts["query"])
        if known_labels:
            parts |= from_labels(u, _aligned(dataset, known), parts)
    mark = model.fingerprint()[:16]
    codes = {
        name: Codes(
            pack(values),
            values.shape[1],
            np.asarray(dataset.ids),
            name,
            label_rows,
            known if label_rows is not None else None,
            mark,
            parts,
        )
        for name, values in u.items()
    }
    return codes, u


def unify(
    model: HashModel, u: dict[str, NDArray[np.float32]], items: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Give items that are present in every modality their common code, in place, if the model does so.

    Args:
        model: with hash functions that may unify.
        u: modality -> real codes (N, K).
        items: mask of the items, (N,); queries have only one modality.

    Returns:
        The part `unified`, so that a codes file shows which codes use the other modalities; empty if there are none.
    """
    common = model.unify({name: torch.from_numpy(values[items]) for name, values in u.items()})
    if common is None:
        return {}
    for values in u.values():
        values[items] = common.numpy()
    return {"unified": items}


def from_labels(
    u: dict[str, NDArray[np.float32]], labels: NDArray[np.uint8], parts: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Give database items that were used for training or validation a code made from their labels, in place.

    The labels of these items were used in training; labels of the others are only for scoring. An item without any
    label keeps its own code.

    Args:
        u: modality -> real codes (N, K).
        labels: (N, C).
        parts: masks of the items of query, train, validation and database.

    Returns:
        The part `known_labels`, which replaces `unified` for these items.
    """
    trained = parts["train"]
    items = (trained | parts["validation"]) & parts["database"] & ~parts["query"] & labels.any(1)
    made = codes_of_labels(labels[items], {name: values[trained] for name, values in u.items()}, labels[trained])
    for values in u.values():
        values[items] = made
    rest = {"unified": parts["unified"] & ~items} if "unified" in parts else {}
    return {"known_labels": items, **rest}


def _check_known(run: Run, dataset: Dataset, *, own: bool, every: bool) -> None:
    if dataset.labels is None:
        raise DataError(f"{dataset.name} has no labels, so none are known; leave --known-labels out")
    if not own:
        raise DataError(
            f"known labels are only those that {run.path} was trained with, but {dataset.name} is other data; leave "
            f"--known-labels out, or encode the run's own data"
        )
    if not every:
        raise DataError("codes from known labels are made for all modalities together; do not name modalities")


def _aligned(dataset: Dataset, known: tuple[str, ...]) -> NDArray[np.uint8]:
    """The labels, in the columns of the run."""
    assert dataset.labels is not None
    out = np.zeros((len(dataset), len(known)), np.uint8)
    for column, name in enumerate(dataset.label_names):
        if name in known:
            out[:, known.index(name)] = dataset.labels[:, column]
        elif dataset.labels[:, column].any():
            row = int(dataset.labels[:, column].argmax())
            raise DataError(
                f"label {name!r} of {dataset.ids[row]} was not in the training data{did_you_mean(name, known)}; "
                f"the run knows {len(known)} labels; rename it, or encode with --no-labels"
            )
    return out
