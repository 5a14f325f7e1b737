"""A parameter that is one of a few words, also where a class is made without settings."""

from __future__ import annotations

from typing import Any, get_args

from crossmodal_hash.errors import SettingsError


def check_choice(name: str, value: str, choices: Any) -> None:
    """Refuse a word that is not in the `Literal`.

    Raises:
        SettingsError: naming the words there are.
    """
    if value not in get_args(choices):
        raise SettingsError(f"{name}={value!r} is not one of {', '.join(get_args(choices))}")
