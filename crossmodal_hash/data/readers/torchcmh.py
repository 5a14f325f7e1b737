"""The list files of torchcmh (https://github.com/WangGodder/deep-cross-modal-hashing, `torchcmh/dataset/`).

`imgList.mat` names the pictures (`FAll` or `imgs`; NUS-WIDE splits folder and file into two columns), `tagList.mat`
holds the words (`YAll` or `tags`) and `labelList.mat` the labels (`LAll` or `labels`), with one row per item. For
NUS-WIDE the names contain the number of classes: `imgList21.mat`.
"""

from __future__ import annotations

import re
from pathlib import Path

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.matrices.key_sets import read_matrix_files
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.errors import DataError

_LIST = re.compile(r"(img|tag|label)List(\w*)\.mat")


class TorchCmh(Reader):
    """The list files of torchcmh: imgList.mat, tagList.mat and labelList.mat, with pictures below the same folder.

    Args:
        variant: what follows List in the names, such as 21 in imgList21.mat; empty uses the lists without a variant, or
            the only variant.
    """

    def __init__(self, *, variant: str | int = "") -> None:
        self.variant = variant

    def matches(self, place: Place) -> Match:
        """Likely if there are lists of pictures and of words."""
        return Match.LIKELY if any({"img", "tag"} <= set(lists) for lists in _lists(place).values()) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The rows of the lists."""
        found = _lists(place)
        if not found:
            raise DataError(f"{str(place.path)!r} has no imgList.mat, tagList.mat and labelList.mat of torchcmh")
        wanted = str(self.variant) or (next(iter(found)) if len(found) == 1 else "")
        if wanted not in found:
            raise DataError(
                f"{str(place.path)!r} has the variants {', '.join(map(repr, sorted(found)))}; choose one with --reader "
                f"torchcmh,variant=NAME"
            )
        return read_matrix_files(sorted(found[wanted].values()), place.name, labels=needs.labels)


def _lists(place: Place) -> dict[str, dict[str, Path]]:
    """Variant -> kind of list -> file."""
    lists: dict[str, dict[str, Path]] = {}
    for path in place.top(".mat"):
        if found := _LIST.fullmatch(path.name):
            lists.setdefault(found[2], {})[found[1]] = path
    return lists
