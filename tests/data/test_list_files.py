"""The list files of torchcmh and DCMHT, recognized by their names."""

import numpy as np
import pytest
from miniatures import SIZE, dcmht, picture, text, torchcmh
from scipy.io import savemat

from crossmodal_hash.components import READERS
from crossmodal_hash.data.location import Place
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data, recognize


def test_torchcmh_has_pictures_by_name_and_words_as_a_matrix(tmp_path):
    data = load_data(torchcmh(tmp_path))
    assert type(recognize(Place(tmp_path))).__name__ == "TorchCmh"
    assert data.ids[:2] == ("im1.jpg", "im2.jpg")
    assert data.modalities["image"].content(3) == picture(3)
    assert data.modalities["text"].width == SIZE
    assert data.label_names == ("sea", "sky", "sun")


def test_the_variants_of_torchcmh_are_told_apart(tmp_path):
    torchcmh(tmp_path)
    pairs = np.array([["mirflickr", "im3.jpg"], ["mirflickr ", " im4.jpg"]], dtype=object)
    savemat(tmp_path / "imgList21.mat", {"imgs": pairs})
    savemat(tmp_path / "tagList21.mat", {"tags": np.eye(2, 5)})
    savemat(tmp_path / "labelList21.mat", {"labels": np.eye(2, 3)})
    assert len(load_data(tmp_path)) == SIZE
    for kind in ("img", "tag", "label"):
        (tmp_path / f"{kind}List.mat").rename(tmp_path / f"{kind}List10.mat")
    with pytest.raises(DataError, match=r"has the variants '10', '21'; choose one with --reader torchcmh,variant=NAME"):
        load_data(tmp_path)
    data = load_data(tmp_path, reader=READERS.make("torchcmh", variant=21))
    assert data.ids == ("mirflickr/im3.jpg", "mirflickr/im4.jpg")
    with pytest.raises(DataError, match=r"has no imgList.mat, tagList.mat and labelList.mat"):
        load_data(tmp_path / "mirflickr", reader="torchcmh")


def test_dcmht_has_paths_of_another_machine_and_several_captions(tmp_path):
    data = load_data(dcmht(tmp_path))
    assert type(recognize(Place(tmp_path))).__name__ == "Dcmht"
    assert data.ids[:2] == ("part0/000.jpg", "part1/001.jpg")
    assert data.modalities["text"].items[:2] == (text(0), f"{text(1)} again")
    assert all(data.modalities["image"].content(row) == picture(row) for row in range(SIZE))


def test_dcmht_may_have_its_captions_line_by_line(tmp_path):
    (dcmht(tmp_path) / "caption.mat").unlink()
    (tmp_path / "caption.txt").write_text("".join(f"{text(i)} \n" for i in range(SIZE)), encoding="utf-8")
    data = load_data(tmp_path)
    assert data.modalities["text"].items[3] == text(3)
    (tmp_path / "caption.txt").write_text("one\n")
    with pytest.raises(DataError, match=r"caption.txt has 1 lines but index.mat 24 rows"):
        load_data(tmp_path)
    (tmp_path / "caption.txt").write_bytes(b"\xe9\n" * SIZE)
    with pytest.raises(DataError, match="is not UTF-8"):
        load_data(tmp_path)


def test_dcmht_without_a_list_is_refused(tmp_path):
    (dcmht(tmp_path) / "label.mat").unlink()
    with pytest.raises(DataError, match=r"needs index.mat, caption.mat or caption.txt, and label.mat"):
        load_data(tmp_path)
    assert load_data(tmp_path, need_labels=False).labels is None


def test_a_listed_picture_that_is_not_there_is_named(tmp_path):
    (dcmht(tmp_path) / "pictures" / "part1" / "003.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 24 pictures .* are missing \('part1/003.jpg'\)"):
        load_data(tmp_path)
