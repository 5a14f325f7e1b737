"""`chash index`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal_hash.cli.options import DATA, EngineOfIndex, Json, Quiet
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import CodesError

if TYPE_CHECKING:
    from crossmodal_hash.codes import Codes
    from crossmodal_hash.engines.engine import Engine

app = typer.Typer(help="Keep codes in an index that is searched again and again.", no_args_is_help=True)
CodesOf = Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run that was encoded, or a codes file.")]
Index = Annotated[str, typer.Argument(metavar="INDEX", help="Folder of the index, or address of a server.")]
Modality = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which codes of a run. Default: those of the index, or image.",
                 rich_help_panel=DATA),
]  # fmt: skip


@app.callback()
def index() -> None:
    """Keep codes in an index that is searched again and again."""


@app.command("build")
def build(
    codes: CodesOf,
    out: Annotated[str, typer.Option(metavar="INDEX", help="New folder of the index, or address of a server.")],
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,KEY=VALUE...]",
            help="See 'chash list engine'. Default: the one that has such an address, scan for a folder.",
        ),
    ] = None,
    modality: Modality = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build an index of codes in a new place."""
    from crossmodal_hash.opening.index import create_index, read_engine

    found = _codes(codes, modality)
    with create_index(out, found, read_engine(engine)) as made:
        made.add(found.ids.tolist(), found.packed)
        _describe(made, out, Output(as_json=as_json, quiet=quiet))


@app.command("add")
def add(where: Index, codes: CodesOf, modality: Modality = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Add codes; those of ids that are there already are replaced."""
    from crossmodal_hash.opening.index import check_comparable, open_index

    with open_index(where) as opened:
        found = _codes(codes, modality or opened.content.modality)
        check_comparable(opened, found, where)
        opened.add(found.ids.tolist(), found.packed)
        _describe(opened, where, Output(as_json=as_json, quiet=quiet))


@app.command("remove")
def remove(
    where: Index,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the items.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove items by their ids."""
    from crossmodal_hash.opening.index import open_index

    output = Output(as_json=as_json, quiet=quiet)
    with open_index(where) as opened:
        gone = opened.remove(ids)
        _describe(opened, where, output)
    output.say(f"codes removed: {gone}, of {len(ids)} ids asked for")


@app.command("info")
def info(where: Index, as_json: Json = False, quiet: Quiet = False) -> None:
    """Say what an index holds."""
    from crossmodal_hash.opening.index import open_index

    with open_index(where) as opened:
        _describe(opened, where, Output(as_json=as_json, quiet=quiet))


@app.command("check")
def check(
    where: Index,
    codes: CodesOf,
    modality: Modality = None,
    engine: EngineOfIndex = None,
    sample: Annotated[int, typer.Option(metavar="N", min=1, help="How many of the codes are asked for.")] = 100,
    k: Annotated[int, typer.Option("-k", min=1, help="How many items for each.")] = 10,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare an index with the codes it was built of: counts, ids, and what it finds with an exact scan."""
    from crossmodal_hash.engines.compare import compare_with
    from crossmodal_hash.opening.index import check_comparable, open_index, read_engine

    with open_index(where, read_engine(engine)) as opened:
        found = _codes(codes, modality or opened.content.modality)
        check_comparable(opened, found, where)
        seen = compare_with(opened, found, sample=sample, k=k)
    output = Output(as_json=as_json, quiet=quiet)
    output.table(tuple(seen._asdict()), [tuple(seen)], seen._asdict())
    if broken := seen.broken():
        raise CodesError(f"{where} differs from {codes}: {broken}; build the index again")


@app.command("export")
def export(
    where: Index,
    to: Annotated[str, typer.Option(metavar="PROGRAM", help="faiss, usearch or qdrant.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="New folder for the files.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the codes of an index in a folder as files that another program reads, with the ids beside."""
    from crossmodal_hash.engines.export.folder import export as write

    files = write(where, to, out)
    document = {"index": where, "out": str(out), "files": files}
    Output(as_json=as_json, quiet=quiet).table(tuple(document), [(where, str(out), ", ".join(files))], document)


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


def _describe(opened: Engine, where: str, output: Output) -> None:
    content = opened.content
    document: dict[str, Any] = {
        "index": where,
        "engine": content.engine["name"],
        "exact": opened.exact,
        "codes": len(opened),
        "bits": content.bits,
        "modality": content.modality,
        "model": content.fingerprint,
    }
    output.table(tuple(document), [tuple(document.values())], document)
