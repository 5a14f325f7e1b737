"""Published methods and our own, one TOML file each."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def recipes() -> dict[str, Path]:
    """Names and files of the recipes that ship with the package."""
    folder = Path(str(files(__name__)))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
