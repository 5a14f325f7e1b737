"""A part that settings name becomes a component, its parameters checked against the constructor."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, create_model

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.registry import Registry
from crossmodal_hash.settings.schema import Named, problems

T = TypeVar("T")


def make(registry: Registry[T], part: Named, where: str) -> T:
    """A component with its parameters; `where` is its key in the settings.

    Raises:
        UnknownComponentError: no component of that name.
        SettingsError: a parameter it does not have, or cannot be; what a constructor says gets the key in front.
    """
    cls, params = registry.taking(part.name, part.params())
    check_params(cls, params, where)
    try:
        return cls(**params)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error


def check_params(cls: type, params: Mapping[str, Any], where: str) -> None:
    """Reject parameters of another type than the constructor of a component declares.

    Raises:
        SettingsError: everything that is wrong, in one message; `where` is the key of the component.
    """
    try:
        declared = inspect.signature(cls, eval_str=True).parameters
    except NameError:
        # A plug-in may name types that it imports for checkers alone; it checks its own parameters then.
        return
    kinds = {key: declared[key].annotation for key in params}
    fields: dict[str, Any] = {
        key: (Any if kind is inspect.Parameter.empty else kind, ...) for key, kind in kinds.items()
    }
    strict = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        create_model("Parameters", __config__=strict, **fields).model_validate(dict(params))
    except ValidationError as error:
        raise SettingsError(problems(error, f"{where}.")) from None
