import h5py
import numpy as np
import pytest
import torch
from matlab73 import matlab73
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file
from scipy.io import savemat
from scipy.sparse import csc_matrix, csr_matrix

from crossmodal_hash.array_files import ArrayAt, list_keys, load_matrix, read_array
from crossmodal_hash.errors import DataError

X = np.arange(12.0).reshape(4, 3)


def write(path):
    suffix = path.suffix.lower()
    if suffix == ".npy":
        with path.open("wb") as file:  # numpy adds a suffix of its own to a name
            np.save(file, X)
    elif suffix == ".csv":
        np.savetxt(path, X, delimiter=",")
    elif suffix == ".npz":
        np.savez(path, XAll=X)
    elif suffix == ".safetensors":
        save_file({"XAll": X}, path)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["XAll"] = X
    elif "7.3" in path.name:
        matlab73(path, XAll=X)
    else:
        savemat(path, {"XAll": X}, appendmat=False)
    return path


FILES = ["XAll.npy", "x.npz", "x.safetensors", "x.h5", "x7.3.mat", "x.mat", "XAll.csv", "XAll.NPY", "x.Mat", "x.H5"]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = write(tmp_path / name)
    assert list_keys(path) == ("XAll",)
    assert np.array_equal(read_array(ArrayAt(path, "XAll")), X)
    assert np.array_equal(load_matrix(path), X)
    assert np.array_equal(load_matrix(path, "XAll"), X)


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_key_is_answered_with_the_keys_there_are(tmp_path, name):
    with pytest.raises(DataError, match=r"no key 'XAl', only XAll \(did you mean 'XAll'\?"):
        read_array(ArrayAt(write(tmp_path / name), "XAl"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut", "text"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    path = write(tmp_path / name)
    whole = path.read_bytes()
    # HDF5 and MATLAB 7.3 keep values near the end, so a cut of a few bytes must be noticed as well.
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) - 20], "text": b"<html>404</html>" * 100}[damage])
    if name.endswith(".csv") and damage != "text":
        pytest.skip("half a table is a table")
    way_out = "write only numbers" if name.endswith(".csv") else "download or save it again"
    for read in (lambda: read_array(ArrayAt(path, "XAll")), lambda: load_matrix(path)):
        with pytest.raises(DataError, match=f"cannot read '.*{name}'.*{way_out}") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("full", [X, np.zeros((4, 3))])
def test_a_sparse_matlab_matrix_is_read_from_both_versions(tmp_path, full):
    savemat(tmp_path / "old.mat", {"YAll": csr_matrix(full)})
    matlab73(tmp_path / "new.mat", YAll=csc_matrix(full))
    for name in ("old.mat", "new.mat"):
        assert np.array_equal(read_array(ArrayAt(tmp_path / name, "YAll")).toarray(), full)
        assert np.array_equal(load_matrix(tmp_path / name), full)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle=False"):
        read_array(ArrayAt(tmp_path / "x.npy", "x"))
    with pytest.raises(DataError, match="cannot read"):
        load_matrix(tmp_path / "x.npy")


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
    with pytest.raises(DataError, match=r"not have a suffix of a matrix file; use .mat, .h5"):
        list_keys(tmp_path / "x.pkl")


@pytest.mark.parametrize("write", [savemat, lambda path, content: matlab73(path, **content)])
def test_several_matrices_need_a_key_and_numbers_beside_one_do_not(tmp_path, write):
    write(tmp_path / "two.mat", {"L_te": X, "L_db": X[:, :2]})
    with pytest.raises(DataError, match="L_db, L_te"):
        load_matrix(tmp_path / "two.mat")
    assert load_matrix(tmp_path / "two.mat", "L_db").shape == (4, 2)
    with pytest.raises(DataError, match=r"no matrix 'x'.*L_db, L_te"):
        load_matrix(tmp_path / "two.mat", "x")
    write(tmp_path / "one.mat", {"L": X, "n": np.array([[3.0]])})
    assert load_matrix(tmp_path / "one.mat").shape == (4, 3)


def write_beside_damage(path):
    """`XAll`, and a `Bad` that cannot be read."""
    noise = np.random.default_rng(0).normal(size=(200, 200))
    damage = None
    if path.suffix == ".npz":
        np.savez(path, Bad=np.array([{}], dtype=object), XAll=X)
    elif path.suffix == ".safetensors":
        save_torch_file({"Bad": torch.zeros(2, 2, dtype=torch.bfloat16), "XAll": torch.from_numpy(X)}, path)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            bad = file.create_dataset("Bad", data=noise, chunks=noise.shape, fletcher32=True)
            file["XAll"] = X
            damage = bad.id.get_chunk_info(0).byte_offset + 1000
    else:
        savemat(path, {"Bad": noise, "XAll": X}, do_compression=True)
        damage = 250_000  # in `Bad`, behind what is unpacked to see its name
    if damage is not None:
        content = bytearray(path.read_bytes())
        content[damage] ^= 255
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["x.npz", "x.safetensors", "x.h5", "x.mat"])
def test_only_the_matrix_of_the_key_is_read(tmp_path, name):
    path = write_beside_damage(tmp_path / name)
    assert np.array_equal(load_matrix(path, "XAll"), X)
    for key in (None, "Bad", "other"):
        with pytest.raises(DataError, match="cannot read"):
            load_matrix(path, key)


def test_text_beside_a_matrix_in_hdf5_is_passed_over(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["names"] = ["a", "b"]
        file["LAll"] = X
    assert load_matrix(tmp_path / "x.h5").shape == (4, 3)


def test_a_truncated_file_of_version_73_is_refused(tmp_path):
    matlab73(tmp_path / "m.mat", labels=np.ones((300, 300)))
    content = (tmp_path / "m.mat").read_bytes()
    (tmp_path / "m.mat").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cannot read"):
        load_matrix(tmp_path / "m.mat")


def test_missing_files_and_files_without_a_matrix_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.ones(3))
    (tmp_path / "empty.csv").write_text(" \n")
    messages = {"none.npy": "does not exist", "v.npy": "holds no matrix", "empty.csv": "holds no matrix"}
    for name, message in messages.items():
        with pytest.raises(DataError, match=message):
            load_matrix(tmp_path / name)
