import io
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.opening.recognize import find_array, load_data


def pack(path, contents, prefix=""):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(prefix + name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("prefix", ["", "./", "mydata/"])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".zip"])
def test_an_archive_gives_the_same_data_as_the_folder(tmp_path, write, contents, prefix, suffix):
    data = load_data(pack(tmp_path / f"toy{suffix}", contents, prefix))
    assert data.name == "toy"
    assert data.fingerprint() == load_data(write(contents)).fingerprint()


def test_pictures_may_lie_in_an_archive_beside_the_metadata(tmp_path, write, contents):
    whole = load_data(write(contents, "whole"))
    folder = write({"metadata.jsonl": contents.pop("metadata.jsonl"), "labels.txt": b"bus\ncat\nred\n"})
    pack(folder / "images.tar", contents)
    assert load_data(folder).fingerprint() == whole.fingerprint()


def test_metadata_wins_over_matrices_beside_it(write, contents, matrices):
    folder = write(contents)
    savemat(folder / "x-lall.mat", {"LAll": matrices[2]})
    assert load_data(folder).modalities["text"].kind == "text"


def test_jsonl_wins_over_csv(write, contents):
    assert len(load_data(write(contents | {"metadata.csv": b"broken"}))) == 3


def test_an_archive_with_two_data_sets_is_refused(tmp_path, contents):
    both = {f"{name}/{file}": content for name in ("one", "two") for file, content in contents.items()}
    with pytest.raises(DataError, match=r"several folders \('one', 'two'\)"):
        load_data(pack(tmp_path / "both.zip", both))


def test_what_is_no_data_set_is_refused(tmp_path, write):
    with pytest.raises(DataError, match=r"'.*nowhere' does not exist"):
        load_data(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"'.*empty' is empty; put pictures and a metadata.jsonl in it"):
        load_data(empty)
    (empty / "a.txt").write_text("mine")
    with pytest.raises(DataError, match=r"neither metadata.jsonl nor metadata.csv, nor files of matrices"):
        load_data(empty)
    with pytest.raises(DataError, match=r"neither metadata.jsonl nor metadata.csv"):
        load_data(pack(tmp_path / "x.zip", {"a.txt": b""}))
    with pytest.raises(DataError, match=r"x.docx' is not a data set; give a folder, an archive \(.tar"):
        load_data(write({"x.docx": b""}) / "x.docx")


def test_single_matrices_can_be_named_with_and_without_their_keys(tmp_path, matrices):
    features, words, labels = matrices
    np.save(tmp_path / "vgg.npy", features)
    savemat(tmp_path / "both.mat", {"bow": words, "LAll": labels, "other": labels})
    both = tmp_path / "both.mat"
    data = load_data(images=tmp_path / "vgg.npy", text=f"{both}:bow", labels=both)
    assert np.allclose(data.modalities["image"].values, features)
    assert (data.modalities["text"].values == words).all()
    assert (data.labels == labels).all()
    assert load_data(images=tmp_path / "vgg.npy", text=f"{both}:bow", need_labels=False).labels is None


def test_a_single_matrix_that_is_not_clear_is_refused(tmp_path, matrices):
    savemat(tmp_path / "x.mat", {"one": matrices[0], "two": matrices[1]})
    with pytest.raises(DataError, match=r"holds one, two; say which is the matrix of image as x.mat:KEY"):
        find_array(tmp_path / "x.mat", "image")
    with pytest.raises(DataError, match=r"no key 'tow', only one, two \(did you mean 'two'\?"):
        load_data(images=f"{tmp_path}/x.mat:tow", text=f"{tmp_path}/x.mat:one", need_labels=False)
    with pytest.raises(DataError, match="does not exist; give FILE or FILE:KEY"):
        find_array("none.mat:KEY", "text")
    with pytest.raises(SettingsError, match="no matrix of text and labels was given"):
        load_data(images=f"{tmp_path}/x.mat:one")
    with pytest.raises(SettingsError, match="one or the other"):
        load_data(tmp_path, images="x.mat")


def test_the_embedded_data_set_comes_without_a_path():
    data = load_data()
    assert sorted(data.modalities) == ["image", "text"]
    assert data.labels.any(axis=0).all()
    assert data.modalities["image"].read(len(data) - 1).mode == "RGB"


def test_importing_the_package_is_light():
    heavy = ["torch", "scipy", "h5py", "sklearn", "safetensors"]
    code = f"import sys, crossmodal_hash.data; sys.exit(' '.join(m for m in {heavy} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
