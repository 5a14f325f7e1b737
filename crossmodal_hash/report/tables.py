"""Tables for other programs: Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crossmodal_hash.errors import SettingsError, did_you_mean


class Strong(str):
    """Emphasized text of a cell: bold if the format has bold text, otherwise plain."""


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Attributes:
        columns: headings.
        rows: cells: text, whole numbers, fractions (shown with four decimals) or None (shown empty).
        notes: sentences below the table: conventions, sizes.
        strong: what emphasized cells are; a note where the format has bold text.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()
    strong: str = ""

    def all_notes(self, *, has_bold: bool) -> list[str]:
        """The notes, first of all what bold means if the reader sees any."""
        return [*([f"bold: {self.strong}"] if self.strong and has_bold else []), *self.notes]


def render(table: Table, form: str) -> str:
    """A table as text.

    Args:
        table: the table.
        form: `md`, `latex`, `csv` or `json`.

    Returns:
        Text without a newline at its end.

    Raises:
        SettingsError: for any other form.

    Example:
        >>> print(render(Table(("run", "map@all"), [("a", 0.5)]), "md"))
        | run | map@all |
        |---|---:|
        | a | 0.5000 |
    """
    check_format(form)
    return FORMATS[form](table)


def check_format(form: str) -> None:
    """Reject a format that `render` does not know.

    Raises:
        SettingsError: with the nearest name.
    """
    if form not in FORMATS:
        raise SettingsError(f"unknown format {form!r}{did_you_mean(form, FORMATS)}; known are {', '.join(FORMATS)}")


def cell(value: Any) -> str:
    """One cell as text."""
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def is_number(table: Table, column: int) -> bool:
    """Whether a column holds numbers, which are right-aligned."""
    values = [row[column] for row in table.rows if row[column] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _markdown(table: Table) -> str:
    rule = ["---:" if is_number(table, i) else "---" for i in range(len(table.columns))]
    rows = [[_markdown_cell(value) for value in row] for row in table.rows]
    lines = ["| " + " | ".join(line) + " |" for line in (table.columns, *rows)]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join([*lines, *(f"\n{note}" for note in table.all_notes(has_bold=True))])


def _markdown_cell(value: Any) -> str:
    text = cell(value).replace("|", "\\|")
    return f"**{text}**" if isinstance(value, Strong) else text


_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
})  # fmt: skip


def _latex(table: Table) -> str:
    def text(value: Any) -> str:
        plain = cell(value).replace("->", "→").translate(_LATEX).replace("→", r"$\to$").replace("±", r"$\pm$")
        return rf"\textbf{{{plain}}}" if isinstance(value, Strong) else plain

    def line(cells: Sequence[Any]) -> str:
        return " & ".join(map(text, cells)) + r" \\"

    kinds = "".join("r" if is_number(table, i) else "l" for i in range(len(table.columns)))
    rows = [line(row) for row in table.rows]
    notes = [f"% {note}" for note in table.all_notes(has_bold=True)]
    head = [r"\begin{tabular}{" + kinds + "}", r"\toprule", line(table.columns), r"\midrule"]
    return "\n".join([*notes, *head, *rows, r"\bottomrule", r"\end{tabular}"])


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([table.columns, *([cell(value) for value in row] for row in table.rows)])
    return text.getvalue().rstrip("\n")


def _json(table: Table) -> str:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return json.dumps(rows, indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Table], str]] = {"md": _markdown, "latex": _latex, "csv": _csv, "json": _json}
