"""Builds a component from a part of the settings, with parameters checked against the constructor."""

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
        UnknownComponentError: for an unknown name.
        SettingsError: for an unknown parameter or an invalid value; messages of a constructor are prefixed by the key.
    """
    cls, params = registry.taking(part.name, part.params())
    check_params(cls, params, where)
    try:
        return cls(**params)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error


def check_params(cls: type, params: Mapping[str, Any], where: str) -> None:
    """Reject parameters whose type differs from the declaration in the constructor of a component.

    Raises:
        SettingsError: with all problems in one message; `where` is the key of the component.
    """
    try:
        declared = inspect.signature(cls, eval_str=True).parameters
    except NameError:
        # A plug-in may name types that it imports for checkers alone; it checks its own parameters then.
        return
    fields: dict[str, Any] = {key: _field(declared[key]) for key in params}
    strict = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    model = create_model("Parameters", __config__=strict, **fields)
    try:
        model.model_validate(dict(params))
    except ValidationError as error:
        raise SettingsError(problems(error, model, params, f"{where}.")) from None


def _field(parameter: inspect.Parameter) -> tuple[Any, Any]:
    """Type and default of a parameter, as pydantic takes them."""
    declared, default = (None if x is inspect.Parameter.empty else x for x in (parameter.annotation, parameter.default))
    return Any if declared is None else declared, default
