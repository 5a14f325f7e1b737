"""Every error that a user can see; each has the exit code of the command line.

A message is one sentence, without a full stop: the value, the limit and the fix. Anything that is not a `ChashError` is
a bug, ours or a plug-in's; where the component itself can be named, it is a `ContractError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ChashError(Exception):
    """The root: something the user can fix. Exit code 2."""

    exit_code = 2


class DataError(ChashError):
    """A data set, matrix, picture or text that cannot be used."""


class SettingsError(ChashError):
    """A setting with an unknown key or an impossible value."""


class CodesError(ChashError):
    """A codes file, or a matrix of codes, that cannot be used."""


class RunError(ChashError):
    """A run folder that is missing, in use, incomplete or corrupt."""


class WeightsError(ChashError):
    """Pre-trained weights that are not available or do not fit."""


class ShapeError(ChashError):
    """Tensors or matrices whose shapes do not fit together."""


class TrainingError(ChashError):
    """Training that cannot continue, such as a loss that is no longer finite."""


class UnknownComponentError(ChashError):
    """A registry name that nothing provides."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, aliases: Iterable[str] = (), see: str | None = None
    ) -> None:
        names = sorted(known)
        self.kind, self.name = kind, name
        super().__init__(
            f"unknown {kind} {name!r}{did_you_mean(name, [*names, *aliases])}; "
            f"run '{see or f'chash list {kind}'}' to see all {len(names)}"
        )


class BrokenPluginError(ChashError):
    """A plug-in that cannot be imported, is of the wrong class, or claims a name that is taken. Exit code 3."""

    exit_code = 3


class ContractError(Exception):
    """A component that returned something other than its contract promises.

    No user can fix it, so it is not a `ChashError`: a built-in component shows its traceback, and a plug-in is named.

    Args:
        component: its class.
        method: its method that broke the contract.
        said: what was returned and what was promised; continues a sentence that begins with the method.
    """

    def __init__(self, component: type, method: str, said: str) -> None:
        self.component, self.method = component, method
        super().__init__(f"{component.__name__}.{method} {said}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known names in parentheses after a space, or nothing; both sides compared in lower case.

    Example:
        >>> did_you_mean("BIB", ["bbi", "cbam"])
        " (did you mean 'bbi'?)"
    """
    by_lower = {k.lower(): k for k in known}
    near = [by_lower[k] for k in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    return f" (did you mean {' or '.join(repr(k) for k in near)}?)" if near else ""
