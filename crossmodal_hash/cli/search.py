"""`chash search`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.options import DATA, OUTPUT, Device, EngineOfIndex, Inputs, Json, NoTalk, RunFolder, SkipBad
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import ChashError, CodesError, DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from rich.text import Text

    from crossmodal_hash.codes import Codes
    from crossmodal_hash.data import Dataset, Source
    from crossmodal_hash.engines.answers import Searchable
    from crossmodal_hash.opening.found import Found
    from crossmodal_hash.runs.folder import Run

QUERY = "Query, one of these"


def search(
    run: RunFolder = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="A text; repeatable.", rich_help_panel=QUERY)
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Texts, one a line; - is standard input.", rich_help_panel=QUERY),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Pictures: a file, folder or archive.", rich_help_panel=QUERY),
    ] = None,
    queries: Annotated[
        str | None, typer.Option(metavar="FILE[:KEY]", help="Codes; needs --database.", rich_help_panel=QUERY)
    ] = None,
    inputs: Inputs = None,
    skip_bad: SkipBad = False,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[:KEY]",
            help="Codes to search. Default: those in RUN of the other modality.",
            rich_help_panel=DATA,
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(metavar="INDEX", help="Index to search, see 'chash index'.", rich_help_panel=DATA),
    ] = None,
    engine: EngineOfIndex = None,
    bits: Annotated[int | None, typer.Option(help="Code length of packed matrices.", rich_help_panel=DATA)] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many items for each query.", rich_help_panel=OUTPUT)] = 10,
    radius: Annotated[
        int | None, typer.Option(metavar="BITS", min=0, help="None further away.", rich_help_panel=OUTPUT)
    ] = None,
    rescore: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Order so many of the nearest by the query before the sign; 0: by distance alone. Default: 100.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="Show the picture of each item, on a terminal.", rich_help_panel=OUTPUT),
    ] = False,
    device: Device = None,
    as_json: Json = False,
    quiet: NoTalk = False,
) -> None:
    """Find the items nearest to texts, pictures, other inputs or codes by Hamming distance.

    Queries are looked for among the run's codes of the other modality, as 'chash encode RUN' wrote them. The
    scan is exact; items at one distance come in database order. The nearest are then ordered again by the values
    that the query's bits were made from (--rescore), because the network is surer of some bits than of others.
    """
    from crossmodal_hash.cli.codes import open_scored, read_file
    from crossmodal_hash.codes.rescore import FIRST
    from crossmodal_hash.engines.in_memory import InMemory
    from crossmodal_hash.opening.found import ranked
    from crossmodal_hash.opening.index import check_comparable, open_index, read_engine
    from crossmodal_hash.opening.words import words_of

    output = Output(as_json=as_json, quiet=quiet)
    if pictures and (as_json or not sys.stdout.isatty()):
        raise SettingsError("--pictures needs a terminal, and no --json; 'chash serve' shows pictures in a browser")
    _one_query({"--text": text, "--texts": texts, "--images": images, "--inputs": inputs, "--queries": queries})
    if engine is not None and index is None:
        raise SettingsError("--engine is that of an index; give --index with it")
    if database is not None and index is not None:
        raise SettingsError("--database and --index exclude each other; search one after the other")
    if queries is not None:
        if (database is None and index is None) or run is not None:
            raise SettingsError("--queries are codes already: give --database or --index with them, and no run")
        if rescore:
            raise SettingsError(f"--rescore {rescore} needs the queries before the sign, and --queries are codes")
        opened, asked, u = None, read_file(queries, None, bits), None
        names = asked.ids.tolist()
    else:
        opened = open_scored(run, output)
        asked, u, names = _encoded(opened, text, texts, images, inputs, skip_bad, device, ConsoleCallback(output))

    with ExitStack() as stack:
        searched: Searchable
        if index is not None:
            name, searched = index, stack.enter_context(open_index(index, read_engine(engine)))
        elif database is not None:
            name, searched = database, InMemory(read_file(database, None, bits))
        else:
            assert opened is not None
            name, searched = str(opened.codes), InMemory(_other(opened, asked.modality))
        check_comparable(searched, asked, name)
        content, total = searched.content, len(searched)
        shown = None if opened is None or database is not None else _items(opened)
        words = None if shown is None else words_of(shown, content.modality)
        again = 0 if u is None else FIRST if rescore is None else rescore
        found = ranked(searched, asked, names, words, u, k=k, radius=radius, first=again)
    show(found, output, _pictures(shown) if pictures else None)
    if found.missed:
        nearest, least = min(found.missed, key=lambda pair: pair[1])
        output.say(
            f"{len(found.missed)} of {len(names)} queries find nothing within {radius} bits; what comes nearest is "
            f"{least} bits away from {_short(nearest)!r}"
        )
    output.say(f"{content.modality} codes searched: {total}, of {content.bits} bits")
    if again > 1:
        output.say(f"the {max(again, k)} nearest are ordered by the query before the sign; --rescore 0 leaves that out")


def show(found: Found, output: Output, picture: Callable[[str], Text] | None = None) -> None:
    """Print a row an item; `picture` gives what it looks like."""
    rows = [
        (
            x["query"],
            rank,
            item["distance"],
            item["item"],
            *([_short(item["text"])] if found.has_words else []),
            *([picture(item["item"])] if picture else []),
        )
        for x in found.document
        for rank, item in enumerate(x["results"], 1)
    ]
    columns = ["query", "rank", "distance", "item", *["text"] * found.has_words, *["picture"] * (picture is not None)]
    output.table(columns, rows, found.document, names=False)


def _one_query(given: dict[str, object]) -> None:
    named = [name for name, value in given.items() if value]
    if not named:
        raise SettingsError(f"nothing to look for; give one of {', '.join(given)}")
    if isinstance(words := given["--text"], list) and not all(word.strip() for word in words):
        raise SettingsError("--text '' holds no text; give words to look for")
    if len(named) > 1:
        raise SettingsError(f"{' and '.join(named)} exclude each other; search for one after the other")


def _encoded(
    run: Run,
    text: list[str] | None,
    texts: str | None,
    images: str | None,
    inputs: str | None,
    skip_bad: bool,
    device: str | None,
    console: ConsoleCallback,
) -> tuple[Codes, NDArray[np.float32], list[str]]:
    """Codes of the queries, the same before the sign, and what to call each."""
    from crossmodal_hash.opening.open import open_inputs, open_pictures, open_texts
    from crossmodal_hash.training.encode import encode

    if inputs:
        dataset = open_inputs(run, inputs, skip_bad=skip_bad, callback=console)
    elif images:
        dataset = open_pictures(images, skip_bad=skip_bad, callback=console)
    else:
        dataset = open_texts(text or texts or "-")
    ((modality, source),) = dataset.modalities.items()
    codes, real = encode(run, dataset, device=device or "auto", callback=console)
    if modality not in codes:
        raise SettingsError(f"{run.path} encodes no {modality}; it was trained on {', '.join(run.inputs())}")
    return codes[modality], real[modality], _names(dataset.ids, source)


def _names(ids: Sequence[str], source: Source) -> list[str]:
    """What to call each query: its text, or its id where it has none."""
    return [name if (text := source.text(row)) is None else text for row, name in enumerate(ids)]


def _other(run: Run, modality: str) -> Codes:
    """The codes of the run's other modality."""
    from crossmodal_hash.runs.folder import read_codes

    others = [codes for name, codes in read_codes(run).items() if name != modality]
    if len(others) != 1:
        raise CodesError(
            f"{run.codes} holds {len(others)} modalities other than {modality}; choose one with --database"
        )
    return others[0]


def _items(run: Run) -> Dataset | None:
    """The run's own data; None if they are not there."""
    from crossmodal_hash.opening.open import open_to_show

    try:
        return open_to_show(run.settings().data)
    except ChashError:
        return None


def _pictures(dataset: Dataset | None) -> Callable[[str], Text]:
    """What an item looks like, by its id; nothing for one that has no picture that can be read."""
    from rich.text import Text

    from crossmodal_hash.cli.picture_text import LINES, picture_text
    from crossmodal_hash.opening.words import pictures_of

    source = None if dataset is None else pictures_of(dataset)
    if dataset is None or source is None:
        raise SettingsError("--pictures needs a run whose data, with pictures, are where they were when it was trained")
    row_of = {item: row for row, item in enumerate(dataset.ids)}

    def picture(item: str) -> Text:
        try:
            found = source.picture(row_of[item], 2 * LINES) if item in row_of else None
        except DataError:
            found = None
        return Text() if found is None else picture_text(found)

    return picture


def _short(text: str, width: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
