"""WebDataset shards: tar files in which the members of one item share their name up to the first dot.

The convention is described at https://github.com/webdataset/webdataset. Shards are read in place like any other tar:
links are not followed, and no name leads outside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, Mounted, open_files
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import SUFFIXES, Pictures, first
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.readers._columns import cell_labels, cell_text
from crossmodal_hash.data.source import Source
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError

TARS = (".tar", ".tar.gz", ".tgz")
TEXT = ("txt", "text", "caption")
LABELS = ("labels.txt", "labels", "label", "cls")
JSON_TEXT = ("text", "caption", "captions", "txt")
JSON_LABELS = ("labels", "label", "classes", "cls")


class WebDataset(Reader):
    """WebDataset shards: NAME.jpg, NAME.txt and NAME.json or NAME.cls in one tar or a folder of tars.

    Args:
        text: member or key of NAME.json that holds the text; empty takes the first of the usual names.
        labels: the same for the labels; a member has one label per line, by name or number.
    """

    def __init__(self, *, text: str = "", labels: str = "") -> None:
        self.text, self.labels = text, labels

    def matches(self, place: Place) -> Match:
        """Likely if the first shard has an item with a picture and something else."""
        shards = _shards(place)
        if not shards:
            return Match.NO
        files = place.files if place.is_archive else open_files(shards[0])
        items = _items(files.names())
        pairs = [members for members in items.values() if _picture(members) and _described(members)]
        return Match.LIKELY if pairs else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The items of all shards, in the order of shards and names."""
        shards = _shards(place)
        if not shards:
            raise DataError(f"{str(place.path)!r} is not a tar or a folder of tars; choose another --reader")
        stores: dict[str, Files] = {}
        for shard in shards:
            stores[shard.name.split(".")[0]] = place.files if place.is_archive else open_files(shard)
        if len(stores) < len(shards):
            raise DataError(f"two shards in {str(place.path)!r} differ only in their suffix; keep one of them")
        keys: list[str] = []
        names: list[str] = []
        texts: list[str] = []
        labels: list[list[str]] = []
        bare: list[str] = []
        for at, store in stores.items():
            for key, members in _items(store.names()).items():
                picture = _picture(members)
                if picture is None:
                    bare.append(f"{at}/{key}")
                    continue
                keys.append(picture if len(stores) == 1 else f"{at}/{picture}")
                names.append(f"{at}/{picture}")
                text, said = self._described(store, members, f"{at}/{key}")
                texts.append(text)
                labels.append(said)
        if bare:
            raise DataError(
                f"{len(bare)} items of {str(place.path)!r} have no picture ({first(bare)}); add one to each"
            )
        matrix, label_names = label_matrix(labels)
        sources: dict[str, Source] = {
            "image": Pictures(Mounted(place.path, stores), names),
            "text": Texts(tuple(texts)),
        }
        return Dataset(place.name, tuple(keys), sources, matrix, label_names)

    def _described(self, store: Files, members: Mapping[str, str], where: str) -> tuple[str, list[str]]:
        """Text and labels of one item."""
        document: dict[str, Any] = {}
        if "json" in members:
            try:
                document = json.loads(store.read(members["json"]))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{members['json']!r} of {where!r} is not JSON ({error}); pack it again") from error
            if not isinstance(document, dict):
                raise DataError(f"{members['json']!r} of {where!r} is not a JSON object; pack it again")
        text = next((members[name] for name in ([self.text] if self.text else TEXT) if name in members), None)
        if text is not None:
            said: Any = _decode(store.read(text), where)
        else:
            said = next((document[key] for key in ([self.text] if self.text else JSON_TEXT) if key in document), None)
        member = next((members[name] for name in ([self.labels] if self.labels else LABELS) if name in members), None)
        if member is not None:
            marks: Any = [line.strip() for line in _decode(store.read(member), where).splitlines() if line.strip()]
        else:
            marks = next(
                (document[key] for key in ([self.labels] if self.labels else JSON_LABELS) if key in document), None
            )
        return cell_text(said, where).strip(), cell_labels(marks, None, where)


def _shards(place: Place) -> list[Path]:
    if place.is_archive:
        return [place.path] if place.path.name.lower().endswith(TARS) else []
    return place.top(*TARS)


def _items(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Key -> lower-case extension -> member; the key is the name up to the first dot after the last slash."""
    items: dict[str, dict[str, str]] = {}
    for name in names:
        folder, slash, file = name.rpartition("/")
        key, dot, extension = file.partition(".")
        if key and dot:
            items.setdefault(folder + slash + key, {})[extension.lower()] = name
    return items


def _picture(members: Mapping[str, str]) -> str | None:
    return next((name for extension, name in members.items() if f".{extension}".endswith(SUFFIXES)), None)


def _described(members: Mapping[str, str]) -> bool:
    return any(name in members for name in ("json", *TEXT, *LABELS))


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"a text of {where!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
