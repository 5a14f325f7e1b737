"""A checkpoint from which training can be resumed: one safetensors file, replaced atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.errors import RunError


@dataclass
class Progress:
    """The state of training.

    Attributes:
        epoch: epochs completed.
        step: optimizer steps completed in the next epoch.
        best_epoch: the epoch with the best validation score, or 0.
        best_score: that score.
        sums: term -> sum of its values over the steps of the epoch in progress.
        seconds: time spent in the epoch in progress.
        chosen: epochs of the second pass of a refit; 0 in the first.
        before: epochs of the first pass.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    chosen: int = 0
    before: int = 0


Groups = Mapping[str, Mapping[str, Tensor]]


def save(path: Path, progress: Progress, groups: Groups) -> None:
    """Write counters and named groups of tensors, all of it or nothing."""
    tensors = {
        f"{group}/{name}": x.detach().cpu().contiguous() for group, named in groups.items() for name, x in named.items()
    }
    write_bytes(path, serialize(tensors, {"format": "1", "progress": json.dumps(asdict(progress))}))


def load(path: Path) -> tuple[Progress, dict[str, dict[str, Tensor]]]:
    """Read a file of `save`.

    Raises:
        RunError: if the file is missing or corrupt.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads((file.metadata() or {})["progress"]))
            for key in file.keys():  # noqa: SIM118 - not a dict
                group, _, name = key.partition("/")
                # A copy: the tensor is the mapped file, which Windows lets nobody replace, and the next save does.
                groups.setdefault(group, {})[name] = file.get_tensor(key).clone()
    except FileNotFoundError:
        raise RunError(
            f"{path.parent.parent} has no checkpoint to resume from; train again with another --out"
        ) from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"checkpoint {path} is corrupt ({error}); delete it and train again") from error
    return progress, groups


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state, flat: position of the parameter and name of the value -> tensor."""
    state = optimizer.state_dict()["state"]
    return {f"{i}/{name}": x for i, values in state.items() for name, x in values.items() if isinstance(x, Tensor)}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the output of `optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, x in tensors.items():
        i, _, name = key.partition("/")
        state.setdefault(int(i), {})[name] = x
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
