"""Attributes an exception to a plug-in, if one of its components was running when it was raised.

The traceback is examined afterwards, so there is no cost unless an exception is raised.
"""

from __future__ import annotations

import traceback

from crossmodal_hash.components import KINDS
from crossmodal_hash.errors import ContractError
from crossmodal_hash.registry import BUILT_IN


def blame(error: BaseException) -> str | None:
    """One sentence that names the plug-in, its component and the method that failed; None if no plug-in was running.

    The innermost frame counts: a component may use others.
    """
    foreign = {
        cls: (registry.kind, found)
        for registry in KINDS.values()
        for cls, found in registry.loaded.items()
        if found.origin != BUILT_IN
    }
    said = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        at_work = type(frame.f_locals.get("self"))
        if at_work in foreign:
            kind, found = foreign[at_work]
            # A contract is checked in a method of ours, which is not what the author wrote.
            broken = isinstance(error, ContractError)
            how = "broke its contract" if broken else f"failed in {frame.f_code.co_name}: {type(error).__name__}"
            said = (
                f"{kind} {found.name!r} of {found.origin} ({found.target}) {how}: {error}; this is a fault of that "
                f"plug-in{'' if broken else ', whose traceback follows'}: fix it, or try 'chash check {kind} "
                f"{found.name}'"
            )
    return said
