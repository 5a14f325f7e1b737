import json
import zipfile

import pytest
from miniatures import SIZE, coco, labels, picture, text

from crossmodal_hash.components import READERS
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data


def test_captions_are_texts_and_categories_are_labels(tmp_path):
    data = load_data(coco(tmp_path))
    assert len(data) == SIZE
    assert data.ids[:2] == ("000000000001.jpg", "000000000008.jpg")
    assert data.modalities["text"].said(5) == (text(5), "A second caption.")
    # In the order of their numbers, with the one that nobody uses.
    assert data.label_names == ("sky", "sea", "sun", "toaster")
    for row in range(SIZE):
        assert {name for name, on in zip(data.label_names, data.labels[row], strict=True) if on} == set(labels(row))
        assert data.modalities["image"].content(row) == picture(row)


def test_the_first_caption_alone_or_one_text_of_all_can_be_asked_for(tmp_path):
    data = load_data(coco(tmp_path), reader=READERS.make("coco", captions="first"))
    assert data.modalities["text"].items[5] == text(5)
    data = load_data(tmp_path, reader=READERS.make("coco", captions="joined"))
    assert data.modalities["text"].items[5] == f"{text(5)}\nA second caption."
    with pytest.raises(DataError, match="captions='last' is neither 'each', 'joined', 'first' nor a number from 1 on"):
        load_data(tmp_path, reader=READERS.make("coco", captions="last"))


def test_several_parts_are_read_together_or_one_alone(tmp_path):
    coco(tmp_path, "val2017")
    for kind in ("captions", "instances"):
        path = tmp_path / "annotations" / f"{kind}_val2017.json"
        moved = path.read_text().replace('.jpg"', '-t.jpg"')
        (tmp_path / "annotations" / f"{kind}_train2017.json").write_text(moved)
    for path in sorted((tmp_path / "val2017").iterdir()):
        target = tmp_path / "images" / "train2017" / path.name.replace(".jpg", "-t.jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert len(load_data(tmp_path)) == 2 * SIZE
    assert len(load_data(tmp_path, reader=READERS.make("coco", part="train2017"))) == SIZE
    with pytest.raises(DataError, match=r"no part 'val2014', only train2017, val2017 \(did you mean 'val2017'"):
        load_data(tmp_path, reader=READERS.make("coco", part="val2014"))


def test_zips_are_read_as_they_were_fetched(tmp_path):
    loose = tmp_path / "loose"
    whole = load_data(coco(loose))
    packed = tmp_path / "packed"
    packed.mkdir()
    for name, parts in (("val2017", ("val2017",)), ("annotations_trainval2017", ("annotations",))):
        with zipfile.ZipFile(packed / f"{name}.zip", "w") as archive:
            for path in sorted(p for part in parts for p in (loose / part).iterdir()):
                archive.write(path, path.relative_to(loose))
    data = load_data(packed)
    assert data.ids == whole.ids
    assert data.modalities["image"].content(3) == picture(3)
    assert data.modalities["text"].fingerprint() == whole.modalities["text"].fingerprint()


def test_captions_without_instances_have_no_labels(tmp_path):
    (coco(tmp_path) / "annotations" / "instances_val2017.json").unlink()
    assert load_data(tmp_path, need_labels=False).labels is None
    with pytest.raises(DataError, match="has no labels on any of its 24 items"):
        load_data(tmp_path)


def test_instances_without_captions_have_no_texts(tmp_path):
    (coco(tmp_path) / "annotations" / "captions_val2017.json").unlink()
    with pytest.raises(DataError, match=r"24 of 24 items of .* have no text"):
        load_data(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{oops", "is not JSON"),
        ("[]", "is not a file of COCO captions"),
        ('{"images": []}', "not a file of COCO captions .*KeyError: 'annotations'"),
        ('{"images": [{"id": 1}], "annotations": []}', "KeyError: 'file_name'"),
    ],
)
def test_a_broken_annotation_file_is_named(tmp_path, content, message):
    (coco(tmp_path) / "annotations" / "captions_val2017.json").write_text(content)
    with pytest.raises(DataError, match=f"captions_val2017.json.*{message}"):
        load_data(tmp_path)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    (coco(tmp_path) / "val2017" / "000000000008.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 24 pictures .* are missing \('val2017/000000000008.jpg'\)"):
        load_data(tmp_path)


def test_a_name_that_leads_outside_is_refused(tmp_path):
    path = coco(tmp_path) / "annotations" / "captions_val2017.json"
    document = json.loads(path.read_text())
    document["images"][0]["file_name"] = "../../secret.jpg"
    path.write_text(json.dumps(document))
    (tmp_path / "annotations" / "instances_val2017.json").unlink()
    with pytest.raises(DataError, match="leads outside"):
        load_data(tmp_path, need_labels=False)


def test_a_folder_of_something_else_is_not_coco(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(DataError, match=r"has no captions_PART.json"):
        load_data(tmp_path, reader="coco")
