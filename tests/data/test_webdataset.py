import gzip
import pickle

import pytest
from miniatures import SIZE, labels, pack, picture, text, webdataset

from crossmodal_hash.components import READERS
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data


def named(data, row):
    return [name for name, on in zip(data.label_names, data.labels[row], strict=True) if on]


def test_shards_are_read_in_order_with_texts_and_labels_of_either_form(tmp_path):
    data = load_data(webdataset(tmp_path))
    assert len(data) == SIZE
    assert data.ids[0] == "shard-000000/0000.jpg"
    assert data.ids[12] == "shard-000001/0000.jpg"
    images = pickle.loads(pickle.dumps(data.modalities["image"]))
    for row in range(SIZE):
        assert data.modalities["text"].items[row] == text(row)
        assert named(data, row) == labels(row)
        assert images.content(row) == picture(row)


def test_one_shard_alone_is_a_data_set_compressed_or_not(tmp_path):
    shard = webdataset(tmp_path) / "shard-000000.tar"
    data = load_data(shard)
    assert data.ids[:2] == ("0000.jpg", "0001.jpg")
    packed = tmp_path / "x.tar.gz"
    packed.write_bytes(gzip.compress(shard.read_bytes()))
    assert load_data(packed).fingerprint() != ""
    assert load_data(packed).modalities["text"].items == data.modalities["text"].items


def test_members_and_keys_can_be_named(tmp_path):
    contents = {"a.x.png": picture(0, "PNG"), "a.title": b"one", "a.json": b'{"text": "no", "topic": [1, 3]}'}
    pack(tmp_path / "x.tar", contents)
    data = load_data(tmp_path / "x.tar", reader=READERS.make("webdataset", text="title", labels="topic"))
    assert data.modalities["text"].items == ("one",)
    assert data.label_names == ("1", "3")


def test_what_is_not_whole_is_refused(tmp_path):
    pack(tmp_path / "a.tar", {"a.txt": b"one", "b.jpg": picture(0), "b.txt": b"two"})
    with pytest.raises(DataError, match=r"1 items of .* have no picture \('a/a'\)"):
        load_data(tmp_path / "a.tar", need_labels=False)
    pack(tmp_path / "b.tar", {"b.jpg": picture(0), "b.json": b"[1]"})
    with pytest.raises(DataError, match=r"'b.json' of 'b/b' is not a JSON object"):
        load_data(tmp_path / "b.tar", need_labels=False)
    pack(tmp_path / "c.tar", {"b.jpg": picture(0), "b.json": b"{"})
    with pytest.raises(DataError, match="is not JSON"):
        load_data(tmp_path / "c.tar", need_labels=False)
    pack(tmp_path / "d.tar", {"b.jpg": picture(0), "b.txt": b"\xe9"})
    with pytest.raises(DataError, match=r"'d/b' is not UTF-8 \(byte 0\)"):
        load_data(tmp_path / "d.tar", need_labels=False)
    pack(tmp_path / "e.tar", {"b.jpg": picture(0), "b.json": b'{"labels": {"a": 1}, "text": "t"}'})
    with pytest.raises(DataError, match=r"has the labels .* give names or class numbers"):
        load_data(tmp_path / "e.tar")
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(DataError, match="is not a tar or a folder of tars"):
        load_data(tmp_path / "x.txt", reader="webdataset")


def test_a_member_that_leads_outside_is_refused(tmp_path):
    pack(tmp_path / "a.tar", {"../a.jpg": picture(0), "../a.txt": b"x"})
    with pytest.raises(DataError, match="leads outside"):
        load_data(tmp_path / "a.tar")
