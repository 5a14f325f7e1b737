"""MIRFlickr-25K and NUS-WIDE as their owners distribute them."""

import zipfile

import pytest
from miniatures import SIZE, labels, mirflickr25k, nuswide, picture, text

from crossmodal_hash.components import READERS
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data


def named(data, row):
    return [name for name, on in zip(data.label_names, data.labels[row], strict=True) if on]


def test_mirflickr_is_read_in_the_order_of_its_numbers(tmp_path):
    data = load_data(mirflickr25k(tmp_path))
    assert data.ids == tuple(f"im{i + 1}.jpg" for i in range(SIZE))
    assert data.notes == ()
    assert data.label_names == ("sea", "sky", "sun")
    for row in range(SIZE):
        assert data.modalities["text"].items[row] == text(row)
        assert named(data, row) == labels(row)
        assert data.modalities["image"].content(row) == picture(row)


def test_mirflickr_is_read_from_the_zips_of_its_owners(tmp_path):
    loose, packed = tmp_path / "loose", tmp_path / "packed"
    whole = load_data(mirflickr25k(loose))
    packed.mkdir()
    # The second zip has no folder of its own.
    for name, root, base in (
        ("mirflickr25k", loose / "mirflickr", loose),
        ("mirflickr25k_annotations_v080", *[loose / "mirflickr25k_annotations_v080"] * 2),
    ):
        with zipfile.ZipFile(packed / f"{name}.zip", "w") as archive:
            for path in sorted(p for p in root.rglob("*") if p.is_file()):
                archive.write(path, path.relative_to(base))
    data = load_data(packed)
    assert (data.ids, data.labels.tolist()) == (whole.ids, whole.labels.tolist())
    assert data.modalities["image"].content(7) == picture(7)


def test_the_stricter_annotations_of_mirflickr_can_be_asked_for(tmp_path):
    mirflickr25k(tmp_path)
    relevant = load_data(tmp_path, reader=READERS.make("mirflickr25k", annotations="relevant"))
    assert relevant.label_names == ("sky_r1",)
    assert len(relevant) == 4
    assert relevant.notes == (
        "mirflickr25k: 4 of 24 pictures are used; 0 have no tag that 20 pictures have, 20 of the others have no label",
    )
    everything = load_data(tmp_path, reader=READERS.make("mirflickr25k", annotations="all", unlabeled=True))
    assert everything.label_names == ("sea", "sky", "sky_r1", "sun")


def test_pictures_of_mirflickr_without_a_common_tag_are_left_out_and_noted(tmp_path):
    mirflickr25k(tmp_path)
    tags = tmp_path / "mirflickr" / "meta" / "tags"
    (tags / "tags3.txt").write_bytes(b"")
    (tags / "tags5.txt").write_bytes(b"rare\n\xff\xfe\n")
    data = load_data(tmp_path)
    assert len(data) == SIZE - 2
    assert "im3.jpg" not in data.ids
    assert "2 have no tag that 20 pictures have" in data.notes[0]
    assert len(load_data(tmp_path, reader=READERS.make("mirflickr25k", common=1))) == SIZE - 1
    with pytest.raises(DataError, match=r"none of the 24 pictures .* lower it with --reader mirflickr25k,common=1"):
        load_data(tmp_path, reader=READERS.make("mirflickr25k", common=25))


def test_mirflickr_says_what_is_missing_or_wrong(tmp_path):
    mirflickr25k(tmp_path)
    (tmp_path / "mirflickr" / "im4.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 24 pictures .* are missing \('mirflickr/im4.jpg'\)"):
        load_data(tmp_path)
    (tmp_path / "mirflickr25k_annotations_v080" / "sea.txt").write_text("1\nx\n")
    with pytest.raises(DataError, match=r"sea.txt' .* has the line 'x'"):
        load_data(tmp_path)
    with pytest.raises(DataError, match="annotations='some', common=20: give potential"):
        load_data(tmp_path, reader=READERS.make("mirflickr25k", annotations="some"))
    with pytest.raises(DataError, match=r"has no annotations of MIRFlickr-25K"):
        load_data(tmp_path / "mirflickr", reader="mirflickr25k")


def test_nus_wide_is_read_in_the_order_of_its_list(tmp_path):
    data = load_data(nuswide(tmp_path))
    assert data.ids[:2] == ("folder0/0000_1000.jpg", "folder1/0001_1001.jpg")
    assert data.label_names == ("sea", "sky", "sun", "zebra")
    for row in range(SIZE):
        assert data.modalities["text"].items[row] == text(row)
        assert named(data, row) == labels(row)
        assert data.modalities["image"].content(row) == picture(row)


def test_the_most_frequent_labels_of_nus_wide_are_taken(tmp_path):
    nuswide(tmp_path)
    data = load_data(tmp_path, reader=READERS.make("nuswide", classes=2))
    counts = {name: sum(name in labels(i) for i in range(SIZE)) for name in ("sky", "sea", "sun")}
    most = sorted(sorted(counts, key=lambda name: (-counts[name], name))[:2])
    assert list(data.label_names) == most
    kept = [i for i in range(SIZE) if set(labels(i)) & set(most)]
    assert [int(name[8:12]) for name in data.ids] == kept
    assert data.notes[0].startswith(f"nuswide: {len(kept)} of 24 pictures are used, with 2 of 4 labels; ")
    assert len(load_data(tmp_path, reader=READERS.make("nuswide", classes=2, unlabeled=True))) == SIZE


def test_the_thousand_tags_of_nus_wide_can_be_asked_for(tmp_path):
    nuswide(tmp_path)
    data = load_data(tmp_path, reader=READERS.make("nuswide", tags="1k"))
    assert data.modalities["text"].items[:3] == ("red photo", "green photo", "blue photo")
    (tmp_path / "NUS_WID_Tags" / "All_Tags.txt").unlink()
    with pytest.raises(DataError, match=r"no All_Tags.txt .* or read the thousand tags with --reader nuswide,tags=1k"):
        load_data(tmp_path)


def test_pictures_of_nus_wide_without_tags_are_left_out_unless_wanted(tmp_path):
    path = nuswide(tmp_path) / "NUS_WID_Tags" / "All_Tags.txt"
    path.write_text(path.read_text().replace(f"1000      {text(0)}", "1000      "))
    assert len(load_data(tmp_path)) == SIZE - 1
    reader = READERS.make("nuswide", untagged=True)
    assert load_data(tmp_path, reader=reader, need_texts=False).modalities["text"].items[0] == ""


def test_nus_wide_says_what_is_missing_or_wrong(tmp_path):
    nuswide(tmp_path)
    labels_of_sky = tmp_path / "Groundtruth" / "AllLabels" / "Labels_sky.txt"
    labels_of_sky.write_text("1\n0\n")
    with pytest.raises(DataError, match=r"Labels_sky.txt' has 2 values, not 0 or 1 for each of 24 pictures"):
        load_data(tmp_path)
    labels_of_sky.unlink()
    tags = tmp_path / "NUS_WID_Tags" / "All_Tags.txt"
    tags.write_text("1000 red\n")
    with pytest.raises(DataError, match=r"All_Tags.txt' has 1 lines but Imagelist.txt 24"):
        load_data(tmp_path)
    with pytest.raises(DataError, match="tags='2k', classes=21: give all or 1k"):
        load_data(tmp_path, reader=READERS.make("nuswide", tags="2k"))
    with pytest.raises(DataError, match=r"has no Imagelist.txt of NUS-WIDE"):
        load_data(tmp_path / "Flickr", reader="nuswide")


def test_a_list_of_nus_wide_cannot_lead_outside(tmp_path):
    path = nuswide(tmp_path) / "ImageList" / "Imagelist.txt"
    path.write_text(path.read_text().replace("folder0\\0000", "..\\..\\0000", 1))
    with pytest.raises(DataError, match="leads outside"):
        load_data(tmp_path)
