"""Checks a parameter that must be one of a few words, also in a class that is created without settings."""

from __future__ import annotations

from typing import Any, get_args

from crossmodal_hash.errors import SettingsError, did_you_mean


def check_choice(name: str, value: object, choices: Any) -> None:
    """Reject a value that is not in the `Literal`.

    Raises:
        SettingsError: listing the valid values.

    Example:
        >>> from typing import Literal
        >>> check_choice("form", "mse", Literal["likelihood", "mse"])
        >>> check_choice("form", "msa", Literal["likelihood", "mse"])
        Traceback (most recent call last):
        crossmodal_hash.errors.SettingsError: form='msa' is not one of likelihood, mse (did you mean 'mse'?)
    """
    known = get_args(choices)
    if value not in known:
        words = [str(word) for word in known]
        raise SettingsError(f"{name}={value!r} is not one of {', '.join(words)}{did_you_mean(str(value), words)}")
