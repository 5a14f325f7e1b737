"""The weights of a run: what it learned in one file, and in a second one the frozen backbones, which runs share.

A frozen backbone is the same in every run and may be much larger than all that is learned: sentence vectors take 91 MB,
the layers of `default` 8 MB. So its file is a hard link to one in the cache folder wherever the file system allows: a
bench of a hundred cells has it on disk once. Each run folder is complete all the same. It can be copied to another
machine, and the cache can be deleted.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor

from crossmodal_hash.atomic import replacing, write_bytes
from crossmodal_hash.cache import cache_folder
from crossmodal_hash.errors import RunError
from crossmodal_hash.model import HashModel, complete

FROZEN = "frozen.safetensors"
"""The file of the frozen backbones, beside that of what was learned; runs of version 0.2 and older have one file."""


def save_weights(path: Path, model: HashModel) -> None:
    """Write all weights as safetensors, each tensor once, each file complete or absent; that of `path` last.

    Args:
        path: the file of what was learned.
        model: on any device.
    """
    learned = model.learned_state()
    frozen = {name: x for name, x in model.own_state().items() if name not in learned}
    if frozen:
        write_shared(path.with_name(FROZEN), _bytes(frozen))
    write_bytes(path, _bytes(learned))


def write_shared(path: Path, data: bytes) -> None:
    """Write `data` to `path` as `write_bytes` does, as a link to a file of the same bytes in the cache if possible."""
    kept = cache_folder() / "weights" / f"{hashlib.sha256(data).hexdigest()}{path.suffix}"
    try:
        if not kept.exists() or kept.read_bytes() != data:
            write_bytes(kept, data)
        with replacing(path) as temporary:
            temporary.unlink()
            os.link(kept, temporary)
    except OSError:  # no hard links here, another file system, or a cache that cannot be written
        write_bytes(path, data)


def load_weights(path: Path, model: HashModel) -> None:
    """Load the weights of `path` and of the file beside it into `model`.

    Raises:
        RunError: if a file is missing, corrupt, or of another model.
    """
    state, frozen = _read(path), path.with_name(FROZEN)
    own = model.own_state()
    if frozen.exists() or not own.keys() <= state.keys() | model.learned_state().keys():
        state = _read(frozen) | state
    state = complete(state, own)
    wrong = sorted(set(state) ^ set(own)) or sorted(n for n in own if own[n].shape != state[n].shape)
    if wrong:
        raise RunError(f"{path} does not fit this run's settings: {len(wrong)} tensors differ, such as {wrong[0]}")
    model.load_state_dict(state, strict=False)  # what a tensor is called besides, it has got with its first name


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        if path.name == FROZEN:
            raise RunError(f"{path} is missing; copy it from the folder that this run was trained in") from None
        raise RunError(
            f"{path} is missing: the run is not finished; continue it with 'chash train --resume {path.parent}'"
        ) from None
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be read ({error}); train again, or restore the file") from error


def _bytes(state: dict[str, Tensor]) -> bytes:
    return serialize({name: x.detach().cpu().contiguous() for name, x in state.items()})
