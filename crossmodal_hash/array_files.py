"""Named arrays in files, read in the same way for data, labels, codes and queries.

`.mat` of both kinds, `.h5`, `.npy`, `.npz`, `.safetensors` and `.csv`, in upper or lower case. MATLAB writes version
7.3 files as HDF5 with the axes reversed and marks each array with an attribute (`MATLAB_class`); these are transposed
back, so row i is item i in every format. Nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.errors import ChashError, DataError, did_you_mean

Lazy = Mapping[str, Callable[[], Any]]
"""Key -> what reads that array."""


class ArrayAt(NamedTuple):
    """One array: a file and the key in it."""

    path: Path
    key: str

    def __str__(self) -> str:
        return f"{self.path.name}[{self.key}]"


def is_array_file(path: Path) -> bool:
    """Whether a file may hold named arrays, by its suffix; `.csv` holds one matrix at most, and may be something else.

    Example:
        >>> is_array_file(Path("X.NPY")), is_array_file(Path("x.csv"))
        (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def list_keys(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a file, without reading their values; `.npy` and `.csv` have one, named like the file.

    Raises:
        DataError: if the file is missing, corrupt or of another kind.
    """
    with _opened(path) as arrays:
        return tuple(arrays)


def read_array(at: ArrayAt) -> Any:
    """One array, dense or as a `scipy.sparse` matrix, with one row per item; cells of text become object arrays.

    Raises:
        DataError: if the key does not exist, listing the existing keys, or the file is corrupt.
    """
    with _opened(at.path) as arrays:
        if at.key not in arrays:
            known = ", ".join(arrays)
            raise DataError(f"{at.path.name!r} has no key {at.key!r}, only {known}{did_you_mean(at.key, arrays)}")
        return arrays[at.key]()


def read_arrays(path: Path, only: str | None = None) -> dict[str, NDArray[Any]]:
    """Every array of a file, dense; anything that is not an array of numbers or text is skipped.

    Args:
        path: the file.
        only: the key of the one array to read; None reads all.

    Raises:
        DataError: if the file is missing, corrupt or of another kind.
    """
    found = {}
    with _opened(path) as arrays:
        for name, read in arrays.items():
            if only not in (None, name):
                continue
            try:
                value = read()
            except _NotNumbersError:
                continue
            found[name] = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
    return found


def load_matrix(path: str | Path, key: str | None = None) -> NDArray[Any]:
    r"""Read one 2-D numeric matrix (codes, features or labels) from a file.

    Sparse MATLAB matrices are returned dense. Scalars, text and cells are skipped.

    Args:
        path: the file.
        key: name of the matrix inside a file that holds several; None takes the only one.

    Returns:
        The matrix, (N, anything), with the type it has in the file.

    Raises:
        DataError: if the file is missing, unreadable, of an unknown suffix, holds no matrix, or holds several and `key`
            does not name one of them.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_text("1,0\n0,1\n")
        >>> load_matrix(file).shape
        (2, 2)
    """
    path = Path(path)
    if key is not None:
        asked = _matrices(path, key).get(key)
        if asked is not None and asked.shape != (1, 1):
            return asked
    # A 1 x 1 matrix is a number in MATLAB where there are others, and what is refused is told which there are.
    found = _matrices(path)
    found = {name: m for name, m in found.items() if m.shape != (1, 1)} or found
    if not found:
        raise DataError(f"{path} holds no matrix of numbers")
    names = ", ".join(sorted(found))
    if key is not None:
        if key not in found:
            raise DataError(f"{path} has no matrix {key!r}; it has {names}")
        return found[key]
    if len(found) > 1:
        raise DataError(f"{path} holds {len(found)} matrices; choose one by its key: {names}")
    return next(iter(found.values()))


def is_matrix(array: NDArray[Any]) -> bool:
    """Whether an array is a 2-D matrix of real numbers or truth values with at least one column."""
    return array.ndim == 2 and array.dtype.kind in "fiub" and array.shape[1] > 0


def _matrices(path: Path, only: str | None = None) -> dict[str, NDArray[Any]]:
    return {name: array for name, array in read_arrays(path, only).items() if is_matrix(array)}


class _NotNumbersError(DataError):
    """Text, cells and structures in HDF5, which are not supported."""


@contextmanager
def _opened(path: Path) -> Iterator[Lazy]:
    """A reader for each array of a file while it is open; errors of the libraries become one sentence."""
    suffix = path.suffix.lower()
    opener = _OPENERS.get(suffix)
    if opener is None:
        raise DataError(f"{str(path)!r} does not have a suffix of a matrix file; use {', '.join(_OPENERS)}")
    if not path.is_file():
        raise DataError(f"file {str(path)!r} does not exist")
    try:
        with ExitStack() as stack:
            yield opener(path, stack)
    except ChashError:
        raise
    except Exception as error:
        # The first sentence: numpy's second one recomfixes to load it unsafely.
        reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        way_out = "write only numbers, separated by commas" if suffix == ".csv" else "download or save it again"
        raise DataError(f"cannot read {str(path)!r} ({type(error).__name__}: {reason:.120}); {way_out}") from error


def _npy(path: Path, stack: ExitStack) -> Lazy:
    return {path.stem: partial(np.load, path, allow_pickle=False)}


def _npz(path: Path, stack: ExitStack) -> Lazy:
    file = stack.enter_context(np.load(path, allow_pickle=False))
    return {key: partial(file.__getitem__, key) for key in file.files}


def _safetensors(path: Path, stack: ExitStack) -> Lazy:
    from safetensors import safe_open

    file = stack.enter_context(safe_open(path, framework="np"))
    return {key: partial(file.get_tensor, key) for key in file.keys()}  # noqa: SIM118 - it is no mapping


def _csv(path: Path, stack: ExitStack) -> Lazy:
    with path.open("rb") as file:
        if not any(line.strip() for line in file):
            return {}  # without a line there is no number of columns, and so no matrix
    return {path.stem: partial(np.loadtxt, path, delimiter=",", ndmin=2)}


def _mat(path: Path, stack: ExitStack) -> Lazy:
    import h5py  # here, because h5py and scipy.io take longer to import than most commands that hold codes need

    if h5py.is_hdf5(path):
        file = stack.enter_context(h5py.File(path, "r"))
        # Links to other files are left out, and MATLAB's own groups, whose names begin with '#'.
        own = [key for key in file if isinstance(file.get(key, getlink=True), h5py.HardLink) and key[0] != "#"]
        return {key: partial(_from_hdf5, file, ArrayAt(path, key)) for key in own}
    from scipy.io import loadmat, whosmat

    keys = [name for name, _, _ in whosmat(path)]
    return {key: partial(_from_mat, loadmat, path, key) for key in keys}


def _from_mat(loadmat: Callable[..., Any], path: Path, key: str) -> Any:
    return loadmat(path, variable_names=[key])[key]


def _from_hdf5(file: Any, at: ArrayAt) -> Any:
    """A dataset, transposed if MATLAB wrote it, or MATLAB's group of three for a sparse matrix."""
    import h5py

    item = file[at.key]
    if isinstance(item, h5py.Group) and "MATLAB_sparse" in item.attrs:
        from scipy.sparse import csc_matrix

        starts = item["jc"][()]
        rows = int(item.attrs["MATLAB_sparse"])
        data, index = (
            (item["data"][()], item["ir"][()]) if "data" in item else (np.zeros(0), np.zeros(0, dtype=np.int64))
        )
        return csc_matrix((data, index, starts), shape=(rows, len(starts) - 1))
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf" or item.external or item.is_virtual:
        raise _NotNumbersError(
            f"{at} is not a plain array of numbers; save cells and text with MATLAB's -v7, not -v7.3"
        )
    values = item[()]
    return values.T if "MATLAB_class" in item.attrs else values


_OPENERS: dict[str, Callable[[Path, ExitStack], Lazy]] = {
    ".mat": _mat,
    ".h5": _mat,
    ".hdf5": _mat,
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".csv": _csv,
}
SUFFIXES = tuple(suffix for suffix in _OPENERS if suffix != ".csv")
"""Suffixes of files that hold named arrays and nothing else."""
