"""The only module that prints: data to standard output, messages to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


class Output:
    """Destination of a command's results and messages.

    Args:
        as_json: one JSON document instead of tables.
        quiet: only the names, for tables that list names, and no messages.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self._notes: list[str] = []

    @property
    def has_bold(self) -> bool:
        """Whether tables have bold text: on a terminal; tab-separated values do not."""
        return sys.stdout.isatty()

    def note(self, text: str) -> None:
        """Say this before whatever is said or shown next: an error that comes first, before any work, comes alone."""
        self._notes.append(text)

    def tell_notes(self) -> None:
        """Say the notes now, because the work that they are about begins."""
        notes, self._notes = self._notes, []
        for text in notes:
            self.say(text)

    def say(self, text: str) -> None:
        """Print a message to standard error, unless quiet."""
        self.tell_notes()
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
            rows: cells; numbers with a fraction are shown with four decimals.
            document: what `--json` prints instead.
            title: shown above a table on a terminal.
            names: `-q` prints only the first column, for scripts; otherwise it prints the whole table.
        """
        self.tell_notes()
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
        """One of several tables; in a pipe, a line with the title separates them."""
        if not (self.quiet or sys.stdout.isatty()):
            print(f"# {title}")
        self.table(columns, rows, None, title=title)

    def line(self, text: str, document: Any) -> None:
        """One line of data, or the document as JSON."""
        self.tell_notes()
        print(_json(document) if self.as_json else text)

    def _draw(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> None:
        from rich.table import Table

        table = Table(title=title or None, title_justify="left", title_style="bold")
        for i, name in enumerate(columns):
            numbers = rows and all(isinstance(row[i], int | float) for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        from rich.console import Console

        for row in rows:
            table.add_row(*(_drawn(value) for value in row))
        Console(markup=False, highlight=False).print(table)


def _drawn(value: Any) -> Any:
    """A cell as rich takes it."""
    from rich.text import Text

    from crossmodal_hash.report.tables import Strong

    if isinstance(value, Text):
        return value
    return Text(value, "bold") if isinstance(value, Strong) else _cell(value)


def _json(document: Any) -> str:
    # Defaults of components may be read-only mappings, which json does not know.
    return json.dumps(document, indent=2, ensure_ascii=False, default=dict)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def print_error(text: str) -> None:
    """Print one error to standard error, neither cut at the window's width nor interpreted as markup."""
    print(f"error: {text}", file=sys.stderr)


def print_traceback(error: BaseException, *, report: bool) -> None:
    """Print the traceback of a bug, without locals, which would print whole tensors; and how to report it."""
    import traceback

    traceback.print_exception(error)
    if report:
        print(
            "this is a bug in chash; please report it with these lines and the output of 'chash env'", file=sys.stderr
        )


def print_interrupted(text: str) -> None:
    """Print what was saved when the user pressed Ctrl-C, and how to continue."""
    print(f"\ninterrupted: {text}", file=sys.stderr)
