"""`chash`: the commands, and the only place where exceptions become exit codes."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, cast

import typer
from typer.main import get_command

from crossmodal_hash.cli import (
    bench,
    check,
    compare,
    data,
    encode,
    evaluate,
    index,
    info,
    plugin,
    quickstart,
    report,
    search,
    serve,
    train,
)
from crossmodal_hash.cli.config import app as config
from crossmodal_hash.cli.env import env
from crossmodal_hash.cli.list import list_components
from crossmodal_hash.cli.output import print_error, print_interrupted, print_traceback
from crossmodal_hash.cli.plugin_faults import blame
from crossmodal_hash.cli.streams import use_utf8
from crossmodal_hash.errors import ChashError, ContractError

OK, NO, USER_ERROR, PLUGIN, BUG, INTERRUPTED = 0, 1, 2, 3, 101, 130
STORAGE = {
    errno.ENOSPC: "no space left on disk",
    errno.EDQUOT: "disk quota exceeded",
    errno.EROFS: "read-only disk",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a file exists where a folder is needed",
    errno.ENAMETOOLONG: "name too long for the disk",
    errno.ENOLCK: "this disk keeps no locks",
}
"""Disk errors that the user can fix; any other `OSError` is a bug."""
# Typer exports this one of the errors for a wrong command line, but not the class they all are of.
UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)

app = typer.Typer(
    name="chash",
    help="Learn short binary codes for pictures and texts, and search one with the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("train", rich_help_panel="Pipeline")(train.train)
app.command("encode", rich_help_panel="Pipeline")(encode.encode)
app.command("search", rich_help_panel="Pipeline")(search.search)
app.command("serve", rich_help_panel="Pipeline")(serve.serve)
app.add_typer(index.app, name="index", rich_help_panel="Pipeline")
app.command("evaluate", rich_help_panel="Pipeline")(evaluate.evaluate)
app.command("report", rich_help_panel="Pipeline")(report.report)
app.command("compare", rich_help_panel="Pipeline")(compare.compare)
app.command("bench", rich_help_panel="Pipeline")(bench.bench)
app.add_typer(data.app, name="data", rich_help_panel="Pipeline")
app.command("list", rich_help_panel="Components")(list_components)
app.command("info", rich_help_panel="Components")(info.info)
app.command("check", rich_help_panel="Components")(check.check)
app.add_typer(plugin.app, name="plugin", rich_help_panel="Components")
app.command("quickstart", rich_help_panel="Help")(quickstart.quickstart)
app.add_typer(config, name="config", rich_help_panel="Help")
app.command("env", rich_help_panel="Help")(env)


def _show_version(wanted: bool) -> None:
    if wanted:
        from crossmodal_hash import __version__

        typer.echo(f"chash {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learn short binary codes for pictures and texts, and search one with the other."""


# Reading every command's signature takes as long as many a command: a process that runs several does it once.
parser = cache(lambda: get_command(app))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 success; 1 completed with a negative result; 2 user error; 3 a plug-in is broken, or cells of a
    bench failed; 101 a bug; 130 interrupted.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        code = parser()(args=given, prog_name="chash", standalone_mode=False)
        return code if isinstance(code, int) else OK
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else OK if error.code is None else NO
    except UsageError as error:
        # Without a word it is the command alone, whose help is out already.
        if problem := error.format_message():
            command = error.ctx.command_path if error.ctx else "chash"
            wrong = _wrong_value(error) or f"{shlex.join(['chash', *given])}: {problem}"
            print_error(f"{wrong} (see '{command} --help')")
        return USER_ERROR
    except KeyboardInterrupt:
        print_interrupted("nothing was saved")
        return INTERRUPTED
    except ChashError as error:
        if os.environ.get("CHASH_DEBUG"):
            print_traceback(error, report=False)
        print_error("; ".join([str(error), *getattr(error, "__notes__", ())]))
        return error.exit_code
    except OSError as error:
        said = STORAGE.get(error.errno or 0)
        if said is None:
            return _bug(error)
        where = f" ({error.filename})" if error.filename else ""
        advice = getattr(error, "__notes__", None) or ["fix that, or choose another --out or CHASH_CACHE folder"]
        print_error(f"{said}{where}; {'; '.join(advice)}")
        return USER_ERROR
    except Exception as error:
        return _bug(error)


def _wrong_value(error: typer.BadParameter) -> str | None:
    """What is wrong with the value of an option, if typer passes on an error of pydantic."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError) or error.param is None:
        return None
    detail, option = error.__cause__.errors()[0], error.param.opts[0]
    match detail["type"]:
        case "int_parsing":
            problem = " is not a whole number"
        case "float_parsing":
            problem = " is not a number"
        case "greater_than_equal":
            problem = f" is too small; use at least {detail['ctx']['ge']}"
        case _:
            problem = f": {detail['msg'].removeprefix('Input ')}"
    return f"{option} {detail['input']!r}{problem}"


def _bug(error: Exception) -> int:
    """An unexpected fault: a plug-in's, if one was running, or ours."""
    said = blame(error)
    if said is not None:
        print_error(said)
    # Where a contract is broken the sentence has said it all; the frames are those of the check.
    if said is None or not isinstance(error, ContractError) or os.environ.get("CHASH_DEBUG"):
        print_traceback(error, report=said is None)
    return BUG if said is None else PLUGIN


def entry() -> None:
    """The console script."""
    use_utf8()
    sys.exit(main())
