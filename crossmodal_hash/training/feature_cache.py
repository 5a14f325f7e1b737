"""Runs a frozen backbone once: its condensed levels are stored on disk under a hash of everything they depend on.

The key depends on the content of the pictures or texts, the backbone's class, parameters and weights, the grid and the
format. Shards are written one by one, so that an interrupted extraction continues where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.backbones.fold import folded
from crossmodal_hash.cache import cache_folder
from crossmodal_hash.callbacks import Callback
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.data import Source, View
from crossmodal_hash.model import fingerprint
from crossmodal_hash.training.step import move, precision
from crossmodal_hash.types import Level, Levels

FORMAT = 2
SHARD = 1024
"""Items per file: a few seconds of work on a CPU, tens of megabytes on disk."""


def cache_key(source: Source, backbone: Backbone, grid: int, mirrored: bool) -> str:
    """SHA-256 of everything that the features depend on."""
    parts = {
        "format": FORMAT,
        "pictures": source.fingerprint(),
        "backbone": type(backbone).__module__ + ":" + type(backbone).__qualname__,
        # Where the weights were read from does not matter, what they are does.
        "config": {name: value for name, value in backbone.config().items() if name != "weights"},
        "weights": fingerprint(backbone.state_dict()),
        "levels": backbone.levels,
        "grid": grid,
        "mirrored": mirrored,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def extract(backbone: Backbone, x: Tensor | Sequence[str], grid: int, device: torch.device) -> dict[str, Tensor]:
    """A batch of what the backbone reads -> the condensed levels as float16, by `level/field`."""
    with torch.inference_mode(), precision(device):
        levels = [level.condense(grid) for level in backbone(move(x, device) if isinstance(x, Tensor) else x)]
    return {
        f"{info.name}/{name}": value.half().cpu()
        for info, level in zip(backbone.levels, levels, strict=True)
        for name, value in level.tensors()
    }


def cached_levels(
    backbone: Backbone,
    source: Source,
    *,
    grid: int,
    device: torch.device,
    mirrored: bool = False,
    batch: int | None = None,
    workers: int | None = None,
    callback: Callback | None = None,
) -> Levels:
    """The condensed levels of all items, float16, read from disk if they are stored there.

    Args:
        backbone: in evaluation mode, on `device`.
        source: N items of the kind that the backbone reads.
        grid: side of the grid each map is condensed to.
        device: device of the backbone.
        mirrored: whether pictures are mirrored.
        batch: items per step; the default depends on the device.
        workers: processes that read items; the default depends on the device.
        callback: receives the progress.

    Returns:
        One level for each level that the backbone declares; x is (N, D, grid, grid).

    Raises:
        DataError: for an item that cannot be read.
        OSError: if there is no space.
    """
    callback = callback or Callback()
    folder = cache_folder() / "features" / cache_key(source, backbone, grid, mirrored)
    backbone.eval()
    on_gpu = device.type == "cuda"
    batch = batch or _at_once(backbone, device)
    # The cores are busy there, so that processes which read would only be in the way.
    workers = workers if workers is not None or on_gpu else 0
    starts = range(0, len(source), SHARD)
    shards = {start: _read(folder / f"{start:08d}.safetensors") for start in starts}
    missing = [start for start, shard in shards.items() if not shard]
    if missing:
        label = f"features of {len(source)} {source.things}" + (", mirrored" if mirrored else "")
        with callback.task(label, len(source)) as advance:
            advance(len(source) - sum(min(SHARD, len(source) - start) for start in missing))
            view = View(backbone.size, mirrored=mirrored, workers=workers, pin_memory=on_gpu)
            _extract_shards(backbone, source, missing, folder, grid, device, view, batch, advance)
        shards |= {start: _read(folder / f"{start:08d}.safetensors") for start in missing}
    return _joined(backbone, list(shards.values()))


def levels_now(
    backbone: Backbone,
    source: Source,
    *,
    grid: int,
    device: torch.device,
    mirrored: bool = False,
    workers: int | None = None,
    callback: Callback | None = None,
) -> Levels:
    """What `cached_levels` returns, without a file: for the few items of a query.

    Args:
        backbone: in evaluation mode, on `device`; as `folded` returns it if its levels are to be those in the cache.
        source: N items of the kind that the backbone reads, N > 0.
        grid: side of the grid each map is condensed to.
        device: device of the backbone.
        mirrored: whether pictures are mirrored.
        workers: processes that read items.
        callback: told nothing.
    """
    step = _at_once(backbone, device)
    plan = [np.arange(first, min(first + step, len(source))) for first in range(0, len(source), step)]
    view = View(backbone.size, mirrored=mirrored, workers=workers)
    return _joined(backbone, [extract(backbone, x, grid, device) for x in source.batches(plan, view)])


def _at_once(backbone: Backbone, device: torch.device) -> int:
    """Items that a backbone is given together.

    On a CPU large activations are given back to the system and cleared again each time: 8 pictures run twice as fast
    as 64. Texts are small, and out of many a backbone can compute those of one length together: minilm takes a third
    less time.
    """
    return 128 if device.type == "cuda" or backbone.reads == "string" else 8


def _joined(backbone: Backbone, parts: Sequence[Mapping[str, Tensor]]) -> Levels:
    return tuple(
        Level(
            **{
                name: torch.cat([part[f"{info.name}/{name}"] for part in parts])
                for name in _fields(parts[0], info.name)
            }
        )
        for info in backbone.levels
    )


def _extract_shards(
    backbone: Backbone,
    source: Source,
    starts: list[int],
    folder: Path,
    grid: int,
    device: torch.device,
    view: View,
    batch: int,
    advance: Callable[[int], None],
) -> None:
    fast = folded(backbone)
    plan = [
        np.arange(first, min(first + batch, start + SHARD, len(source)))
        for start in starts
        for first in range(start, min(start + SHARD, len(source)), batch)
    ]
    parts: list[dict[str, Tensor]] = []
    # One stream over all shards: the readers work ahead while the backbone computes and a shard is written.
    for rows, x in zip(plan, source.batches(plan, view), strict=True):
        parts.append(extract(fast, x, grid, device))
        advance(len(rows))
        end = int(rows[-1]) + 1
        if end % SHARD == 0 or end == len(source):
            shard = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
            write_bytes(folder / f"{(end - 1) // SHARD * SHARD:08d}.safetensors", serialize(shard))
            parts = []


def _read(path: Path) -> dict[str, Tensor]:
    """One shard; empty if it is missing or damaged, because it can be computed again."""
    try:
        return load_file(path)
    except (FileNotFoundError, NotADirectoryError, SafetensorError):
        return {}


def _fields(shard: Mapping[str, Tensor], level: str) -> list[str]:
    return [key.removeprefix(f"{level}/") for key in shard if key.startswith(f"{level}/")]
