"""The codes file: one file per modality, in our own format or in formats that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from crossmodal_hash.array_files import load_matrix, read_arrays
from crossmodal_hash.atomic import replacing
from crossmodal_hash.codes.bits import pack, unpack
from crossmodal_hash.codes.matrix import codes_from_matrix
from crossmodal_hash.codes.record import Codes as Codes
from crossmodal_hash.errors import CodesError, DataError

FORMAT = "crossmodal_hash.codes"
VERSION = "1"


def save(path: str | Path, codes: Codes) -> None:
    """Write codes atomically, in the format given by the suffix of `path`.

    `.safetensors` and `.npz` keep everything. `.mat` (version 5) holds a -1 / +1 matrix `codes` with ids, labels and
    names, but no parts. `.npy` (packed bytes: reading them back needs the number of bits) and `.csv` (-1 / +1, no
    header) hold only the codes.

    Args:
        path: the file; its folder is created if it is missing.
        codes: the codes to write.

    Raises:
        CodesError: if the suffix is unknown or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", ".npz", ".npy", ".mat", ".csv"):
        raise CodesError(f"cannot write codes as {path.name}; use .safetensors, .npz, .npy, .mat or .csv")
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            if suffix == ".safetensors":
                file.write(_in_order(safetensors.numpy.save(_tensors(codes), metadata=_metadata(codes))))
            elif suffix == ".npz":
                np.savez(file, metadata=np.array(json.dumps(_metadata(codes))), **_tensors(codes))  # type: ignore[arg-type]
            elif suffix == ".npy":
                np.save(file, codes.packed)
            elif suffix == ".mat":
                import scipy.io  # slow to import, and rarely needed

                scipy.io.savemat(file, _mat(codes), do_compression=True)  # type: ignore[arg-type]  # any binary file will do
            else:
                np.savetxt(file, unpack(codes.packed, codes.bits), fmt="%d", delimiter=",")
    except OSError as error:
        raise CodesError(
            f"cannot write {path} ({error.strerror or error}); choose another folder, or free space"
        ) from error


def load(
    path: str | Path,
    *,
    bits: int | None = None,
    key: str | None = None,
    modality: str | None = None,
    ids: Sequence[str] | NDArray[Any] | None = None,
    labels: NDArray[Any] | None = None,
) -> Codes:
    """Read a codes file of `save`, or any matrix of codes (see `load_matrix` and `codes_from_matrix`).

    A matrix without ids gets its row numbers as ids, and the file's stem as modality. Arguments override the values in
    the file, except `bits`, which must agree with it.

    Args:
        path: the file, by suffix as in `load_matrix`.
        bits: K; needed for packed bytes.
        key: name of the matrix, for a foreign file that holds several.
        modality: name of the modality.
        ids: names of the N items.
        labels: (N, C) in {0, 1}.

    Returns:
        The codes.

    Raises:
        CodesError: if the file is missing, truncated or of an unknown format version, or is not a matrix of codes.
    """
    path = Path(path)
    given: dict[str, Any] = {"modality": modality, "ids": ids, "labels": labels}
    try:
        own = None if key is not None else _load_own(path)
        matrix = load_matrix(path, key) if own is None else None
    except DataError as error:
        raise CodesError(str(error)) from error
    if own is not None:
        if bits is not None and bits != own.bits:
            raise CodesError(f"{path} holds codes of {own.bits} bits, not {bits}")
        return replace(own, **{name: value for name, value in given.items() if value is not None})
    assert matrix is not None
    rows = len(ids) if ids is not None else len(labels) if labels is not None else None
    try:
        packed = codes_from_matrix(matrix, bits=bits, rows=rows)
    except CodesError as error:
        raise CodesError(f"{path}: {error}") from None
    return Codes(
        packed=packed,
        bits=matrix.shape[1] if bits is None else bits,
        ids=np.arange(len(packed)).astype(np.str_) if ids is None else np.asarray(ids),
        modality=path.stem if modality is None else modality,
        labels=labels,
    )


def _load_own(path: Path) -> Codes | None:
    """The file's codes if `save` wrote it with metadata, otherwise None."""
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", ".npz", ".mat"):
        return None
    text = read_arrays(path, "metadata").get("metadata")
    try:
        if suffix == ".safetensors":
            with safetensors.safe_open(path, framework="numpy") as file:
                meta = file.metadata() or {}
        else:
            meta = json.loads(str(text.reshape(-1)[0])) if text is not None and text.dtype.kind == "U" else {}
        if meta.get("format") != FORMAT:
            return None
        if meta["version"] != VERSION:
            raise CodesError(
                f"{path} has codes format version {meta['version']}, but this program reads {VERSION}; upgrade it"
            )
        arrays = read_arrays(path)
        return _from_mat(arrays, meta) if suffix == ".mat" else _from_tensors(arrays, meta)
    except (CodesError, DataError):
        raise
    except Exception as error:
        raise CodesError(f"{path} is a codes file with a missing or broken part ({error})") from error


def _in_order(content: bytes) -> bytes:
    """A safetensors file with sorted metadata, so that the same codes give the same bytes.

    The library writes them in the order of a hash table, which changes from call to call.
    """
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return content[:8] + text.ljust(size) + content[8 + size :]


def _metadata(codes: Codes) -> dict[str, str]:
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "bits": str(codes.bits),
        "modality": codes.modality,
        "bit_order": "little",
        "sign_rule": ">=0 is 1",
    }
    if codes.fingerprint is not None:
        meta["fingerprint"] = codes.fingerprint
    if codes.label_names is not None:
        meta["label_names"] = json.dumps(codes.label_names)
    return meta


def _tensors(codes: Codes) -> dict[str, NDArray[Any]]:
    """Ids as one block of UTF-8 and offsets: ten million ids are two flat tensors, not a header of megabytes."""
    encoded = [name.encode() for name in codes.ids.tolist()]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(name) for name in encoded], out=offsets[1:])
    tensors: dict[str, NDArray[Any]] = {
        "packed": np.ascontiguousarray(codes.packed),
        "ids": np.frombuffer(b"".join(encoded), np.uint8),
        "ids_offsets": offsets,
    }
    if codes.labels is not None:
        tensors["labels"] = np.ascontiguousarray(codes.labels)
    return tensors | {f"part.{name}": mask.astype(np.uint8) for name, mask in codes.parts.items()}


def _from_tensors(tensors: Mapping[str, NDArray[Any]], meta: Mapping[str, str]) -> Codes:
    text, offsets = tensors["ids"].tobytes(), tensors["ids_offsets"].tolist()
    parts = {name[5:]: mask for name, mask in tensors.items() if name.startswith("part.")}
    ids = [text[a:b].decode() for a, b in pairwise(offsets)]
    return _codes(tensors["packed"], np.array(ids, dtype=np.str_), tensors.get("labels"), parts, meta)


def _mat(codes: Codes) -> dict[str, Any]:
    content: dict[str, Any] = {
        "codes": unpack(codes.packed, codes.bits),
        "ids": codes.ids.astype(object).reshape(-1, 1),  # a column of cells, as MATLAB keeps text of different lengths
        "metadata": json.dumps(_metadata(codes)),
    }
    return content if codes.labels is None else content | {"labels": codes.labels}


def _from_mat(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, str]) -> Codes:
    ids = np.array([str(cell.reshape(-1)[0]) if cell.size else "" for cell in arrays["ids"].reshape(-1)])
    return _codes(pack(arrays["codes"]), ids, arrays.get("labels"), {}, meta)


def _codes(
    packed: NDArray[np.uint8],
    ids: NDArray[np.str_],
    labels: NDArray[np.uint8] | None,
    parts: Mapping[str, NDArray[Any]],
    meta: Mapping[str, str],
) -> Codes:
    names = meta.get("label_names")
    return Codes(
        packed=packed,
        bits=int(meta["bits"]),
        ids=ids,
        modality=meta["modality"],
        labels=labels,
        label_names=None if names is None else tuple(json.loads(names)),
        fingerprint=meta.get("fingerprint"),
        parts={name: mask.astype(bool) for name, mask in parts.items()},
    )
