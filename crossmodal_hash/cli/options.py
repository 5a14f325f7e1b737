"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossmodal_hash.errors import SettingsError

MODEL, DATA, RUN, SETTINGS, OUTPUT = "Model", "Data", "Run", "Settings", "Output"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only names.", rich_help_panel=OUTPUT)]
NoTalk = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.", rich_help_panel=OUTPUT)]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Folder, archive or file; see docs/data.md. Default: the embedded drawings.",
        rich_help_panel=DATA,
    ),
]
ReaderName = Annotated[
    str | None,
    typer.Option(
        "--reader",
        metavar="NAME[,KEY=VALUE...]",
        help="Layout of the data; see 'chash list reader'. Default: detected.",
        rich_help_panel=DATA,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Leave out and list items without text, or with a missing or damaged picture. Default: an error.",
        rich_help_panel=DATA,
    ),
]
Inputs = Annotated[
    str | None,
    typer.Option(
        "--inputs",
        metavar="NAME=PATH",
        help="Items of one modality, by its name: pictures, texts or a matrix.",
        rich_help_panel=DATA,
    ),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda, cuda:N. Default: auto.", rich_help_panel=RUN),
]
EngineOfIndex = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME,KEY=VALUE...",
        help="Engine of the index, with parameters of its search, such as faiss,nprobe=64. Default: as it was built.",
        rich_help_panel=DATA,
    ),
]
RunFolder = Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run folder. Default: the latest under runs/.")]


def check_level(interval: float) -> float:
    """The level of `--interval`.

    Raises:
        SettingsError: unless it lies between 0 and 1.
    """
    if not 0 < interval < 1:
        raise SettingsError(f"--interval must be a level between 0 and 1, such as 0.95, not {interval:g}")
    return interval
