"""Flickr8k and Flickr30k as they are distributed: a table of captions, five to a picture, and the pictures.

The table is one of `Flickr8k.token.txt` and `results_20130124.token` (`NAME#NUMBER<TAB>CAPTION`, the owners' form),
`results.csv` (`image_name| comment_number| comment`) and `captions.txt` (`image,caption`), in which they circulate too.
`Flickr_8k.trainImages.txt`, `Flickr_8k.devImages.txt` and `Flickr_8k.testImages.txt` are a split.
"""

from __future__ import annotations

import re

import numpy as np

from crossmodal_hash.data.captions import choose, one_or_several
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import safe_name
from crossmodal_hash.data.join_rows import join_rows
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.readers._picture_folder import picture_folder
from crossmodal_hash.data.source import Source
from crossmodal_hash.errors import DataError

_TABLE = re.compile(r"(?:^|/)(?:[^/]*\.token(?:\.txt)?|results\.csv|captions\.txt)$")
_PART = re.compile(r"(?:^|/)Flickr_?\d+k\.(train|dev|test)Images\.txt$", re.IGNORECASE)
_PARTS = {"train": "train", "dev": "validation", "test": "query"}
_NUMBER = re.compile(r"#\d+$")
_IMAGE, _CAPTION = ("image", "image_name", "filename", "file_name"), ("caption", "comment")


class Flickr(Reader):
    """Flickr8k and Flickr30k: Flickr8k.token.txt, results.csv or captions.txt, with the pictures in any folder.

    Args:
        table: name of the table of captions; empty finds it.
        captions: `each` caption of a picture is a text of its own, all are `joined` to one text, only the `first`, or
            the first so many.
    """

    def __init__(self, *, table: str = "", captions: str | int = "each") -> None:
        self.table, self.captions = table, captions

    def matches(self, place: Place) -> Match:
        """Likely if a file has the name of such a table."""
        if not place.holds_files:
            return Match.NO
        return Match.LIKELY if any(_TABLE.search(name) for name in place.all_names) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The pictures of the table, in the order of their first captions; there are no labels."""
        found = [n for n in place.all_names if _TABLE.search(n)] if place.holds_files else []
        if self.table:
            found = [n for n in (place.all_names if place.holds_files else ()) if f"/{n}".endswith(f"/{self.table}")]
        if not found:
            raise DataError(
                f"{str(place.path)!r} has no {self.table or 'Flickr8k.token.txt, results.csv or captions.txt'} of "
                f"Flickr8k or Flickr30k; choose another --reader"
            )
        found.sort(key=lambda name: (name.count("/"), name))
        if len(found) > 1 and found[0].count("/") == found[1].count("/"):
            raise DataError(
                f"{str(place.path)!r} has several tables of captions ({first(found)}); choose one with "
                f"--reader flickr,table=NAME"
            )
        files, where = place.everything, f"{place.path}/{found[0]}"
        rows = captions_of(_decode(files.read(found[0]), where), where)
        names = [name for name, _ in rows]
        items = join_rows(names)
        ids = [names[own[0]] for own in items]
        folder = picture_folder(place.all_names, ids)
        texts = [choose([rows[row][1] for row in own], self.captions) for own in items]
        sources: dict[str, Source] = {
            "image": Pictures(files, [safe_name(folder + name, place.path) for name in ids]),
            "text": one_or_several(texts),
        }
        return Dataset(place.name, tuple(ids), sources, split_rows=self._split(place, ids))

    def _split(self, place: Place, ids: list[str]) -> dict[str, np.ndarray] | None:
        row_of = {name: row for row, name in enumerate(ids)}
        rows = {}
        for name in place.all_names:
            if part := _PART.search(name):
                listed = _decode(place.everything.read(name), f"{place.path}/{name}").split()
                rows[_PARTS[part[1].lower()]] = np.array([row_of[n] for n in listed if n in row_of], dtype=np.int64)
        return rows if {"query", "train"} <= rows.keys() else None


def captions_of(text: str, where: str) -> list[tuple[str, str]]:
    r"""The rows of a table of captions: picture and caption.

    Args:
        text: the table, in any of the three forms.
        where: its name, for messages.

    Raises:
        DataError: for a row without a picture or a caption; with its number.

    Example:
        >>> captions_of("a.jpg#0\tA bus .\na.jpg#1\tA red bus .\n", "x")
        [('a.jpg', 'A bus .'), ('a.jpg', 'A red bus .')]
        >>> captions_of("image_name| comment_number| comment\na.jpg| 0| A bus .\na.jpg| 4   It rains .\n", "x")
        [('a.jpg', 'A bus .'), ('a.jpg', 'It rains .')]
        >>> captions_of('image,caption\na.jpg,A red bus , parked\na.jpg,"A ""bus"", red"\n', "x")
        [('a.jpg', 'A red bus , parked'), ('a.jpg', 'A "bus", red')]
    """
    # Not splitlines: a caption may hold U+2028 and its like.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    head = lines[0]
    if "\t" in head:
        found = [_token(line) for line in lines if line.strip()]
    elif "|" in head:
        found = [_barred(line) for line in lines[1:] if line.strip()]
    else:
        found = _commas(lines, where)
    if not found:
        raise DataError(f"{where!r} has no captions; download it again")
    wrong = [number for number, (name, said) in enumerate(found, start=1) if not name or not said]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(found)} captions of {where!r} lack a picture or a text (first number {wrong[0]}); "
            f"complete or drop them"
        )
    return found


def _token(line: str) -> tuple[str, str]:
    name, _, said = line.partition("\t")
    return _NUMBER.sub("", name.strip()), said.strip()


def _barred(line: str) -> tuple[str, str]:
    """`NAME| NUMBER| CAPTION`; one row of the distributed file lacks the second bar."""
    name, _, rest = line.partition("|")
    number, bar, said = rest.partition("|")
    if not bar:
        said = number.strip().lstrip("0123456789")
    return name.strip(), said.strip()


def _commas(lines: list[str], where: str) -> list[tuple[str, str]]:
    """A table with a head; captions with commas are quoted in some copies and not in others, and never on two lines."""
    head = [cell.strip().lower() for cell in lines[0].split(",")]
    image = next((head.index(name) for name in _IMAGE if name in head), None)
    last = len(head) - 1
    if image is None or head[last] not in _CAPTION or image == last:
        raise DataError(f"{where!r} has the columns {', '.join(head)}; captions need image first and caption last")
    found = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = line.split(",", last)
        if len(cells) <= last:
            raise DataError(f"line {number} of {where!r} has no caption: {line[:60]!r}; complete or drop it")
        found.append((_unquoted(cells[image]), _unquoted(cells[last])))
    return found


def _unquoted(cell: str) -> str:
    """A cell without the quotes around it; a caption may begin with a quote of its own."""
    cell = cell.strip()
    return cell[1:-1].replace('""', '"').strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
