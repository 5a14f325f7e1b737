"""The evidence that a training can see: what its terms need, what the data has, and the tensors themselves."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.data import Dataset
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.evidence import Seen, Sees
from crossmodal_hash.factory import build_term, guides
from crossmodal_hash.model import HashModel, Tower
from crossmodal_hash.settings.resolve import Resolved, is_users
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.drawn import Drawn
from crossmodal_hash.training.inputs import Inputs, Streamed
from crossmodal_hash.training.real_codes import BATCH
from crossmodal_hash.training.rows import Rows, cut
from crossmodal_hash.training.stream import Stream

WAY_OUT = {
    "labels": "add labels, or train without them: --recipe default or pairs",
    "pairs": "give data with two modalities",
    "features": "choose another criterion",
}


def needs(settings: Settings) -> dict[str, Sees]:
    """Part of the settings that cannot do without a kind of evidence -> that kind."""
    if settings.closed_form is not None:
        return {f"closed_form = {settings.closed_form.name!r}": CLOSED_FORMS.resolve(settings.closed_form.name).sees}
    found: dict[str, Sees] = {f"tower {name!r}": "labels" for name in guides(settings)}
    for name, term in settings.terms.items():
        if term.weight > 0 and (kind := build_term(name, term).needs) is not None:
            found[_term(name)] = kind
    return found


def lacks(dataset: Dataset, settings: Settings) -> set[Sees]:
    """The kinds of evidence that the data does not have for the towers of these settings."""
    found: set[Sees] = set() if dataset.labels is not None and dataset.labels.any() else {"labels"}
    return found | ({"pairs"} if len(set(settings.towers) - set(guides(settings))) < 2 else set())


def check_evidence(dataset: Dataset, resolved: Resolved) -> None:
    """Reject data that lacks what the settings need.

    Raises:
        DataError: naming the part, the kind of evidence and the alternative.
    """
    missing, needed = lacks(dataset, resolved.settings), needs(resolved.settings)
    if not needed and "labels" in missing:
        raise DataError(
            f"{dataset.name} has no labels, and no term that is left says which items are similar; {WAY_OUT['labels']}"
        )
    for part, kind in needed.items():
        if kind in missing:
            what = "labels" if kind == "labels" else "pairs of a picture and a text"
            way = WAY_OUT[kind]
            if kind == "labels":
                way = _without_labels([other for other, its in needed.items() if its == kind], resolved)
            raise DataError(f"{dataset.name} has no {what}, and {part} needs them; {way}")


def _without_labels(parts: Collection[str], resolved: Resolved) -> str:
    """How to train without labels, given the parts that need them: another recipe does not help if the user asked."""
    asked = {name: how for name in resolved.settings.terms if _term(name) in parts and (how := _asked(name, resolved))}
    if not asked:
        return WAY_OUT["labels"]
    options = " and ".join(dict.fromkeys(asked.values()))
    if len(asked) < len(parts):
        return f"{WAY_OUT['labels']}, and leave out {options}"
    if resolved.recipe == "pairs":
        return f"add labels, or leave out {options}"
    return f"add labels, leave out {options}, or use --recipe pairs instead"


def _asked(name: str, resolved: Resolved) -> str:
    """What switched a term on or chose its criterion, if it was the user: an option, or a key in a file."""
    for key in (f"terms.{name}.criterion", f"terms.{name}.weight"):
        origin = resolved.origins.get(f"{key}.name", resolved.origins.get(key, ""))
        if is_users(origin):
            return f"{origin} {key}" if origin == "--set" else f"{key} in {origin}" if " " in origin else origin
    return ""


def _term(name: str) -> str:
    return f"term {name!r}"


def gather_evidence(
    kinds: Collection[Sees], dataset: Dataset, model: HashModel, inputs: Inputs, rows: Rows, device: torch.device
) -> dict[Sees, Seen]:
    """The evidence of the training items, on the device.

    Args:
        kinds: which are needed; `pairs` costs nothing and is always there.
        dataset: N items.
        model: the towers.
        inputs: inputs of all N items.
        rows: (n,), the training items.
        device: where it is used.

    Features are those of frozen backbones alone, because those of others change.

    Raises:
        SettingsError: for features, if every backbone is trained.
    """
    found: dict[Sees, Seen] = {"pairs": torch.from_numpy(np.asarray(rows, dtype=np.int64))[:, None].to(device)}
    if "labels" in kinds:
        found["labels"] = torch.from_numpy(np.asarray(dataset.labels, dtype=np.uint8)[rows]).to(device)
    if "features" in kinds:
        plain = {name: inputs.streams[name].plain() for name in model.modalities}
        frozen = {name: stream for name, stream in plain.items() if not _is_trained(stream)}
        if not frozen:
            raise SettingsError(
                f"the backbones of {', '.join(plain)} are trained, so their features change, and a criterion needs "
                f"frozen ones; set train.freeze_backbone=true"
            )
        found["features"] = {
            name: _features(model.tower(name), stream, rows, device) for name, stream in frozen.items()
        }
    return found


def _is_trained(stream: Stream) -> bool:
    return isinstance(stream.stream if isinstance(stream, Drawn) else stream, Streamed)


def _features(tower: Tower, stream: Stream, rows: Rows, device: torch.device) -> Tensor:
    """(n, D): the global average of the highest level of a frozen backbone, or the rows of a matrix as they are."""
    parts = [x if isinstance(x, Tensor) else x[len(tower.chosen) - 1].mean() for x in stream.batches(cut(rows, BATCH))]
    return torch.cat([part.float() for part in parts]).to(device)
