"""The folder of what can be computed again: features of frozen backbones, and their weights, which runs share."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder: $CHASH_CACHE, otherwise `crossmodal-hash` in the user's cache folder."""
    chosen = os.environ.get("CHASH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crossmodal-hash"
