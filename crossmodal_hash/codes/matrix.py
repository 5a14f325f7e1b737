"""Anyone's matrices: read them from the usual files, and recognise codes in them without ever guessing."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.errors import CodesError

# What the readers below raise on a truncated, corrupt or foreign file.
UNREADABLE = (OSError, ValueError, TypeError, EOFError, KeyError, IndexError, NotImplementedError, RuntimeError,
              struct.error, zlib.error, zipfile.BadZipFile, safetensors.SafetensorError)  # fmt: skip


def load_matrix(path: str | Path, key: str | None = None) -> NDArray[Any]:
    r"""Read one 2-D numeric matrix (codes, features or labels) from a file, by its suffix.

    `.npy`, `.npz`, `.mat` (version 5 and the HDF5 based 7.3, whose axes are turned back), `.csv` (numbers only, no
    header) and `.safetensors`. Sparse MATLAB matrices come back dense. Scalars, text and cells are passed over.

    Args:
        path: the file.
        key: name of the matrix inside a file that holds several; None takes the only one.

    Returns:
        The matrix, (N, anything), with the type it has in the file.

    Raises:
        CodesError: if the file is missing, unreadable, of an unknown suffix, holds no matrix, or holds several and
            `key` names none of them.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_text("1,0\n0,1\n")
        >>> load_matrix(file).shape
        (2, 2)
    """
    path = Path(path)
    found = {name: m for name, m in read_arrays(path).items() if is_matrix(m)}
    found = {name: m for name, m in found.items() if m.shape != (1, 1)} or found  # a MATLAB number is a 1 x 1 matrix
    if not found:
        raise CodesError(f"{path} holds no matrix of numbers.")
    names = ", ".join(sorted(found))
    if key is not None:
        if key not in found:
            raise CodesError(f"{path} has no matrix {key!r}; it has {names}.")
        return found[key]
    if len(found) > 1:
        raise CodesError(f"{path} holds {len(found)} matrices, so name one of them as the key: {names}.")
    return next(iter(found.values()))


def codes_from_matrix(matrix: NDArray[Any], *, bits: int | None = None, rows: int | None = None) -> NDArray[np.uint8]:
    """Recognise a matrix of codes and pack it: -1 / +1, 0 / 1, or already packed bytes.

    A matrix of one constant value is taken if the value belongs to either pair (all ones: every bit is 1). Packed bytes
    are only accepted when `bits` is given, and with zero padding.

    Args:
        matrix: (N, K) in {-1, +1} or {0, 1}, or packed uint8 (N, ceil(K / 8)).
        bits: K; must be given for packed bytes, and is checked otherwise.
        rows: N known from labels or ids, checked if given.

    Returns:
        Packed codes, uint8 (N, ceil(K / 8)).

    Raises:
        CodesError: if the values are not those of codes, or K or N do not fit.

    Example:
        >>> codes_from_matrix(np.array([[1, -1, 1]]))
        array([[5]], dtype=uint8)
        >>> codes_from_matrix(np.array([[1, 0, 1]]))
        array([[5]], dtype=uint8)
    """
    if not is_matrix(matrix):
        raise CodesError(f"codes are a matrix of numbers, not {matrix.dtype} of shape {matrix.shape}.")
    n, width = matrix.shape
    if rows is not None and n != rows:
        hint = "; its columns do, so it looks transposed" if width == rows else ""
        raise CodesError(f"the matrix has {n} rows, which does not match the {rows} items of the labels or ids{hint}.")
    if bits is not None and width != bits:
        check_packed(matrix, bits)
        if bits % 8 and (matrix[:, -1] >> (bits % 8)).any():
            raise CodesError(f"the padding after bit {bits} is not zero; is the bit order big-endian, or K larger?")
        return np.ascontiguousarray(matrix)
    return np.packbits(_ones(matrix), axis=1, bitorder="little")


def _ones(matrix: NDArray[Any]) -> NDArray[np.bool_]:
    one = matrix == 1
    zero, minus = matrix == 0, matrix == -1
    if (one | zero).all() or (one | minus).all():
        return np.asarray(one)
    strange = ~(one | zero | minus)
    if strange.any():
        row, column = np.argwhere(strange)[0]
        hint = "; for packed bytes give the number of bits" if matrix.dtype == np.uint8 else ""
        raise CodesError(
            f"row {row}, column {column} holds {matrix[row, column]}; a matrix of codes holds only -1 and +1, "
            f"or only 0 and 1{hint}."
        )
    row, column = np.argwhere(zero)[0]
    raise CodesError(
        f"the matrix holds -1, 0 and +1 (a 0 in row {row}, column {column}); a code has two values, and sign(0) = 0 is "
        f"the usual cause, so save the codes before the sign or use x >= 0."
    )


def is_matrix(array: NDArray[Any]) -> bool:
    """Whether an array is a 2-D matrix of real numbers or truth values with at least one column."""
    return array.ndim == 2 and array.dtype.kind in "fiub" and array.shape[1] > 0


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of a file by name; a file without names calls its one array `matrix`.

    Raises:
        CodesError: if the file is missing, unreadable or of an unknown suffix.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise CodesError(f"cannot tell what {path} is from its suffix; known are {', '.join(_READERS)}.")
    if not path.is_file():
        raise CodesError(f"there is no file {path}.")
    try:
        return reader(path)
    except UNREADABLE as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise CodesError(f"{path} cannot be read as {path.suffix.lower()}; it looks corrupt ({reason}).") from error


def _read_npy(path: Path) -> dict[str, NDArray[Any]]:
    return {"matrix": np.asarray(np.load(path, allow_pickle=False))}


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file.items())


def _read_csv(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        if not any(line.strip() for line in file):
            return {}  # without a line there is no number of columns, and so no matrix
    return {"matrix": np.loadtxt(path, delimiter=",", ndmin=2)}


def _read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    return safetensors.numpy.load_file(path)


def _read_mat(path: Path) -> dict[str, NDArray[Any]]:
    import h5py  # here, because h5py and scipy.io take longer to import than most commands that hold codes need
    import scipy.io

    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            return {name: _from_hdf5(node) for name, node in file.items() if not name.startswith("#")}
    try:
        content: dict[str, Any] = scipy.io.loadmat(path)
    except scipy.io.matlab.MatReadError as error:
        raise ValueError(error) from error
    return {
        name: value.toarray() if hasattr(value, "toarray") else np.asarray(value)
        for name, value in content.items()
        if not name.startswith("__")
    }


def _from_hdf5(node: Any) -> NDArray[Any]:
    import h5py
    import scipy.sparse

    if isinstance(node, h5py.Dataset):
        if node.attrs.get("MATLAB_class") == b"char":
            return np.array("".join(map(chr, np.ravel(node[()]))))
        return np.asarray(node[()]).T  # HDF5 stores the axes in C order, MATLAB means them in Fortran order
    if "MATLAB_sparse" in node.attrs:
        indptr = node["jc"][()]
        data, indices = (node["data"][()], node["ir"][()]) if "data" in node else ([], [])
        shape = (int(node.attrs["MATLAB_sparse"]), len(indptr) - 1)
        return np.asarray(scipy.sparse.csc_matrix((data, indices, indptr), shape=shape).toarray())
    return np.array(None)  # a struct: not a matrix, so passed over


_READERS: dict[str, Callable[[Path], dict[str, NDArray[Any]]]] = {
    ".safetensors": _read_safetensors,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".mat": _read_mat,
    ".csv": _read_csv,
}
