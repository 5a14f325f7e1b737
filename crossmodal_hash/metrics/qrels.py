"""Relevance judgments in a file: which item is relevant to which query, by id."""

from __future__ import annotations

import json
from pathlib import Path

from crossmodal_hash.errors import DataError

Qrels = dict[str, dict[str, int]]
"""Query id -> item id -> grade; an item that is not named has grade 0."""


def read_qrels(path: str | Path) -> Qrels:
    """Read judgments from JSON or from lines.

    A `.json` file maps query ids to a mapping of item id to grade, or to a list of relevant item ids. Any other file
    has one judgment per line, in columns separated by tabs, or by spaces if there is no tab: `query item grade`, the
    four columns of TREC (`query 0 item grade`), or `query item` for grade 1. A first line whose last column is not a
    number is a heading.

    Args:
        path: the file, UTF-8.

    Returns:
        The judgments.

    Raises:
        DataError: if the file cannot be read, a line has another form, a grade is not a whole number, or there are no
            judgments.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = _from_json(json.loads(text), path) if path.suffix.lower() == ".json" else _from_lines(text, path)
    except FileNotFoundError:
        raise DataError(f"file of judgments {path} does not exist") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as judgments ({error}); use JSON or 'query<TAB>item<TAB>grade'"
        ) from None
    if not found:
        raise DataError(f"{path} holds no judgments; write lines of 'query<TAB>item<TAB>grade'")
    return found


def _from_json(content: object, path: Path) -> Qrels:
    if not isinstance(content, dict):
        raise DataError(f"{path} is not a JSON object that maps query ids to items; it is a {type(content).__name__}")
    found: Qrels = {}
    for query, items in content.items():
        if isinstance(items, list):
            items = dict.fromkeys(items, 1)
        if not isinstance(items, dict):
            raise DataError(f"{path}: query {query!r} has {items!r} instead of item ids")
        found[query] = {
            str(item): _grade(grade, f"{path}: query {query!r}, item {item!r}") for item, grade in items.items()
        }
    return found


def _from_lines(text: str, path: Path) -> Qrels:
    found: Qrels = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
        if len(cells) not in (2, 3, 4):
            raise DataError(f"{path}, line {number}: {len(cells)} columns, where 'query<TAB>item<TAB>grade' has 3")
        if number == 1 and len(cells) > 2 and not cells[-1].lstrip("-").isdigit():
            continue
        query, item = cells[0], cells[1 if len(cells) < 4 else 2]
        grade = _grade(cells[-1], f"{path}, line {number}") if len(cells) > 2 else 1
        found.setdefault(query, {})[item] = grade
    return found


def _grade(value: object, where: str) -> int:
    try:
        grade = int(str(value))
    except ValueError:
        raise DataError(f"{where}: the grade {value!r} is not a whole number") from None
    return max(grade, 0)  # TREC marks judged spam with negative grades: not relevant
