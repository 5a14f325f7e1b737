import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.io import savemat
from scipy.sparse import csc_matrix, csr_matrix

from crossmodal_hash.data.arrays import ArrayAt, list_keys, read_array
from crossmodal_hash.errors import DataError

X = np.arange(12.0).reshape(4, 3)


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


def write(path):
    if path.suffix == ".npy":
        np.save(path, X)
    elif path.suffix == ".npz":
        np.savez(path, XAll=X)
    elif path.suffix == ".safetensors":
        save_file({"XAll": X}, path)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["XAll"] = X
    elif "7.3" in path.name:
        matlab73(path, XAll=X)
    else:
        savemat(path, {"XAll": X})
    return path


FILES = ["XAll.npy", "x.npz", "x.safetensors", "x.h5", "x7.3.mat", "x.mat"]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = write(tmp_path / name)
    assert list_keys(path) == ("XAll",)
    assert np.array_equal(read_array(ArrayAt(path, "XAll")), X)


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_key_is_answered_with_the_keys_there_are(tmp_path, name):
    with pytest.raises(DataError, match=r"no key 'XAl', only XAll. Did you mean 'XAll'\?"):
        read_array(ArrayAt(write(tmp_path / name), "XAl"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut", "text"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    path = write(tmp_path / name)
    whole = path.read_bytes()
    # HDF5 and MATLAB 7.3 keep values near the end, so a cut of a few bytes must be noticed as well.
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) - 20], "text": b"<html>404</html>" * 100}[damage])
    with pytest.raises(DataError, match=f"cannot read '.*{name}'.*fetch it again"):
        read_array(ArrayAt(path, "XAll"))


@pytest.mark.parametrize("full", [X, np.zeros((4, 3))])
def test_a_sparse_matlab_matrix_is_read_from_both_versions(tmp_path, full):
    savemat(tmp_path / "old.mat", {"YAll": csr_matrix(full)})
    matlab73(tmp_path / "new.mat", YAll=csc_matrix(full))
    for name in ("old.mat", "new.mat"):
        assert np.array_equal(read_array(ArrayAt(tmp_path / name, "YAll")).toarray(), full)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle=False"):
        read_array(ArrayAt(tmp_path / "x.npy", "x"))


def test_links_to_other_files_are_not_keys(tmp_path):
    write(tmp_path / "other.h5")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["XAll"] = h5py.ExternalLink("other.h5", "XAll")
        file["LAll"] = X
    assert list_keys(tmp_path / "x.h5") == ("LAll",)


def test_cells_of_text_in_hdf5_are_refused_with_the_way_out(tmp_path):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["FAll"] = ["a.jpg", "b.jpg"]
    with pytest.raises(DataError, match=r"x.mat\[FAll\] is not a plain array .* -v7, not -v7.3"):
        read_array(ArrayAt(tmp_path / "x.mat", "FAll"))


def test_an_unknown_suffix_is_answered_with_the_formats(tmp_path):
    with pytest.raises(DataError, match=r"not a file of matrices; the formats are .mat, .h5"):
        list_keys(tmp_path / "x.pkl")
