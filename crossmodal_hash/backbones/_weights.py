"""Pre-trained weights from a file: never from the network, and never from a pickle that may contain code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from crossmodal_hash.errors import WeightsError


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a `.safetensors` file, or in any other file that `torch.load` reads without running code.

    Args:
        path: the file; `~` is expanded.

    Raises:
        WeightsError: if there is no such file, or it holds something other than tensors by name.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise WeightsError(
            f"no weights at '{file}'; give a .pth or .safetensors file, or weights='none' for random ones"
        )
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise WeightsError(
            f"'{file}' cannot be read as weights; save it as a plain state dict or safetensors"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()
    ):
        raise WeightsError(f"'{file}' holds something other than tensors by name; save only model.state_dict()")
    return dict(state)


def load_weights(module: nn.Module, state: Mapping[str, Tensor], source: str, ignore: tuple[str, ...] = ()) -> None:
    """Copy a state dict into a module, either all of it or nothing.

    Batch counters may be missing, because old files do not have them.

    Args:
        module: receives the weights.
        state: tensors by the module's own names.
        source: where they come from, for the message.
        ignore: prefixes of names that are skipped, such as a classifier's.

    Raises:
        WeightsError: if a tensor is missing, unknown or of another shape.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: value for name, value in state.items() if not name.startswith(ignore)}
    needed = {name for name in wanted if not name.endswith("num_batches_tracked")}
    reason = (
        _first("lacks", needed - given.keys())
        or _first("has the unknown", given.keys() - wanted.keys())
        or _first("has another shape for", {n for n, value in given.items() if tuple(value.shape) != wanted[n]})
    )
    if reason:
        raise WeightsError(f"'{source}' does not fit {type(module).__name__}: it {reason}")
    module.load_state_dict(given, strict=False)


def is_meta(module: nn.Module) -> bool:
    """Whether the module has shapes only. Weights are then not read, because a saved model has its own."""
    return next(module.parameters()).is_meta


def _first(verb: str, names: set[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{verb} {min(names)}{more}" if names else ""
