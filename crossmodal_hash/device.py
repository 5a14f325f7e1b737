"""Where tensors live; the one place that turns a name such as `cuda:1` into a device."""

from __future__ import annotations

import torch

from crossmodal_hash.errors import SettingsError


def pick_device(name: str) -> torch.device:
    """The device of this name; `auto` is the GPU if there is one.

    Raises:
        SettingsError: for a device that is not available or unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise SettingsError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        found = torch.cuda.device_count()
        raise SettingsError(f"device {name!r} is not available: {found} CUDA devices found; use --device cpu")
    return device
