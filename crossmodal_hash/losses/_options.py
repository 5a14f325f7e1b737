"""Checks of the parameters of losses, and values given as a multiple of 1/K."""

from __future__ import annotations

import math

from crossmodal_hash.errors import SettingsError

SLOPES = {"half": "fixed:0.5", "hsidhn": "scaled:64", "dmmih": "scaled:32"}
"""Named slopes of the likelihood: DCMH and PRDH; HSIDHN's text; HSIDHN's code."""


def per_bit(option: str, bits: int, *, parameter: str) -> float:
    """The value at K bits of an option that may depend on the code length.

    `scaled:<k>` is k / K, `fixed:<value>` the value itself; `half` = fixed:0.5, `hsidhn` = scaled:64 and `dmmih` =
    scaled:32 are the slopes of published methods.

    Args:
        option: as above.
        bits: K, the code length.
        parameter: its name in messages.

    Raises:
        SettingsError: for any other form, or a value that is not a positive number.

    Example:
        >>> per_bit("scaled:8", 64, parameter="slope"), per_bit("half", 64, parameter="slope")
        (0.125, 0.5)
    """
    kind, _, text = SLOPES.get(option, option).partition(":")
    try:
        value = float(text) if kind in ("scaled", "fixed") else math.nan
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SettingsError(
            f"{parameter} is {option!r}; use scaled:<k> for k / K, fixed:<value> (both above 0), {' or '.join(SLOPES)}"
        )
    return value / bits if kind == "scaled" else value


def at_least(parameter: str, value: float, low: float) -> None:
    """Check that a parameter is a finite number not below its limit.

    Raises:
        SettingsError: if it is below, infinite or not a number.
    """
    if not low <= value < math.inf:
        raise SettingsError(f"{parameter} is {value}; use a number of at least {low}")
