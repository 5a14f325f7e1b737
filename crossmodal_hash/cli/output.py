"""The one module that prints: data to standard output, console to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


class Output:
    """Where a command's results and words go.

    Args:
        as_json: one JSON document instead of tables.
        quiet: names only where they are what a table is for, and no console.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet

    def say(self, text: str) -> None:
        """Talk, to standard error; nothing when quiet."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        document: Any,
        *,
        title: str = "",
        names: bool = True,
    ) -> None:
        """Rows as a table on a terminal, as tab-separated values in a pipe, or the document as JSON.

        Args:
            columns: headings; the first column holds the names that `-q` prints.
            rows: cells; numbers with a fraction are shown with four places.
            document: what `--json` prints instead.
            title: shown above a table on a terminal.
            names: the first column is what scripts want, and all that `-q` prints; otherwise the whole table is.
        """
        if self.as_json:
            print(_json(document))
        elif self.quiet and names:
            for row in rows:
                print(_cell(row[0]))
        elif sys.stdout.isatty():
            self._draw(columns, rows, title)
        else:
            for row in (columns, *rows):
                print("\t".join(_cell(value) for value in row))

    def titled_table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str) -> None:
        """One of several tables, which a pipe tells apart by a line with the title."""
        if not (self.quiet or sys.stdout.isatty()):
            print(f"# {title}")
        self.table(columns, rows, None, title=title)

    def line(self, text: str, document: Any) -> None:
        """One line of data, or the document as JSON."""
        print(_json(document) if self.as_json else text)

    def _draw(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> None:
        from rich.table import Table

        table = Table(title=title or None, title_justify="left", title_style="bold")
        for i, name in enumerate(columns):
            numbers = rows and all(isinstance(row[i], int | float) for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        from rich.console import Console
        from rich.text import Text

        from crossmodal_hash.report.tables import Strong

        for row in rows:
            table.add_row(*(Text(value, "bold") if isinstance(value, Strong) else _cell(value) for value in row))
        Console(markup=False, highlight=False).print(table)


def _json(document: Any) -> str:
    # Defaults of components may be read-only mappings, which json does not know.
    return json.dumps(document, indent=2, ensure_ascii=False, default=dict)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def print_error(text: str) -> None:
    """One error, to standard error, whole: neither cut at the window's width nor read as markup."""
    print(f"error: {text}", file=sys.stderr)


def print_traceback(error: BaseException, *, report: bool) -> None:
    """A bug: its traceback without locals, which would print whole tensors, and where to report it."""
    import traceback

    traceback.print_exception(error)
    if report:
        print("this is a bug in chash; please report it with the lines above and 'chash env'", file=sys.stderr)


def print_interrupted(text: str) -> None:
    """What was saved when the user pressed Ctrl-C, and how to go on."""
    print(f"\ninterrupted: {text}", file=sys.stderr)
