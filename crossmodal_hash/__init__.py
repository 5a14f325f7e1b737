"""Cross-modal hashing: short binary codes for pictures and texts, found by Hamming distance.

Names are loaded when first used, so importing the package is cheap. Training reports to the logger `crossmodal_hash`,
which is silent until the program configures `logging`.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossmodal_hash.api import build as build
    from crossmodal_hash.api import evaluate as evaluate
    from crossmodal_hash.api import open_run as open_run
    from crossmodal_hash.api import train as train
    from crossmodal_hash.callbacks import Callback as Callback
    from crossmodal_hash.components import register as register
    from crossmodal_hash.opening.recognize import load_data as load_data

_PUBLIC = {
    "load_data": "crossmodal_hash.opening.recognize",
    "build": "crossmodal_hash.api",
    "train": "crossmodal_hash.api",
    "evaluate": "crossmodal_hash.api",
    "open_run": "crossmodal_hash.api",
    "Callback": "crossmodal_hash.callbacks",
    "register": "crossmodal_hash.components",
}
__all__ = list(_PUBLIC)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("crossmodal-hash")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'crossmodal_hash' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
