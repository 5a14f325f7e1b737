"""NUS-WIDE as its owners distribute it (https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/).

`ImageList/Imagelist.txt` names 269,648 pictures with backslashes; `Groundtruth/AllLabels/Labels_sky.txt` has a 0 or 1
for each; `NUS_WID_Tags/All_Tags.txt` has a line for each, its Flickr number and its tags, and
`NUS_WID_Tags/AllTags1k.txt` a 0/1 column for each tag of `TagList1k.txt`. The pictures are separate, in `Flickr/` or
`images/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, safe_name
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError

_LABEL = re.compile(r"(?:^|/)AllLabels/Labels_([^/]+)\.txt$")
LIST, ALL_TAGS, TAGS_1K, TAG_LIST = "Imagelist.txt", "All_Tags.txt", "AllTags1k.txt", "TagList1k.txt"


class NusWide(Reader):
    """NUS-WIDE as distributed: ImageList/Imagelist.txt, Groundtruth/AllLabels/Labels_*.txt, NUS_WID_Tags/All_Tags.txt.

    Args:
        classes: number of most frequent labels to use, 21 or 10 in the papers; 0 uses all 81.
        tags: `all` tags of a picture, or only the owners' `1k` most frequent tags.
        unlabeled: whether pictures with none of these labels are kept.
        untagged: whether pictures without a tag are kept.
    """

    def __init__(
        self,
        *,
        classes: int = 21,
        tags: Literal["all", "1k"] = "all",
        unlabeled: bool = False,
        untagged: bool = False,
    ) -> None:
        self.classes, self.tags, self.unlabeled, self.untagged = classes, tags, unlabeled, untagged

    def matches(self, place: Place) -> Match:
        """Likely if the list of pictures and the labels have these names, unpacked or in the owners' zips."""
        if not place.holds_files:
            return Match.NO
        listed = any(name.endswith(f"/{LIST}") or name == LIST for name in place.all_names)
        return Match.LIKELY if listed and any(_LABEL.search(name) for name in place.all_names) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The pictures with one of the labels and a tag, in the order of the list; how many were left out is noted."""
        if self.tags not in ("all", "1k") or self.classes < 0:
            raise DataError(f"tags={self.tags!r}, classes={self.classes}: give all or 1k, and 0 or more")
        names = place.all_names if place.holds_files else ()
        files = place.everything
        pictures = [line.replace("\\", "/") for line in _lines(files, _the(names, LIST, place)) if line]
        total = len(pictures)
        columns = {found[1]: name for name in names if (found := _LABEL.search(name))}
        if not columns:
            raise DataError(f"{str(place.path)!r} has no Groundtruth/AllLabels/Labels_*.txt of NUS-WIDE")
        marks = {label: _flags(files, name, total) for label, name in sorted(columns.items())}
        ranked = sorted(marks, key=lambda label: (-int(marks[label].sum()), label))
        labels = tuple(sorted(ranked[: self.classes] if self.classes else ranked))
        matrix = np.stack([marks[label] for label in labels], axis=1)
        texts = self._texts(files, names, total, place)
        labeled = matrix.any(axis=1) | self.unlabeled
        tagged = np.array([bool(text) for text in texts]) | self.untagged
        rows = np.flatnonzero(labeled & tagged)
        if not len(rows):
            raise DataError(
                f"none of the {total} pictures of {str(place.path)!r} has a tag and one of {len(labels)} labels"
            )
        chosen = [safe_name(pictures[row], place.path) for row in rows]
        folder = _folder(files, names, chosen)
        notes = (
            f"nuswide: {len(rows)} of {total} pictures are used, with {len(labels)} of {len(marks)} labels; "
            f"{int((~labeled).sum())} have none of these, {int((labeled & ~tagged).sum())} of the others have no tag",
        )
        return Dataset(
            place.name,
            tuple(chosen),
            {
                "image": Pictures(files, [folder + name for name in chosen]),
                "text": Texts(tuple(texts[r] for r in rows)),
            },
            np.ascontiguousarray(matrix[rows]),
            labels,
            notes=notes if len(rows) < total or len(labels) < len(marks) else (),
        )

    def _texts(self, files: Files, names: Sequence[str], total: int, place: Place) -> list[str]:
        """The tags of every picture, separated by spaces."""
        if self.tags == "all":
            name = _the(names, ALL_TAGS, place)
            # The first word of a line is the picture's number on Flickr.
            texts = [" ".join(line.split()[1:]) for line in _lines(files, name) if line]
        else:
            name, words = _the(names, TAGS_1K, place), _lines(files, _the(names, TAG_LIST, place))
            rows = [line.split() for line in _lines(files, name) if line]
            if wrong := [i for i, row in enumerate(rows) if len(row) > len(words)]:
                raise DataError(f"line {wrong[0] + 1} of {name!r} has more columns than the {len(words)} of {TAG_LIST}")
            texts = [" ".join(word for word, on in zip(words, row, strict=False) if on == "1") for row in rows]
        if len(texts) != total:
            raise DataError(f"{name!r} has {len(texts)} lines but {LIST} {total}; download both again")
        return texts


def _the(names: Sequence[str], file: str, place: Place) -> str:
    found = next((name for name in names if f"/{name}".endswith(f"/{file}")), None)
    if found is None:
        other = {ALL_TAGS: ", or read the thousand tags with --reader nuswide,tags=1k"}.get(file, "")
        raise DataError(f"{str(place.path)!r} has no {file} of NUS-WIDE; put it there{other}")
    return found


def _lines(files: Files, name: str) -> list[str]:
    # Tags are in every encoding Flickr ever had; a letter that is not UTF-8 costs its tag, not the data set.
    return [line.strip() for line in files.read(name).decode("utf-8", "replace").split("\n")]


def _flags(files: Files, name: str, total: int) -> NDArray[np.uint8]:
    """A 0/1 column, (N,)."""
    said = files.read(name).split()
    if len(said) != total or not set(said) <= {b"0", b"1"}:
        raise DataError(f"{name!r} has {len(said)} values, not 0 or 1 for each of {total} pictures; download it again")
    return np.array(said, dtype="S1").astype(np.uint8)


def _folder(files: Files, names: Sequence[str], chosen: Sequence[str]) -> str:
    """The folder of the pictures: the one with the usual names, or the first one that holds a picture."""
    for wanted in chosen[:50]:
        for folder in ("Flickr/", "images/", "Image/", ""):
            if folder + wanted in files:
                return folder
        if place := next((name for name in names if name.endswith("/" + wanted)), None):
            return place.removesuffix(wanted)
    return "Flickr/"
