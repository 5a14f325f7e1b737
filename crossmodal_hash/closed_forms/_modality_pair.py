"""The modalities of a method that is defined for exactly two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from crossmodal_hash.errors import SettingsError

T = TypeVar("T")


def modality_pair(features: Mapping[str, T], method: str) -> tuple[tuple[str, T], tuple[str, T]]:
    """The two modalities and what belongs to them.

    Raises:
        SettingsError: for one modality, or three.
    """
    if len(features) != 2:
        raise SettingsError(
            f"{method} is made for two modalities, not for {len(features)} ({', '.join(features)}); "
            f"leave towers out or in, or use seph, which takes any number"
        )
    first, second = features.items()
    return first, second
