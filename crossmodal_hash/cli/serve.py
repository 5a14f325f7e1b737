"""`chash serve`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.options import DATA, Device, EngineOfIndex, Quiet, RunFolder
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import ChashError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossmodal_hash.data import Dataset
    from crossmodal_hash.engines.answers import Searchable
    from crossmodal_hash.runs.folder import Run
    from crossmodal_hash.training.query_encoder import QueryEncoder

SERVER = "Server"


def serve(
    run: RunFolder = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="INDEX",
            help="Index to search, see 'chash index'. Default: the codes in RUN.",
            rich_help_panel=DATA,
        ),
    ] = None,
    engine: EngineOfIndex = None,
    host: Annotated[
        str, typer.Option(help="Address; 0.0.0.0 for all of this machine.", rich_help_panel=SERVER)
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.", rich_help_panel=SERVER)] = 8000,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser.", rich_help_panel=SERVER)
    ] = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Search a run in a browser or over HTTP, until Ctrl-C.

    Everything is searched as by 'chash search'. Prints the address of the page; see docs/serve.md for the API.
    """
    output = Output(quiet=quiet)
    if engine is not None and index is None:
        raise SettingsError("--engine is that of an index; give --index with it")
    _need_extra()
    from crossmodal_hash.cli.codes import open_scored
    from crossmodal_hash.serving.app import make_app
    from crossmodal_hash.serving.hosts import Hosts, is_loopback
    from crossmodal_hash.serving.library import Library
    from crossmodal_hash.serving.server import Server, bind
    from crossmodal_hash.training.query_encoder import QueryEncoder

    opened = open_scored(run, output)
    with ExitStack() as stack:
        bound = stack.enter_context(bind(host, port))
        searched = _searched(opened, index, engine, stack)
        _compile(sum(map(len, searched.values())))
        encoder = QueryEncoder(opened, device or "auto")
        _check(encoder, searched, index or str(opened.codes))
        library = Library(opened.path.resolve().name, searched, _dataset(opened, output))
        server = Server(make_app(library, encoder, Hosts(host)))
        bound.listen()
        address = _address(host, bound.getsockname()[1])
        for modality, each in searched.items():
            output.say(f"{modality} codes searched: {len(each)}, of {library.bits} bits")
        if not is_loopback(host):
            output.say(
                f"{host} may be reached from other machines: whoever reaches it can search and see every item, without "
                "a password and without encryption; --host 127.0.0.1 keeps it on this machine"
            )
        output.line(address, None)
        output.say("Ctrl-C ends it")
        if open_page:
            import webbrowser

            webbrowser.open(address)
        server.run(sockets=[bound])


def _need_extra() -> None:
    from importlib.util import find_spec

    missing = [
        name for name in ("starlette", "uvicorn", "python_multipart", "prometheus_client") if not find_spec(name)
    ]
    if missing:
        raise SettingsError(
            f"'chash serve' needs {', '.join(missing)}; install it: pip install 'crossmodal-hash[serve]'"
        )


def _searched(run: Run, index: str | None, engine: str | None, stack: ExitStack) -> Mapping[str, Searchable]:
    """Modality -> what is searched, closed at the end of the stack."""
    from crossmodal_hash.engines.in_memory import InMemory
    from crossmodal_hash.opening.index import open_index, read_engine
    from crossmodal_hash.runs.folder import read_codes

    if index is None:
        return {modality: InMemory(codes) for modality, codes in read_codes(run).items()}
    opened = stack.enter_context(open_index(index, read_engine(engine)))
    return {opened.content.modality: opened}


def _compile(codes: int) -> None:
    """Import numba for a large index: a command that answers once would wait for it longer than for the scan."""
    from importlib import import_module
    from importlib.util import find_spec

    from crossmodal_hash.codes.nearest import SHARED

    if codes >= SHARED and find_spec("numba"):
        import_module("numba")


def _check(encoder: QueryEncoder, searched: Mapping[str, Searchable], name: str) -> None:
    """Refuse codes of another model before anybody asks."""
    import numpy as np

    from crossmodal_hash.codes import Codes
    from crossmodal_hash.opening.index import check_comparable

    empty = np.empty((0, -(-encoder.bits // 8)), np.uint8)
    for each in searched.values():
        like = Codes(empty, encoder.bits, np.empty(0, np.str_), "query", fingerprint=encoder.fingerprint)
        check_comparable(each, like, name)


def _dataset(run: Run, output: Output) -> Dataset | None:
    """The run's own data; None if they are not there."""
    from crossmodal_hash.opening.open import open_to_show

    try:
        return open_to_show(run.settings().data)
    except ChashError as error:
        output.say(f"items are shown by their ids alone: {error}")
        return None


def _address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
