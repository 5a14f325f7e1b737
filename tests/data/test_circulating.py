import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.io import savemat
from scipy.sparse import csr_matrix

from crossmodal_hash.data import split_from_rows
from crossmodal_hash.data.labels import as_labels
from crossmodal_hash.data.matrix import as_matrix
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data


def cells(*strings):
    column = np.empty((len(strings), 1), dtype=object)
    column[:, 0] = strings
    return column


def check(data, matrices):
    features, words, labels = matrices
    assert np.allclose(data.modalities["image"].values, features, atol=1e-6)
    assert np.array_equal(data.modalities["text"].dense(range(len(words))), words)
    assert np.array_equal(data.labels, labels)
    assert data.ids == ("0", "1", "2", "3", "4", "5")
    assert data.label_names == ("0", "1", "2")


@pytest.mark.parametrize("keys", [("images", "tags", "labels"), ("IAll", "YAll", "LAll"), ("XAll", "yall", "lall")])
def test_one_mat_file_may_hold_everything(tmp_path, matrices, keys):
    savemat(tmp_path / "FLICKR-25K.mat", dict(zip(keys, matrices, strict=True)))
    data = load_data(tmp_path / "FLICKR-25K.mat")
    check(data, matrices)
    assert data.name == "FLICKR-25K"
    assert data.modalities["image"].values.dtype == np.float32
    assert data.modalities["text"].values.dtype == np.uint8


def test_one_hdf5_file_of_matlab_may_hold_everything(tmp_path, matrices):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        for key, matrix in zip(("IAll", "YAll", "LAll"), matrices, strict=True):
            file[key] = matrix.T
            file[key].attrs["MATLAB_class"] = np.bytes_("double")
    check(load_data(tmp_path / "x.mat"), matrices)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_npz_and_safetensors_hold_everything_too(tmp_path, matrices, suffix):
    named = dict(zip(("image", "text", "labels"), matrices, strict=True))
    np.savez(tmp_path / "x.npz", **named) if suffix == ".npz" else save_file(named, tmp_path / "x.safetensors")
    check(load_data(tmp_path / f"x{suffix}"), matrices)


def test_a_folder_may_hold_one_file_a_matrix(tmp_path, matrices):
    for name, key, matrix in zip(("iall-vgg", "yall", "lall"), ("XAll", "YAll", "LAll"), matrices, strict=True):
        savemat(tmp_path / f"mirflickr25k-{name}.mat", {key: matrix})
    check(load_data(tmp_path), matrices)


def test_a_folder_of_npy_files_is_read_by_their_names(tmp_path, matrices):
    for name, matrix in zip(("images", "tags", "labels"), matrices, strict=True):
        np.save(tmp_path / f"{name}.npy", matrix)
    check(load_data(tmp_path), matrices)


def test_sparse_words_stay_sparse(tmp_path, matrices):
    features, words, labels = matrices
    savemat(tmp_path / "x.mat", {"XAll": features, "YAll": csr_matrix(words), "LAll": csr_matrix(labels)})
    data = load_data(tmp_path / "x.mat")
    check(data, matrices)
    text = data.modalities["text"]
    assert text.values.format == "csr"
    assert np.array_equal(text.take([3, 1]).values.toarray(), words[[3, 1]])
    assert len(text.fingerprint()) == 64


def test_torchcmh_lists_name_pictures(tmp_path, write, contents, matrices):
    folder = write(
        {name.replace("images/", "mirflickr/"): content for name, content in contents.items() if "/" in name}
    )
    savemat(folder / "imgList.mat", {"FAll": cells("a.png", "b.jpg", "c.webp")})
    savemat(folder / "tagList.mat", {"YAll": matrices[1][:3]})
    savemat(folder / "labelList.mat", {"LAll": matrices[2][:3]})
    data = load_data(folder)
    assert data.ids == ("a.png", "b.jpg", "c.webp")
    assert data.modalities["image"].read(0).getpixel((0, 0)) == (255, 0, 0)
    (folder / "mirflickr" / "b.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 3 pictures of 'toy' are missing \('b.jpg'\)"):
        load_data(folder)


def test_nus_wide_lists_have_folder_and_file_in_two_columns(write, contents, matrices):
    folder = write({name: content for name, content in contents.items() if "/" in name})
    pairs = np.array([["images", "a.png"], ["images", "b.jpg"], ["images", "c.webp"]], dtype=object)
    savemat(folder / "imgList21.mat", {"imgs": pairs})
    savemat(folder / "tagList21.mat", {"tags": matrices[1][:3]})
    savemat(folder / "labelList21.mat", {"labels": matrices[2][:3]})
    assert load_data(folder).ids == ("images/a.png", "images/b.jpg", "images/c.webp")


def test_dcmht_has_captions_and_the_authors_own_paths(write, contents, matrices):
    folder = write({name: content for name, content in contents.items() if "/" in name})
    savemat(folder / "index.mat", {"index": np.array([f"/home/someone/{n}" for n in ("a.png", "b.jpg", "c.webp")])})
    two = np.empty(2, dtype=object)
    two[:] = ["a red bus", "the bus is red"]
    captions = np.empty((1, 3), dtype=object)
    captions[0, :] = [two, "a cat", "a wall"]
    savemat(folder / "caption.mat", {"caption": captions})
    savemat(folder / "label.mat", {"category": matrices[2][:3]})
    data = load_data(folder)
    assert data.ids == ("a.png", "b.jpg", "c.webp")
    assert data.modalities["text"].items == ("a red bus the bus is red", "a cat", "a wall")
    captions[0, 1] = ""
    savemat(folder / "caption.mat", {"caption": captions})
    with pytest.raises(DataError, match=r"1 of 3 items of 'toy' have no text \('b.jpg'\)"):
        load_data(folder)


def test_a_labels_txt_beside_the_matrices_names_the_columns(tmp_path, matrices):
    savemat(tmp_path / "x.mat", dict(zip(("XAll", "YAll", "LAll"), matrices, strict=True)))
    (tmp_path / "labels.txt").write_text("sky\nsea\nsun\n")
    assert load_data(tmp_path / "x.mat").label_names == ("sky", "sea", "sun")
    (tmp_path / "labels.txt").write_text("sky\nsea\n")
    with pytest.raises(DataError, match=r"labels.txt has 2 labels but x.mat\[LAll\] 3 columns"):
        load_data(tmp_path / "x.mat")


def division(data):
    return split_from_rows(data.split_rows, len(data))


def divided(matrices, query, train, database=None, names=("I_{}", "T_{}", "L_{}"), parts=("te", "tr", "db")):
    rows = dict(zip(parts, (query, train, database), strict=True))
    return {
        name.format(part): matrix[chosen]
        for part, chosen in rows.items()
        if chosen is not None
        for name, matrix in zip(names, matrices, strict=True)
    }


def test_a_bmc_file_keeps_its_division_and_its_training_items_once(tmp_path, matrices):
    savemat(tmp_path / "mir_cnn.mat", divided(matrices, [0, 1], [4, 2], [2, 3, 4, 5]))
    data = load_data(tmp_path / "mir_cnn.mat")
    check(data, matrices)
    assert division(data).query.tolist() == [0, 1]
    assert division(data).train.tolist() == [2, 4]
    assert division(data).database.tolist() == [2, 3, 4, 5]
    assert division(data).unseen.tolist() == [3, 5]


def test_items_of_equal_content_are_matched_one_to_one(tmp_path, matrices):
    features, words, labels = (np.concatenate([m[:3], m[2:3], m[3:]]) for m in matrices)
    savemat(tmp_path / "x.mat", divided((features, words, labels), [0], [2, 3], [1, 2, 3, 4]))
    data = load_data(tmp_path / "x.mat")
    assert len(data) == 5
    assert division(data).train.tolist() == [2, 3]


def test_training_items_outside_the_database_are_kept_outside(tmp_path, matrices):
    savemat(tmp_path / "x.mat", divided(matrices, [0], [4, 5, 1], [1, 2, 3]))
    data = load_data(tmp_path / "x.mat")
    check(data, tuple(matrix[[0, 1, 2, 3, 4, 5]] for matrix in matrices))
    assert division(data).database.tolist() == [1, 2, 3]
    assert division(data).train.tolist() == [1, 4, 5]


def test_without_a_database_part_the_training_items_are_it(tmp_path, matrices):
    savemat(tmp_path / "x.mat", divided(matrices, [0, 1], [2, 3, 4, 5]))
    split = division(load_data(tmp_path / "x.mat"))
    assert split.database.tolist() == split.train.tolist() == [2, 3, 4, 5]


def test_an_nrch_file_is_read_with_axes_as_python_wrote_them(tmp_path, matrices):
    names, parts = ("Img{}", "Tag{}", "Lab{}"), ("Query", "Train", "DataBase")
    with h5py.File(tmp_path / "nrch.h5", "w") as file:
        for key, matrix in divided(matrices, [0, 1], [2, 3], [2, 3, 4, 5], names, parts).items():
            file[key] = matrix
    data = load_data(tmp_path / "nrch.h5")
    check(data, matrices)
    assert division(data).unseen.tolist() == [4, 5]


def test_divided_files_that_do_not_fit_are_refused(tmp_path, matrices):
    keys = divided(matrices, [0], [1, 2], [3])
    savemat(tmp_path / "x.mat", keys | {"T_db": matrices[1][[3], :4]})
    with pytest.raises(DataError, match="differ in width: image 4, text 4, labels 3 and image 4, text 5, labels 3"):
        load_data(tmp_path / "x.mat")
    del keys["T_db"]
    savemat(tmp_path / "x.mat", keys)
    with pytest.raises(DataError, match=r"only 'x.mat\[I_db\]', 'x.mat\[L_db\]' of the database; all three are needed"):
        load_data(tmp_path / "x.mat")


def test_a_divided_file_with_texts_is_refused(tmp_path, matrices):
    texts = {f"T_{part}": cells("a bus") for part in ("te", "tr", "db")}
    savemat(tmp_path / "x.mat", divided(matrices, [0], [1], [2]) | texts)
    with pytest.raises(DataError, match=r"must hold matrices in every part; give texts and pictures as metadata.jsonl"):
        load_data(tmp_path / "x.mat")


def test_matrices_of_unequal_length_are_told_with_their_files_and_keys(tmp_path, matrices):
    features, words, labels = matrices
    for name, value in {"XAll": features, "YAll": words[:5], "LAll": labels}.items():
        savemat(tmp_path / f"{name}.mat", {name: value})
    with pytest.raises(DataError, match=r"XAll.mat\[XAll\] 6, YAll.mat\[YAll\] 5, LAll.mat\[LAll\] 6"):
        load_data(tmp_path)


def test_a_missing_matrix_is_named_with_the_keys_it_may_have(tmp_path, matrices):
    savemat(tmp_path / "x.mat", {"YAll": matrices[1], "LAll": matrices[2], "IAl": matrices[0]})
    with pytest.raises(DataError, match=r"no matrix for image among its keys \(.*x.mat\[IAl\].*image: XAll, images"):
        load_data(tmp_path / "x.mat")


def test_two_files_with_one_key_are_refused(tmp_path, matrices):
    for name in ("mirflickr", "nuswide"):
        savemat(tmp_path / f"{name}.mat", dict(zip(("XAll", "YAll", "LAll"), matrices, strict=True)))
    with pytest.raises(
        DataError, match=r"2 files hold the key 'XAll' \('mirflickr.mat\[XAll\]', 'nuswide.mat\[XAll\]'\)"
    ):
        load_data(tmp_path)


def test_raw_pixels_are_refused_with_the_way_out(tmp_path, matrices):
    pixels = np.zeros((6, 3, 8, 8), dtype=np.uint8)
    savemat(tmp_path / "x.mat", {"IAll": pixels, "YAll": matrices[1], "LAll": matrices[2]})
    with pytest.raises(DataError, match=r"x.mat\[IAll\] holds raw pixels \(6, 3, 8, 8\); save the pictures as files"):
        load_data(tmp_path / "x.mat")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("sparse", [False, True])
def test_values_that_are_not_finite_are_refused(value, sparse):
    matrix = np.array([[0.0, value], [1.0, 2.0]])
    with pytest.raises(DataError, match=r"f\[X\] has 1 values that are NaN or infinite"):
        as_matrix(csr_matrix(matrix) if sparse else matrix, "f[X]")


@pytest.mark.parametrize(
    "values", [np.zeros(3), np.zeros((0, 3)), np.zeros((2, 2), dtype=complex), np.zeros((1, 2, 3))]
)
def test_what_is_no_matrix_of_numbers_is_refused(values):
    with pytest.raises(DataError, match=r"^f\[X\] "):
        as_matrix(values, "f[X]")


def test_whole_numbers_stay_small_and_others_become_floats():
    assert as_matrix(np.array([[True, False]]), "").values.dtype == np.uint8
    assert as_matrix(np.array([[0, 255]]), "").values.dtype == np.uint8
    assert as_matrix(np.array([[0, 256]]), "").values.tolist() == [[0.0, 256.0]]
    assert as_matrix(np.array([[-1, 0]], dtype=np.int8), "").values.tolist() == [[-1.0, 0.0]]


def test_equal_entries_of_a_sparse_matrix_are_added():
    twice = csr_matrix((np.array([200, 100]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    assert as_matrix(twice, "").values.toarray().tolist() == [[300.0, 0.0]]


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan")])
def test_labels_must_be_zero_or_one(value, shown):
    with pytest.raises(DataError, match=rf"f\[L\] has the value {shown} in row 1, column 0"):
        as_labels(np.array([[1, 0], [value, 1]]).astype(float if value != value or value == 0.5 else int), "f[L]")


def test_labels_may_be_missing_from_some_items_but_not_from_all():
    assert as_labels(np.array([[0.0, 0.0], [0.0, 1.0]]), "").tolist() == [[0, 0], [0, 1]]
    with pytest.raises(DataError, match=r"none of the 2 items in f\[L\] has a label"):
        as_labels(np.zeros((2, 3)), "f[L]")
    with pytest.raises(DataError, match=r"f\[L\] has shape \(3,\)"):
        as_labels(np.zeros(3), "f[L]")
