"""What a setting may be, in words, from its declared type and its limits."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def allowed(declared: Any, limits: Iterable[Any] = ()) -> str:
    """The values that a type allows.

    Args:
        declared: a type, as a schema or a constructor declares it.
        limits: what pydantic keeps of `Field(1, ge=1)`; anything but bounds is ignored.

    Example:
        >>> from pydantic import Field
        >>> allowed(int, Field(ge=1, le=4096).metadata), allowed(float, Field(gt=0).metadata)
        ('a whole number of at least 1 and at most 4096', 'a number above 0')
        >>> allowed(int | list[int | str])
        'a whole number, or a list of whole numbers or texts'
        >>> allowed(Literal["best", "last"] | None)
        "'best' or 'last'"
    """
    origin, inner = get_origin(declared), get_args(declared)
    if origin is Annotated:
        return allowed(inner[0], [*inner[1:], *limits])
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inner if kind is not types.NoneType]
        how = ", or " if any(_is(kind, Sequence) for kind in kinds) else " or "
        return how.join(allowed(kind, limits) for kind in kinds)
    if origin is Literal:
        *others, last = map(repr, inner)
        return f"{', '.join(others)} or {last}" if others else last
    if _is(declared, Sequence):
        members = [kind for each in inner if each is not Ellipsis for kind in _each(each)]
        return "a list of " + " or ".join(SEVERAL.get(kind, allowed(kind)) for kind in members) if members else "a list"
    if _is(declared, Mapping):
        return "a table"
    word = WORDS.get(declared, getattr(declared, "__name__", str(declared)))
    bounds = [f"{LIMITS[key]} {value:g}" for limit in limits for key in LIMITS if (value := getattr(limit, key, None))
              is not None]  # fmt: skip
    said = " and ".join(bounds)
    return f"{word} {'of ' if said.startswith('at') else ''}{said}" if said else word


def _is(declared: Any, kind: type) -> bool:
    cls = get_origin(declared) or declared
    return isinstance(cls, type) and issubclass(cls, kind) and cls is not str


def _each(declared: Any) -> Sequence[Any]:
    return get_args(declared) if get_origin(declared) in (Union, types.UnionType) else (declared,)
