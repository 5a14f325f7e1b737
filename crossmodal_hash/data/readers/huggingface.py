"""Data sets saved by Hugging Face's library `datasets` (`save_to_disk`); nothing is downloaded, no script is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import MAX_BYTES, Below, Files
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.readers._columns import cell_labels, cell_text, choose, division, kinds_of
from crossmodal_hash.data.source import Source
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError


class HuggingFace(Reader):
    """Folders written by save_to_disk of Hugging Face's library datasets.

    Args:
        image: column of pictures; empty takes the first of the usual names.
        text: column of texts, a string or a list of strings.
        labels: column of labels, a name, a class number, or a list of them.
    """

    def __init__(self, *, image: str = "", text: str = "", labels: str = "") -> None:
        self.image, self.text, self.labels = image, text, labels

    def matches(self, place: Place) -> Match:
        """Certain if the files exist that `save_to_disk` writes beside the tables."""
        path = place.path
        one = (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
        return Match.SURE if one or (path / "dataset_dict.json").is_file() else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The rows of all parts; parts named train and test are a split, in which test holds the queries."""
        where = str(place.path)
        parts = saved(place.path)
        table = next(iter(parts.values()))
        given = {"image": self.image, "text": self.text, "labels": self.labels}
        image, text, labels, note = choose(kinds_of(table.features.arrow_schema), given, "huggingface", where)
        texts: list[str] = []
        marks: list[list[str]] = []
        rows: dict[str, Any] = {}
        named: list[str] | None = None
        for name, part in parts.items():
            if part.column_names != table.column_names:
                raise DataError(f"part {name!r} of {where!r} has other columns than the first; save one table")
            rows[name] = np.arange(len(texts), len(texts) + len(part))
            texts += [cell_text(cell, f"a row of {where!r}") for cell in part[text]]
            if labels is not None:
                named = _class_names(part.features[labels])
                marks += [cell_labels(cell, named, f"a row of {where!r}") for cell in part[labels]]
        ids = tuple(str(row) for row in range(len(texts)))
        sources: dict[str, Source] = {}
        if image is not None:
            sources["image"] = Pictures(Saved(place.path, image, ids), ids)
        sources["text"] = Texts(tuple(texts))
        matrix, label_names = label_matrix(marks, named)
        return Dataset(place.name, ids, sources, matrix, label_names, division(rows), (note,))


class Saved:
    """Pictures of a saved data set by the number of their row, over all parts; the tables are mapped, not loaded.

    Args:
        path: the folder.
        column: column of pictures.
        names: one name per row.
    """

    def __init__(self, path: Path, column: str, names: Sequence[str]) -> None:
        self.path, self.column = path, column
        self.rows = {name: row for row, name in enumerate(names)}
        self._parts: list[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parts": None}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def read(self, name: str) -> bytes:
        """The content of one picture."""
        parts = self._parts
        if parts is None:
            parts = self._parts = [_undecoded(part, self.column) for part in saved(self.path).values()]
        row = self.rows[name]
        for part in parts:
            if row < len(part):
                cell = part[row][self.column]
                break
            row -= len(part)
        else:
            raise DataError(f"{str(self.path)!r} has changed: row {name} no longer exists")
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not content and isinstance(cell, dict) and cell.get("path"):
            raise DataError(
                f"picture {name!r} in {str(self.path)!r} is an external file ({cell['path']!r}); embed it before saving"
            )
        if not isinstance(content, bytes) or not content or len(content) > MAX_BYTES:
            raise DataError(
                f"picture {name!r} in {str(self.path)!r} is empty, not a picture, or larger than {MAX_BYTES} bytes"
            )
        return content

    def under(self, folder: str) -> Files:
        """The pictures below `folder`, named relative to it."""
        return Below(self, folder) if folder else self


def saved(path: Path) -> Mapping[str, Any]:
    """The parts of a saved data set by name; a single part has the name "".

    Raises:
        DataError: if `datasets` is not installed, or the folder is not one it wrote.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            "reading data sets of Hugging Face needs datasets; install it: pip install 'crossmodal-hash[hf]'"
        ) from error
    try:
        found = datasets.load_from_disk(str(path))
    # ArrowInvalid is a ValueError; a damaged state.json is a KeyError or TypeError.
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{str(path)!r} is not a folder of save_to_disk ({reason:.120}); save it again") from error
    return found if isinstance(found, datasets.DatasetDict) else {"": found}


def _undecoded(part: Any, column: str) -> Any:
    """The part with pictures as bytes: we decode them ourselves, with our limits."""
    import datasets

    if not isinstance(part.features[column], datasets.Image):
        return part.select_columns([column])
    return part.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def _class_names(feature: Any) -> list[str] | None:
    """The names of class numbers, for one number or a list."""
    inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) else feature)
    names = getattr(inner, "names", None)
    return [str(name) for name in names] if names else None
