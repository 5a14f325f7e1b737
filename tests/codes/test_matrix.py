import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from safetensors.numpy import save_file

from crossmodal_hash.codes import codes_from_matrix, load_matrix, pack
from crossmodal_hash.errors import CodesError

LABELS = np.array([[1, 0, 1], [0, 0, 1]], np.uint8)


def write_v73(path, **matrices):
    """As MATLAB does: axes reversed, a 512-byte block in front, internal groups with a leading #."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, matrix in matrices.items():
            file.create_dataset(name, data=np.asarray(matrix).T)
        file.create_group("#refs#")


def test_every_format_gives_the_same_matrix(tmp_path):
    np.save(tmp_path / "m.npy", LABELS)
    np.savez(tmp_path / "m.npz", labels=LABELS)
    save_file({"labels": LABELS}, tmp_path / "m.safetensors")
    scipy.io.savemat(tmp_path / "m.mat", {"labels": LABELS})
    write_v73(tmp_path / "m73.mat", labels=LABELS)
    scipy.io.savemat(tmp_path / "sparse.mat", {"labels": scipy.sparse.csc_matrix(LABELS.astype(float))})
    (tmp_path / "m.csv").write_text("1,0,1\n0,0,1\n")
    files = sorted(tmp_path.iterdir())
    assert len(files) == 7
    for file in files:
        assert load_matrix(file).tolist() == LABELS.tolist(), file.name


def test_a_sparse_matrix_of_version_73_comes_back_dense(tmp_path):
    sparse = scipy.sparse.csc_matrix(LABELS.astype(float))
    with h5py.File(tmp_path / "s.mat", "w", userblock_size=512) as file:
        group = file.create_group("labels")
        group.attrs["MATLAB_sparse"] = np.uint64(2)
        group["data"], group["ir"], group["jc"] = sparse.data, sparse.indices, sparse.indptr
    assert load_matrix(tmp_path / "s.mat").tolist() == LABELS.tolist()


@pytest.mark.parametrize("write", [scipy.io.savemat, lambda path, content: write_v73(path, **content)])
def test_several_matrices_need_a_key_and_numbers_beside_one_do_not(tmp_path, write):
    write(tmp_path / "two.mat", {"L_te": LABELS, "L_db": LABELS[:, :2]})
    with pytest.raises(CodesError, match="L_db, L_te"):
        load_matrix(tmp_path / "two.mat")
    assert load_matrix(tmp_path / "two.mat", "L_db").shape == (2, 2)
    with pytest.raises(CodesError, match=r"no matrix 'x'.*L_db, L_te"):
        load_matrix(tmp_path / "two.mat", "x")
    write(tmp_path / "one.mat", {"L": LABELS, "n": np.array([[3.0]])})
    assert load_matrix(tmp_path / "one.mat").shape == (2, 3)


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "csv", "safetensors"])
def test_a_corrupt_file_is_one_sentence(tmp_path, suffix):
    file = tmp_path / f"broken.{suffix}"
    file.write_bytes(b"\x00\x93garbage,\n,")
    with pytest.raises(CodesError, match="cannot be read") as caught:
        load_matrix(file)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_of_version_73_is_refused(tmp_path):
    write_v73(tmp_path / "m.mat", labels=np.ones((300, 300)))
    content = (tmp_path / "m.mat").read_bytes()
    (tmp_path / "m.mat").write_bytes(content[: len(content) // 2])
    with pytest.raises(CodesError, match="cannot be read"):
        load_matrix(tmp_path / "m.mat")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "m.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(CodesError, match="cannot be read"):
        load_matrix(tmp_path / "m.npy")


def test_missing_files_unknown_suffixes_and_files_without_a_matrix_are_refused(tmp_path):
    (tmp_path / "m.txt").write_text("1")
    np.save(tmp_path / "v.npy", np.ones(3))
    for name, message in (("none.npy", "no file"), ("m.txt", "suffix"), ("v.npy", "holds no matrix")):
        with pytest.raises(CodesError, match=message):
            load_matrix(tmp_path / name)


@pytest.mark.parametrize("dtype", [np.int8, np.float64, np.int64])
def test_both_pairs_of_values_are_recognised(dtype):
    signs = np.array([[1, -1, 1], [-1, -1, 1]], dtype)
    assert (codes_from_matrix(signs) == pack(signs)).all()
    assert (codes_from_matrix((signs > 0).astype(dtype)) == pack(signs)).all()
    assert (codes_from_matrix(signs > 0) == pack(signs)).all()


@pytest.mark.parametrize(("value", "byte"), [(1, 7), (0, 0), (-1, 0)])
def test_a_constant_matrix_of_a_code_value_is_taken(value, byte):
    assert codes_from_matrix(np.full((2, 3), value)).tolist() == [[byte], [byte]]


def test_packed_bytes_need_their_number_of_bits():
    packed = np.array([[5, 1], [255, 0]], np.uint8)
    assert (codes_from_matrix(packed, bits=9) == packed).all()
    with pytest.raises(CodesError, match="number of bits"):
        codes_from_matrix(packed)
    with pytest.raises(CodesError, match="3 columns"):
        codes_from_matrix(packed, bits=24)
    with pytest.raises(CodesError, match="padding"):
        codes_from_matrix(np.array([[0, 128]], np.uint8), bits=9)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 0.5]], "row 0, column 1 holds 0.5"),
        ([[1.0, np.nan]], "column 1 holds nan"),
        ([[1, 0, -1]], r"sign\(0\)"),
        ([[2, 2]], "holds 2"),
        ([1, 0], "not int64 of shape"),
        ([["a", "b"]], "matrix of numbers"),
    ],
)
def test_other_values_are_never_guessed(matrix, message):
    with pytest.raises(CodesError, match=message):
        codes_from_matrix(np.array(matrix))


def test_a_transposed_matrix_is_suspected():
    with pytest.raises(CodesError, match="transposed"):
        codes_from_matrix(np.ones((16, 5)), rows=5)
    with pytest.raises(CodesError, match="does not match the 6 items"):
        codes_from_matrix(np.ones((16, 5)), rows=6)
