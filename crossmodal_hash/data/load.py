"""`load_data`: whatever a user calls a data set, as a `Dataset`."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path

from crossmodal_hash.data.arrays import SUFFIXES, ArrayAt, list_keys
from crossmodal_hash.data.assemble import assemble
from crossmodal_hash.data.circulating import KEYS, matrix_files, read_matrix_files
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import ARCHIVES, is_archive, open_files
from crossmodal_hash.data.metadata import METADATA, find_metadata, read_metadata
from crossmodal_hash.errors import DataError, SettingsError

EMBEDDED = "openclipart.zip"


def load_data(
    path: str | Path | None = None,
    *,
    images: str | Path | None = None,
    text: str | Path | None = None,
    labels: str | Path | None = None,
    need_labels: bool = True,
) -> Dataset:
    """Read a data set from a folder, an archive or matrix files; with nothing given, the embedded one.

    A folder or archive (`.tar`, `.tar.gz`, `.tgz`, `.zip`) with `metadata.jsonl` or `metadata.csv` holds pictures and
    texts; matrices beside the metadata are ignored. Otherwise the files of matrices (`.mat` of any version, `.h5`,
    `.npy`, `.npz`, `.safetensors`) in the folder, or the one given, are looked through for the key sets that circulate
    (see `crossmodal_hash.data.circulating`). Pictures are decoded only when they are used.

    Args:
        path: the folder, archive or file.
        images: instead of `path`, the matrix of image features, as `FILE` or `FILE:KEY`.
        text: likewise the matrix of words or text features.
        labels: likewise the 0/1 matrix of labels.
        need_labels: whether data without labels are refused; otherwise they get `labels=None`.

    Returns:
        The data set, with the modalities "image" and "text".

    Raises:
        DataError: if anything is missing, damaged or does not fit together.
        SettingsError: if `path` and single matrices are both given.

    Example:
        >>> data = load_data()
        >>> sorted(data.modalities)
        ['image', 'text']
    """
    single = {"image": images, "text": text, "labels": labels}
    if any(spec is not None for spec in single.values()):
        return _load_single(path, single, need_labels=need_labels)
    if path is None:
        return load_embedded()
    path = Path(path)
    if path.name in METADATA:
        path = path.parent
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist; give a folder, an archive or a file of matrices")
    if path.is_file() and path.suffix in SUFFIXES:
        return read_matrix_files([path], path.stem, labels=need_labels)
    if path.is_file() and not is_archive(path):
        raise DataError(
            f"{str(path)!r} is not a data set; give a folder, an archive ({', '.join(ARCHIVES)}) or a file of matrices "
            f"({', '.join(SUFFIXES)})"
        )
    members = open_files(path)
    metadata = find_metadata(members)
    if metadata is not None:
        return read_metadata(members, metadata, labels=need_labels)
    matrices = matrix_files(path) if path.is_dir() else []
    if not matrices:
        raise DataError(
            f"{str(path)!r} has neither {' nor '.join(METADATA)}, nor files of matrices; add a {METADATA[0]}"
        )
    return read_matrix_files(matrices, path.resolve().name, labels=need_labels)


def load_embedded() -> Dataset:
    """The small real data set that comes with the package."""
    place = ExitStack()
    atexit.register(place.close)
    path = place.enter_context(as_file(files("crossmodal_hash.data") / "embedded" / EMBEDDED))
    members = open_files(path)
    return read_metadata(members, find_metadata(members) or METADATA[0])


def find_array(spec: str | Path, role: str) -> ArrayAt:
    """The array named by `FILE:KEY`; or by `FILE`, if it holds one array or one known key for the role.

    Raises:
        DataError: if there is no such file, or the key is not clear; lists the keys.
    """
    text = str(spec)
    if not Path(text).exists() and ":" in text:
        file, key = text.rsplit(":", 1)
        if Path(file).is_file():
            return ArrayAt(Path(file), key)
    path = Path(text)
    if not path.is_file():
        raise DataError(f"{text!r} does not exist; give FILE or FILE:KEY for the matrix of {role}")
    keys = list_keys(path)
    if len(keys) == 1:
        return ArrayAt(path, keys[0])
    by_case = {key.casefold(): key for key in keys}
    known = next((by_case[key.casefold()] for key in KEYS[role] if key.casefold() in by_case), None)
    if known is None:
        raise DataError(
            f"{text!r} holds {', '.join(keys) or 'no array'}; say which is the matrix of {role} as {path.name}:KEY"
        )
    return ArrayAt(path, known)


def _load_single(path: str | Path | None, single: dict[str, str | Path | None], *, need_labels: bool) -> Dataset:
    if path is not None:
        raise SettingsError(f"{str(path)!r} was given together with single matrices; give one or the other")
    chosen = {role: find_array(spec, role) for role, spec in single.items() if spec is not None}
    missing = [role for role in single if role not in chosen and (need_labels or role != "labels")]
    if missing:
        raise SettingsError(f"no matrix of {' and '.join(missing)} was given; give images, text and labels together")
    return assemble(chosen, next(iter(chosen.values())).path.stem)
