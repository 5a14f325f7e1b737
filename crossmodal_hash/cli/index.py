"""`chash index`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal_hash.cli.options import DATA, Json, Quiet
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import CodesError

if TYPE_CHECKING:
    from crossmodal_hash.codes import Codes
    from crossmodal_hash.engines.engine import Engine

app = typer.Typer(help="Keep codes in an index that is searched again and again.", no_args_is_help=True)
CodesOf = Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run that was encoded, or a codes file.")]
Index = Annotated[str, typer.Argument(metavar="INDEX", help="Folder of the index.")]
Modality = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which codes of a run. Default: image.", rich_help_panel=DATA),
]


@app.callback()
def index() -> None:
    """Keep codes in an index that is searched again and again."""


@app.command("build")
def build(
    codes: CodesOf,
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder of the index.")],
    modality: Modality = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build an index of codes in a new folder."""
    from crossmodal_hash.engines.engine import Content
    from crossmodal_hash.engines.scan import Scan

    found = _codes(codes, modality)
    made = Scan().create(str(out), Content(found.bits, found.modality, found.fingerprint))
    made.add(found.ids.tolist(), found.packed)
    _say(made, str(out), Output(as_json=as_json, quiet=quiet))


@app.command("add")
def add(where: Index, codes: CodesOf, modality: Modality = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Add codes; those of ids that are there already are replaced."""
    from crossmodal_hash.engines.scan import Scan

    opened = Scan().open(where)
    found = _codes(codes, modality or opened.content.modality)
    check_same(opened, found, where)
    opened.add(found.ids.tolist(), found.packed)
    _say(opened, where, Output(as_json=as_json, quiet=quiet))


@app.command("remove")
def remove(
    where: Index,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the items.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove items by their ids."""
    from crossmodal_hash.engines.scan import Scan

    opened = Scan().open(where)
    gone = opened.remove(ids)
    output = Output(as_json=as_json, quiet=quiet)
    _say(opened, where, output)
    output.say(f"{gone} codes of {len(ids)} ids removed")


@app.command("info")
def info(where: Index, as_json: Json = False, quiet: Quiet = False) -> None:
    """Say what an index holds."""
    from crossmodal_hash.engines.scan import Scan

    _say(Scan().open(where), where, Output(as_json=as_json, quiet=quiet))


def check_same(opened: Engine, codes: Codes, where: str) -> None:
    """Refuse codes that cannot be compared with those of an index.

    Raises:
        CodesError: naming what differs.
    """
    content = opened.content
    if codes.bits != content.bits:
        raise CodesError(f"{where} holds codes of {content.bits} bits, not {codes.bits}; they cannot be compared")
    if codes.fingerprint and content.fingerprint and codes.fingerprint != content.fingerprint:
        raise CodesError(
            f"{where} holds codes of the model {content.fingerprint}, and these are of {codes.fingerprint}; build "
            f"another index with 'chash index build'"
        )


def _codes(source: str, modality: str | None) -> Codes:
    from crossmodal_hash.cli.codes import read_file
    from crossmodal_hash.runs.folder import open_run, read_codes

    if not Path(source).is_dir():
        return read_file(source, None, None)
    found = read_codes(open_run(Path(source)))
    name = modality or "image"
    if name not in found:
        raise CodesError(f"{source} has no {name} codes; choose with --modality: {', '.join(found)}")
    return found[name]


def _say(opened: Engine, where: str, output: Output) -> None:
    content = opened.content
    document: dict[str, Any] = {
        "index": where,
        "items": len(opened),
        "bits": content.bits,
        "modality": content.modality,
        "model": content.fingerprint,
    }
    output.table(tuple(document), [tuple(document.values())], document)
