"""Write the generated pages of docs/ from the code; `--check` only says whether they are fresh."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from crossmodal_hash.cli.main import app
from crossmodal_hash.components import KINDS
from crossmodal_hash.recipes import recipes
from crossmodal_hash.registry import parameters

DOCS = Path(__file__).parents[1] / "docs"
MADE = "Made by `python tools/write_reference.py`"


def components() -> str:
    """Everything that ships with the package, by kind."""
    lines = [
        "# Components\n",
        f"Everything that ships with the package, by kind. {MADE}; `chash info KIND NAME` shows\n"
        "the whole documentation of one. Parameters are set in a recipe, or with `--set`, such as\n"
        "`--set towers.image.fusion.rank=128`.\n",
    ]
    for kind, registry in KINDS.items():
        if not registry.builtin:
            continue
        lines += [f"## {kind}", "", "| name | what it is | parameters |", "|---|---|---|"]
        for found in registry.found():
            if found.name not in registry.builtin:
                continue
            known = parameters(registry.resolve(found.name))
            shown = ", ".join(f"`{name}={value!r}`" for name, value in known.items()) or "none"
            lines.append(f"| `{found.name}` | {found.summary()} | {shown} |")
        aliases = ", ".join(f"`{alias}` is `{name}`" for alias, name in registry.aliases.items())
        lines += ["", *([f"Other names: {aliases}.", ""] if aliases else [])]
    lines += ["## recipe", "", "| name | what it is |", "|---|---|"]
    for name, path in recipes().items():
        title = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("title"))
        lines.append(f"| `{name}` | {title.partition('=')[2].strip().strip(chr(34))} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Command line\n",
        f"{MADE} from the commands themselves; `chash COMMAND --help` says the same.\n\n"
        "Data go to standard output, everything said to standard error. Exit codes: 0 done; 1 it ran and the answer\n"
        "is no; 2 user error; 3 a plug-in is broken, or cells of a bench failed; 101 a bug, with its traceback;\n"
        "130 interrupted.\n",
    ]
    for path, command in _walk("chash", typer.main.get_command(app)):
        lines += [f"## {path}", "", inspect.cleandoc(_plain(command.help)), ""]
        rows = [_row(parameter) for parameter in command.params if not parameter.name.startswith("install_")]
        if rows:
            lines += ["| argument or option | what it says |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _walk(f"{path} {name}", child)


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    is_option = names[0].startswith("-")
    metavar = parameter.metavar or ("" if getattr(parameter, "is_flag", False) else "VALUE")
    shown = ", ".join(f"`{name}`" for name in names) if is_option else f"`{(parameter.metavar or names[0]).upper()}`"
    value = f" `{metavar}`" if is_option and metavar else ""
    cells = [shown + value, _plain(getattr(parameter, "help", None))]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(text: str | None) -> str:
    """Help without the markup of the terminal."""
    return re.sub(r"\[/?(?:bold|dim|italic|cyan|green|yellow)\]", "", text or "").strip()


PAGES: dict[str, Callable[[], str]] = {"components.md": components, "cli.md": commands}


def main() -> int:
    """Write the pages, or check them; 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the pages are fresh")
    check = parser.parse_args().check
    stale = False
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale = True
            print(f"{name} is stale: run python tools/write_reference.py")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
