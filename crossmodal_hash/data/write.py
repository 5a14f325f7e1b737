"""Writes any data set in the native layout: metadata and pictures, or matrices that name the pictures."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from crossmodal_hash.atomic import new_folder, replacing
from crossmodal_hash.data.captions import Captions
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import safe_name
from crossmodal_hash.data.matrix import Matrix
from crossmodal_hash.data.metadata import LABEL_ORDER, METADATA
from crossmodal_hash.data.pictures import SUFFIXES, Pictures
from crossmodal_hash.data.splits import split_from_rows
from crossmodal_hash.data.texts import Texts, TextSource
from crossmodal_hash.errors import DataError, SettingsError

Form = Literal["folder", "zip", "tar"]
SPLIT = "split.json"
_EXTENSIONS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "TIFF": ".tif",
               "BMP": ".bmp", "PPM": ".ppm"}  # fmt: skip


def write_native(
    dataset: Dataset, out: Path, form: Form = "folder", *, done: Callable[[int], object] = lambda n: None
) -> None:
    """Write a data set so that the readers `native` or `matrices` give the same items in the same order.

    Pictures are copied byte for byte, and decoded as a check: one that cannot be read is an error. Pictures and texts
    become `metadata.jsonl`; if a modality is a matrix, `matrices.npz` holds all of them. Classes and their order are
    stored in `labels.txt`, a split in `split.json`. Either everything is written or nothing.

    Args:
        dataset: N items.
        out: the folder or file, which must not exist.
        form: the kind of output; matrices need a folder.
        done: called with the number of newly written items.

    Raises:
        DataError: for a picture that cannot be read.
        SettingsError: for an `out` that exists or does not have the suffix of its form.
    """
    if other := sorted(dataset.modalities.keys() - {"image", "text"}):
        raise DataError(f"{dataset.name!r} has the modality {other[0]!r}; this layout holds image and text alone")
    matrices = bool(dataset.of(Matrix))
    if out.exists():
        raise SettingsError(f"{str(out)!r} already exists; choose another name")
    if form != "folder" and out.suffix != f".{form}":
        raise SettingsError(f"{str(out)!r} does not end in .{form}; use this suffix, so that it can be read again")
    if matrices and dataset.of(Captions):
        raise DataError(
            f"{dataset.name!r} holds a matrix and several texts an item, and beside matrices there is one text a row; "
            f"read it with one text an item"
        )
    if matrices and form != "folder":
        raise SettingsError(f"{dataset.name!r} holds a matrix, which cannot be read from a {form}; use --format folder")
    files = _with_matrices(dataset) if matrices else _with_metadata(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    if form == "folder":
        _write_folder(files, out, done)
        return
    with replacing(out) as temporary:
        (_write_zip if form == "zip" else _write_tar)(files, temporary, done)


Content = Iterator[tuple[str, bytes]]


def _with_metadata(dataset: Dataset) -> Content:
    pictures, texts = dataset.modalities.get("image"), dataset.modalities.get("text")
    if not isinstance(pictures, Pictures) or not isinstance(texts, TextSource):
        raise DataError(f"{dataset.name!r} has {', '.join(dataset.modalities)}; pictures and texts are needed")
    names: list[str] = []
    for name, content in _pictures(dataset, pictures):
        names.append(name)
        yield name, content
    lines = []
    for row, name in enumerate(names):
        said = texts.said(row)
        item: dict[str, Any] = {"file_name": name} | ({"text": said[0]} if len(said) == 1 else {"texts": said})
        if dataset.labels is not None:
            item["labels"] = [dataset.label_names[j] for j in np.flatnonzero(dataset.labels[row])]
        lines.append(json.dumps(item, ensure_ascii=False) + "\n")
    yield METADATA[0], "".join(lines).encode("utf-8", "surrogatepass")
    yield from _beside(dataset, names)


def _with_matrices(dataset: Dataset) -> Content:
    arrays: dict[str, Any] = {}
    names = list(dataset.ids)
    for role, source in dataset.modalities.items():
        if isinstance(source, Pictures):
            names = []
            for name, content in _pictures(dataset, source):
                names.append(name)
                yield name, content
            arrays["imgs"] = np.array(names)
        elif isinstance(source, Texts):
            arrays["texts"] = np.array(source.items)
        elif isinstance(source, Matrix):
            values = source.values
            arrays["XAll" if role == "image" else "tags"] = (
                values if isinstance(values, np.ndarray) else values.toarray()
            )
    if dataset.labels is not None:
        arrays["labels"] = dataset.labels
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    yield "matrices.npz", packed.getvalue()
    yield from _beside(dataset, names if "imgs" in arrays else [str(row) for row in range(len(dataset))])


def _beside(dataset: Dataset, names: list[str]) -> Content:
    """The order of the classes, and the split with the new names."""
    if dataset.label_names:
        yield LABEL_ORDER, ("\n".join(dataset.label_names) + "\n").encode()
    if dataset.split_rows is not None:
        split = split_from_rows(dataset.split_rows, len(dataset)).as_ids(names)
        given = {part: ids for part, ids in split.items() if ids}
        yield SPLIT, (json.dumps(given, ensure_ascii=False, indent=1) + "\n").encode()


def _pictures(dataset: Dataset, pictures: Pictures) -> Content:
    """Name and content of every picture; an id that is the name of a picture file is kept."""
    for row, own in enumerate(dataset.ids):
        content = pictures.content(row)
        pictures.decode(row, content)
        name = own.replace("\\", "/")
        if not name.lower().endswith(SUFFIXES):
            with Image.open(io.BytesIO(content)) as image:
                name = f"images/{row:07}{_EXTENSIONS.get(image.format or '', '.jpg')}"
        yield safe_name(name, pictures.files.path), content


def _write_folder(files: Content, out: Path, done: Callable[[int], object]) -> None:
    with new_folder(out) as temporary:
        for name, content in files:
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            done(1)


def _write_zip(files: Content, path: Path, done: Callable[[int], object]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            # Pictures are compressed already.
            small = not name.lower().endswith(SUFFIXES)
            archive.writestr(name, content, zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED)
            done(1)


def _write_tar(files: Content, path: Path, done: Callable[[int], object]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            done(1)
