"""The matrix files in which the field's data sets circulate, with their original key names.

Three forms: one file with every matrix; a folder with one file per matrix; one file split into training, query and
database parts. The case of keys does not matter. A key may also hold names of picture files, or texts.

| origin | keys |
|---|---|
| DCMH, and its ports | `images` or `IAll`, `tags` or `YAll`, `labels` or `LAll` |
| UCCH, NRCH features | `XAll`, `YAll`, `LAll` |
| torchcmh | `FAll` or `imgs` (picture files), `YAll` or `tags`, `LAll` or `labels` |
| DCMHT | `index` (picture files), `caption` (texts), `category` |
| BMC-SDNU | `I_tr T_tr L_tr I_te T_te L_te I_db T_db L_db` |
| NRCH, split | `ImgTrain TagTrain LabTrain ImgQuery ...  ImgDataBase ...` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal_hash.array_files import ArrayAt, is_array_file, list_keys
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.matrices.assemble import assemble
from crossmodal_hash.data.matrices.join_parts import join_parts
from crossmodal_hash.data.pictures import first
from crossmodal_hash.errors import DataError

# Features before pixels before names of files: the first key present is taken.
KEYS = {
    "image": ("XAll", "images", "image", "IAll", "FAll", "imgs", "index"),
    "text": ("tags", "YAll", "text", "texts", "caption"),
    "labels": ("labels", "LAll", "category", "label"),
}
DIVIDED = (
    {"query": ("I_te", "T_te", "L_te"), "train": ("I_tr", "T_tr", "L_tr"), "database": ("I_db", "T_db", "L_db")},
    {
        "query": ("ImgQuery", "TagQuery", "LabQuery"),
        "train": ("ImgTrain", "TagTrain", "LabTrain"),
        "database": ("ImgDataBase", "TagDataBase", "LabDataBase"),
    },
)


def matrix_files(folder: Path) -> list[Path]:
    """The files of matrices directly in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_array_file(path))


def read_matrix_files(paths: Sequence[Path], name: str, *, labels: bool = True) -> Dataset:
    """The data set whose matrices are in these files under one of the known key sets.

    Args:
        paths: one file, or the files of a folder, >= 1.
        name: name of the data set.
        labels: whether labels are required.

    Raises:
        DataError: if a modality is missing or found twice, or the matrices do not fit together.
    """
    found: dict[str, list[ArrayAt]] = {}
    for path in paths:
        for key in list_keys(path):
            found.setdefault(key.casefold(), []).append(ArrayAt(path, key))
    for parts in DIVIDED:
        if all(key.casefold() in found for key in (*parts["query"], *parts["train"])):
            return join_parts({part: [_only(found, key) for key in keys] for part, keys in parts.items()}, name)
    chosen = {
        role: next((_only(found, key) for key in keys if key.casefold() in found), None) for role, keys in KEYS.items()
    }
    if missing := [role for role, at in chosen.items() if at is None and (labels or role != "labels")]:
        looked = first(str(at) for ats in found.values() for at in ats)
        keys = "; ".join(f"{role}: {', '.join(KEYS[role])}" for role in missing)
        raise DataError(
            f"{str(paths[0].parent if len(paths) > 1 else paths[0])!r} has no matrix for {' and '.join(missing)} among "
            f"its keys ({looked}); name one of these keys ({keys}), or add a metadata.jsonl for pictures"
        )
    return assemble({role: at for role, at in chosen.items() if at is not None}, name)


def _only(found: Mapping[str, Sequence[ArrayAt]], key: str) -> ArrayAt | None:
    ats = found.get(key.casefold(), ())
    if len(ats) > 1:
        raise DataError(
            f"{len(ats)} files hold the key {key!r} ({first(str(at) for at in ats)}); give one file per matrix"
        )
    return ats[0] if ats else None
