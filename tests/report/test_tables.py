import csv
import io
import json

import pytest

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.report.tables import Table, render

TABLE = Table(("direction", "a_b", "n"), [("image->text", 0.5, 3), ("50 % | more", None, 12)], ("A note.",))


def test_markdown_escapes_bars_and_puts_numbers_on_the_right():
    assert render(TABLE, "md").splitlines() == [
        "| direction | a_b | n |",
        "|---|---:|---:|",
        "| image->text | 0.5000 | 3 |",
        "| 50 % \\| more |  | 12 |",
        "",
        "A note.",
    ]


def test_latex_escapes_its_own_characters():
    text = render(TABLE, "latex")
    assert r"direction & a\_b & n \\" in text
    assert r"image$\to$text & 0.5000 & 3 \\" in text
    assert r"50 \% | more &  & 12 \\" in text
    assert r"\begin{tabular}{lrr}" in text
    assert "% A note." in text


def test_csv_and_json_are_read_back():
    assert list(csv.reader(io.StringIO(render(TABLE, "csv"))))[2] == ["50 % | more", "", "12"]
    assert json.loads(render(TABLE, "json"))[0] == {"direction": "image->text", "a_b": 0.5, "n": 3}


def test_another_format_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'latex'"):
        render(TABLE, "latx")
