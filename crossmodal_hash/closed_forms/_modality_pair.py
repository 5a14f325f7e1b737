"""The modalities of a method that is defined for exactly two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from crossmodal_hash.errors import SettingsError

T = TypeVar("T")


def modality_pair(features: Mapping[str, T], method: str) -> tuple[tuple[str, T], tuple[str, T]]:
    """The two modalities with their features.

    Raises:
        SettingsError: for any other number of modalities.
    """
    if len(features) != 2:
        raise SettingsError(
            f"{method} needs two modalities, not {len(features)} ({', '.join(features)}); "
            f"remove or add towers, or use seph, which takes any number"
        )
    first, second = features.items()
    return first, second
