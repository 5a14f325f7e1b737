"""Named arrays in `.mat`, `.h5`, `.npy`, `.npz` and `.safetensors` files: one list of keys, one way to read.

MATLAB writes version 7.3 files as HDF5 with the axes reversed; they are turned back, so row i is item i in every
format. Nothing is unpickled.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossmodal_hash.errors import DataError, did_you_mean

SUFFIXES = (".mat", ".h5", ".hdf5", ".npy", ".npz", ".safetensors")


class ArrayAt(NamedTuple):
    """One array: a file and the key in it."""

    path: Path
    key: str

    def __str__(self) -> str:
        return f"{self.path.name}[{self.key}]"


def list_keys(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a file, without reading their values; a `.npy` has one, named like the file.

    Raises:
        DataError: if the file is corrupt or of another kind.
    """
    with _named_errors(path):
        if path.suffix == ".npy":
            return (path.stem,)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return tuple(file.files)
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="np") as tensors:
                return tuple(tensors.keys())
        if path.suffix in SUFFIXES:
            import h5py

            if h5py.is_hdf5(path):
                with h5py.File(path, "r") as file:
                    # Links to other files are left out, and MATLAB's own groups, whose names begin with '#'.
                    return tuple(
                        k for k in file if isinstance(file.get(k, getlink=True), h5py.HardLink) and k[0] != "#"
                    )
            from scipy.io import whosmat

            return tuple(name for name, _, _ in whosmat(path))
    raise DataError(f"{str(path)!r} is not a file of matrices; the formats are {', '.join(SUFFIXES)}")


def read_array(at: ArrayAt) -> Any:
    """One array, dense or as a `scipy.sparse` matrix, with one row an item; cells of text come as object arrays.

    Raises:
        DataError: if there is no such key, or the file is corrupt; lists the keys there are.
    """
    path, key = at
    if key not in (known := list_keys(path)):
        raise DataError(f"{path.name!r} has no key {key!r}, only {', '.join(known)}.{did_you_mean(key, known)}")
    with _named_errors(path):
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return file[key]
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="np") as tensors:
                return tensors.get_tensor(key)
        import h5py

        if h5py.is_hdf5(path):
            with h5py.File(path, "r") as file:
                return _read_hdf5(file[key], at)
        from scipy.io import loadmat

        return loadmat(path, variable_names=[key])[key]


def _read_hdf5(item: Any, at: ArrayAt) -> Any:
    """A dataset, turned when MATLAB wrote it, or MATLAB's group of three for a sparse matrix."""
    import h5py

    if isinstance(item, h5py.Group) and "MATLAB_sparse" in item.attrs:
        from scipy.sparse import csc_matrix

        starts = item["jc"][()]
        rows = int(item.attrs["MATLAB_sparse"])
        data, index = (
            (item["data"][()], item["ir"][()]) if "data" in item else (np.zeros(0), np.zeros(0, dtype=np.int64))
        )
        return csc_matrix((data, index, starts), shape=(rows, len(starts) - 1))
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf" or item.external or item.is_virtual:
        raise DataError(f"{at} is not a plain array of numbers; save cells and text with MATLAB's -v7, not -v7.3")
    values = item[()]
    return values.T if "MATLAB_class" in item.attrs else values


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """What the readers raise for a damaged file, as one sentence."""
    from safetensors import SafetensorError
    from scipy.io.matlab import MatReadError

    try:
        yield
    # scipy raises TypeError or IndexError for some broken headers, h5py RuntimeError or KeyError for broken trees.
    except (
        OSError, EOFError, ValueError, TypeError, LookupError, RuntimeError, zlib.error,
        zipfile.BadZipFile, SafetensorError, MatReadError,
    ) as error:  # fmt: skip
        # The first sentence: numpy's second one recommends to load it unsafely.
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise DataError(f"cannot read {str(path)!r} ({type(error).__name__}: {reason:.120}); fetch it again") from error
