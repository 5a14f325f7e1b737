"""Files as MATLAB writes them with -v7.3."""

import h5py
import numpy as np
from scipy.sparse import csc_matrix


def matlab73(path, **matrices):
    """What MATLAB's -v7.3 writes: HDF5 after a header of 512 bytes, axes reversed, each array with its class."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, matrix in matrices.items():
            if isinstance(matrix, csc_matrix):
                group = file.create_group(name)
                group.attrs["MATLAB_sparse"] = np.uint64(matrix.shape[0])
                group.attrs["MATLAB_class"] = np.bytes_("double")
                for key, part in (("data", matrix.data), ("ir", matrix.indices), ("jc", matrix.indptr)):
                    if len(part):
                        group[key] = part
                continue
            file[name] = matrix.T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        file.create_group("#refs#")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
