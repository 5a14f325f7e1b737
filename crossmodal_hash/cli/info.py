"""`chash info`: everything about one component or recipe."""

from __future__ import annotations

import inspect
import textwrap
from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json
from crossmodal_hash.cli.output import Output


def info(
    kind: Annotated[str, typer.Argument(help="backbone, fusion, criterion (sim), loss, recipe, ...")],
    name: Annotated[str, typer.Argument(help="A name from 'chash list'.")],
    as_json: Json = False,
) -> None:
    """Show the docstring, parameters and defaults of a component, or the text of a recipe."""
    from crossmodal_hash.cli.docstring import said_of_parameters, split_args, types_of_parameters
    from crossmodal_hash.components import KIND_ALIASES, registry_of
    from crossmodal_hash.errors import UnknownComponentError
    from crossmodal_hash.recipes import recipes
    from crossmodal_hash.registry import normalize, parameters

    output = Output(as_json=as_json)
    if KIND_ALIASES.get(normalize(kind), normalize(kind)) == "recipe":
        shipped = recipes()
        if normalize(name) not in shipped:
            raise UnknownComponentError("recipe", name, shipped)
        text = shipped[normalize(name)].read_text("utf-8")
        output.line(text.rstrip(), {"kind": "recipe", "name": normalize(name), "text": text})
        return
    registry = registry_of(kind)
    found = registry.find(name)
    cls = registry.resolve(name)
    known = parameters(cls)
    doc = inspect.getdoc(cls) or ""
    types, said = types_of_parameters(cls), said_of_parameters(cls)
    lines = [f"{registry.kind} {found.name}  ({found.origin}, {found.target})", "", split_args(doc)[0], ""]
    for key, value in known.items():
        lines.append(f"  {key} = {value!r}" + (f"  ({types[key]})" if key in types else ""))
        lines += textwrap.wrap(said.get(key, ""), 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    lines += [] if known else ["  no parameters"]
    document = {
        "kind": registry.kind,
        "name": found.name,
        "origin": found.origin,
        "target": found.target,
        "doc": doc,
        "parameters": {key: _plain(value) for key, value in known.items()},
        "types": {key: types[key] for key in known if key in types},
        "descriptions": {key: said[key] for key in known if key in said},
    }
    output.line("\n".join(lines), document)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
