"""Faithful miniatures of the layouts with several captions a picture, each read as the same six pictures."""

import json

import numpy as np
import pytest
from miniatures import labels, pack, picture, write

from crossmodal_hash.cli.main import main
from crossmodal_hash.components import READERS
from crossmodal_hash.data import Captions, Texts
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.readers.flickr import captions_of
from crossmodal_hash.errors import DataError
from crossmodal_hash.opening.recognize import load_data, name_of, recognize

N = 6
NAMES = [f"{1000268201 + 7 * i}_693b08cb0{i}.jpg" for i in range(N)]


def said(i):
    """Five captions with what the real ones hold: a blank before the full stop, commas, quotes, one that repeats."""
    return [
        f"A child number {i} in a pink dress is climbing up a set of stairs .",
        f'A girl, {i}, with "wings", going into a building .',
        f"A little girl {i} .",
        f"A little girl {i} .",
        f'"Stop", says the sign {i} at a caf\u00e9',
    ]


def pictures(folder, names=NAMES):
    for i, name in enumerate(names):
        write(folder / name, picture(i))


def check(data, names=NAMES, texts=said, count=N):
    assert data.ids == tuple(names)
    source = data.modalities["text"]
    assert isinstance(source, Captions)
    for i in range(count):
        assert list(source.said(i)) == texts(i)
        assert data.modalities["image"].content(i) == picture(i)


def token(folder):
    """Flickr8k as its owners pack it: two zips' contents side by side, with the lists of the split."""
    rows = [f"{name}#{k}\t{text}\n" for i, name in enumerate(NAMES) for k, text in enumerate(said(i))]
    write(folder / "Flickr8k_text" / "Flickr8k.token.txt", "".join(rows))
    for part, rows_of in (("train", (0, 1, 2)), ("dev", (3,)), ("test", (4, 5))):
        listed = "".join(f"{NAMES[i]}\n" for i in rows_of)
        write(folder / "Flickr8k_text" / f"Flickr_8k.{part}Images.txt", listed)
    pictures(folder / "Flicker8k_Dataset")
    return folder


def results(folder):
    """Flickr30k as it circulates: bars with a blank, and the one row that lacks the second bar."""
    rows = [f"{name}| {k}| {text}\n" for i, name in enumerate(NAMES) for k, text in enumerate(said(i))]
    rows[2 * 5 + 4] = f"{NAMES[2]}| 4   {said(2)[4]}\n"
    write(folder / "flickr30k_images" / "results.csv", "image_name| comment_number| comment\n" + "".join(rows))
    pictures(folder / "flickr30k_images" / "flickr30k_images")
    return folder


def unquoted(folder):
    """Flickr8k as it circulates: captions with commas as they are."""
    rows = [f"{name},{text}\n" for i, name in enumerate(NAMES) for text in said(i)]
    write(folder / "captions.txt", "image,caption\n" + "".join(rows))
    pictures(folder / "Images")
    return folder


def quoted(folder):
    """The same as a spreadsheet writes it, with Windows' line ends and a number of each caption."""
    escaped = {i: [text.replace('"', '""') for text in said(i)] for i in range(N)}
    rows = [f'{name},{k},"{text}"\r\n' for i, name in enumerate(NAMES) for k, text in enumerate(escaped[i])]
    write(folder / "captions.txt", "image_name,comment_number,comment\r\n" + "".join(rows))
    pictures(folder / "Images")
    return folder


def karpathy(folder, name="flickr8k", filepath=None, parts=("train", "train", "restval", "val", "test", "test")):
    images = []
    for i, (file, part) in enumerate(zip(NAMES, parts, strict=True)):
        sentences = [
            {"tokens": t.lower().split(), "raw": t, "imgid": i, "sentid": 5 * i + k} for k, t in enumerate(said(i))
        ]
        image = {"sentids": [s["sentid"] for s in sentences], "imgid": i, "sentences": sentences, "split": part,
                 "filename": file}  # fmt: skip
        images.append(image | ({} if filepath is None else {"filepath": filepath(i), "cocoid": 100 - i}))
    write(folder / f"dataset_{name}.json", json.dumps({"images": images, "dataset": name}))
    if filepath is None:
        pictures(folder / "Images")
    return folder


@pytest.mark.parametrize("make", [token, results, unquoted, quoted])
def test_flickr_in_each_form_in_which_it_comes(tmp_path, make):
    path = make(tmp_path)
    assert name_of(recognize(Place(path))) == "flickr"
    data = load_data(path, need_labels=False)
    check(data)
    assert data.labels is None
    if make is token:
        assert {part: rows.tolist() for part, rows in data.split_rows.items()} == {
            "train": [0, 1, 2],
            "validation": [3],
            "query": [4, 5],
        }
    else:
        assert data.split_rows is None


@pytest.mark.parametrize(
    ("captions", "wanted"),
    [
        ("each", said),
        ("joined", lambda i: ["\n".join(said(i))]),
        ("first", lambda i: said(i)[:1]),
        (2, lambda i: said(i)[:2]),
    ],
)
@pytest.mark.parametrize("reader", ["flickr", "karpathy"])
def test_which_captions_are_texts_can_be_chosen(tmp_path, reader, captions, wanted):
    path = token(tmp_path) if reader == "flickr" else karpathy(tmp_path)
    source = load_data(path, reader=READERS.make(reader, captions=captions), need_labels=False).modalities["text"]
    assert [list(source.said(i)) for i in range(N)] == [wanted(i) for i in range(N)]
    assert isinstance(source, Texts) == (captions in ("joined", "first"))
    for wrong in ("last", 0, True):
        with pytest.raises(DataError, match=f"captions={wrong!r} is neither 'each', 'joined', 'first' nor a number"):
            load_data(path, reader=READERS.make(reader, captions=wrong), need_labels=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns ; captions need image first and caption last"),
        ("caption,image\na,b\n", "has the columns caption, image"),
        ("image,caption\n", "has no captions; download it again"),
        ("image,caption\na.jpg,A bus\na.jpg\n", "line 3 of 'x' has no caption: 'a.jpg'"),
        ("image,caption\na.jpg,A bus\na.jpg,\n", r"1 of 2 captions of 'x' lack a picture or a text \(first number 2\)"),
        ("a.jpg#0\tA bus\nb.jpg#0\n", r"1 of 2 captions of 'x' lack a picture or a text \(first number 2\)"),
    ],
)
def test_a_table_that_is_not_whole_is_named(text, message):
    with pytest.raises(DataError, match=message):
        captions_of(text, "x")


def test_several_tables_in_one_folder_need_a_choice(tmp_path):
    path = unquoted(results(tmp_path))
    assert len(load_data(path, need_labels=False)) == N  # the one nearer to the top
    write(path / "results.csv", (path / "flickr30k_images" / "results.csv").read_text())
    with pytest.raises(DataError, match=r"several tables of captions \('captions.txt', 'results.csv', .*table=NAME"):
        load_data(path, need_labels=False)
    check(load_data(path, reader=READERS.make("flickr", table="captions.txt"), need_labels=False))
    with pytest.raises(DataError, match=r"has no other.txt of Flickr8k or Flickr30k"):
        load_data(path, reader=READERS.make("flickr", table="other.txt"), need_labels=False)


def test_the_split_json_comes_before_a_table_of_the_same_captions(tmp_path):
    path = karpathy(token(tmp_path))
    assert name_of(recognize(Place(path))) == "karpathy"
    data = load_data(path, need_labels=False)
    check(data)
    assert {part: rows.tolist() for part, rows in data.split_rows.items()} == {
        "train": [0, 1, 2],
        "validation": [3],
        "query": [4, 5],
    }


def coco_split(folder):
    """dataset_coco.json with pictures in two folders, and the annotations that hold the labels, by other numbers."""
    place = lambda i: "val2014" if i % 2 else "train2014"  # noqa: E731
    karpathy(folder, "coco", place)
    for i, name in enumerate(NAMES):
        write(folder / place(i) / name, picture(i))
    categories = [
        {"id": 9, "name": "toaster"},
        *({"id": k + 1, "name": n} for k, n in enumerate(("sky", "sea", "sun"))),
    ]
    number = {row["name"]: row["id"] for row in categories}
    objects = [{"image_id": 100 - i, "category_id": number[n]} for i in range(N) for n in labels(i)]
    for part in ("train2014", "val2014"):
        own = [row for row in objects if place(100 - row["image_id"]) == part]
        document = {"images": [], "annotations": own, "categories": categories}
        write(folder / "annotations" / f"instances_{part}.json", json.dumps(document))
    return folder


def test_cocos_split_takes_its_labels_from_the_annotations(tmp_path):
    data = load_data(coco_split(tmp_path), reader="karpathy")
    check(data, [f"{'val2014' if i % 2 else 'train2014'}/{name}" for i, name in enumerate(NAMES)])
    assert data.label_names == ("sky", "sea", "sun", "toaster")
    for row in range(N):
        assert {n for n, on in zip(data.label_names, data.labels[row], strict=True) if on} == set(labels(row))
    test = load_data(tmp_path, reader=READERS.make("karpathy", part="test"))
    assert test.ids == data.ids[4:]
    assert test.split_rows is None
    with pytest.raises(DataError, match=r"no part 'tset', only restval, test, train, val \(did you mean 'test'"):
        load_data(tmp_path, reader=READERS.make("karpathy", part="tset"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a split JSON"),
        ('{"images": [{"filename": "a.jpg", "split": "test"}]}', "KeyError: 'sentences'"),
        ('{"images": [{"filename": "a.jpg", "split": "exam", "sentences": []}]}', "has the part 'exam'; the parts are"),
    ],
)
def test_a_broken_split_json_is_named(tmp_path, content, message):
    write(tmp_path / "dataset_coco.json", content)
    with pytest.raises(DataError, match=f"dataset_coco.json.*{message}"):
        load_data(tmp_path, reader="karpathy")
    with pytest.raises(DataError, match=r"one split JSON such as .* has none"):
        load_data(tmp_path, reader=READERS.make("karpathy", table="other.json"))


def test_webdataset_keeps_the_captions_of_its_json_apart(tmp_path):
    contents = {}
    for i in range(N):
        contents[f"{i:04}.jpg"] = picture(i)
        contents[f"{i:04}.json"] = json.dumps({"captions": said(i), "labels": labels(i)}).encode()
    pack(tmp_path / "x.tar", contents)
    names = [f"{i:04}.jpg" for i in range(N)]
    check(load_data(tmp_path / "x.tar"), names)
    joined = load_data(tmp_path / "x.tar", reader=READERS.make("webdataset", captions="joined"))
    assert joined.modalities["text"].items[2] == "\n".join(said(2))


def parquet_table(folder, columns, name="manifest.parquet"):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), folder / name)
    return folder


def test_a_list_column_of_parquet_holds_several_texts(tmp_path):
    columns = {"file_name": NAMES, "captions": [said(i) for i in range(N)], "labels": [labels(i) for i in range(N)]}
    pictures(tmp_path)
    check(load_data(parquet_table(tmp_path, columns)))
    first = load_data(tmp_path, reader=READERS.make("parquet", captions="first"))
    assert first.modalities["text"].items == tuple(said(i)[0] for i in range(N))


def test_a_list_named_tags_holds_the_words_of_one_text(tmp_path):
    pictures(tmp_path)
    columns = {"file_name": NAMES, "tags": [["red", "bus"]] * N, "labels": [labels(i) for i in range(N)]}
    assert load_data(parquet_table(tmp_path, columns)).modalities["text"].items[0] == "red\nbus"


def rows_of(shuffled=True):
    """One row a caption, in an order in which the pictures first come as in NAMES."""
    order = [(i, 0) for i in range(N)] + [(i, k) for k in range(1, 5) for i in reversed(range(N))]
    return order if shuffled else sorted(order)


def test_one_row_a_caption_is_joined_by_the_name_of_the_picture(tmp_path):
    pictures(tmp_path)
    columns = {
        "file_name": [NAMES[i] for i, _ in rows_of()],
        "caption": [said(i)[k] for i, k in rows_of()],
        "labels": [labels(i) for i, _ in rows_of()],
    }
    parquet_table(tmp_path, columns)
    with pytest.raises(
        DataError, match=r"6 items of .* have several rows .*join them with --reader parquet,join=file_name"
    ):
        load_data(tmp_path)
    check(load_data(tmp_path, reader=READERS.make("parquet", join="file_name")))
    with pytest.raises(DataError, match=r"no column 'filename' to join rows by, .*\(did you mean 'file_name'"):
        load_data(tmp_path, reader=READERS.make("parquet", join="filename"))
    with pytest.raises(DataError, match="has no name or number in the column 'labels'"):
        load_data(tmp_path, reader=READERS.make("parquet", join="labels"))


def test_rows_of_several_pictures_are_not_one_item(tmp_path):
    pictures(tmp_path)
    columns = {"file_name": NAMES, "caption": [said(i)[0] for i in range(N)], "topic": ["a", "b"] * 3}
    parquet_table(tmp_path, columns)
    with pytest.raises(
        DataError, match=r"2 values of the column 'topic' of .* are those of several pictures \('a', 'b'\)"
    ):
        load_data(tmp_path, reader=READERS.make("parquet", join="topic"), need_labels=False)


def test_pictures_inside_parquet_are_joined_by_a_number_and_keep_their_split(tmp_path):
    for part, chosen in (("test", (4, 5)), ("train", (0, 1, 2, 3))):
        own = [(i, k) for i, k in rows_of() if i in chosen]
        columns = {
            "image": [{"bytes": picture(i), "path": None} for i, _ in own],
            "caption": [said(i)[k] for i, k in own],
            "image_id": [i for i, _ in own],
            "labels": [labels(i) for i, _ in own],
        }
        parquet_table(tmp_path, columns, f"{part}-00000-of-00001.parquet")
    data = load_data(tmp_path, reader=READERS.make("parquet", join="image_id"))
    order = (4, 5, 0, 1, 2, 3)
    assert data.ids == tuple(map(str, order))
    assert [list(data.modalities["text"].said(row)) for row in range(N)] == [said(i) for i in order]
    assert [data.modalities["image"].content(row) for row in range(N)] == [picture(i) for i in order]
    assert {part: rows.tolist() for part, rows in data.split_rows.items()} == {"query": [0, 1], "train": [2, 3, 4, 5]}


def hugging_face(folder, joined):
    datasets = pytest.importorskip("datasets")
    text = datasets.Value("string")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "image_id": datasets.Value("int64"),
            "caption": text if joined else datasets.Sequence(text),
            "labels": datasets.Sequence(datasets.ClassLabel(names=["sky", "sea", "sun"])),
        }
    )
    parts = {}
    for part, chosen in (("train", (0, 1, 2, 3)), ("test", (4, 5))):
        rows = [(i, said(i)[k]) for i, k in rows_of() if i in chosen] if joined else [(i, said(i)) for i in chosen]
        columns = {
            "image": [{"bytes": picture(i), "path": None} for i, _ in rows],
            "image_id": [i for i, _ in rows],
            "caption": [t for _, t in rows],
            "labels": [[("sky", "sea", "sun").index(n) for n in labels(i)] for i, _ in rows],
        }
        parts[part] = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    return folder


@pytest.mark.parametrize("joined", [False, True])
def test_hugging_face_has_lists_or_one_row_a_caption(tmp_path, joined):
    path = hugging_face(tmp_path / "hf", joined)
    data = load_data(path, reader=READERS.make("huggingface", join="image_id" if joined else ""))
    check(data, [str(i) for i in range(N)])
    assert {part: rows.tolist() for part, rows in data.split_rows.items()} == {"train": [0, 1, 2, 3], "query": [4, 5]}
    with pytest.raises(DataError, match="no column 'img_id' to join rows by"):
        load_data(path, reader=READERS.make("huggingface", join="img_id"))


@pytest.mark.parametrize("make", [token, results, unquoted, quoted, karpathy, coco_split])
def test_each_layout_survives_data_convert(tmp_path, make, capsys):
    (tmp_path / "theirs").mkdir()
    path = make(tmp_path / "theirs")
    out = tmp_path / "ours"
    assert main(["data", "convert", str(path), str(out), "-q"]) == 0
    one, other = (load_data(each, need_labels=False) for each in (path, out))
    assert one.modalities["text"].fingerprint() == other.modalities["text"].fingerprint()
    assert other.ids == one.ids
    assert np.array_equal(one.labels, other.labels) if make is coco_split else other.labels is None
    if one.split_rows is not None:
        split = json.loads((out / "split.json").read_text())
        assert {part: len(rows) for part, rows in one.split_rows.items()}.items() <= {
            k: len(v) for k, v in split.items()
        }.items()
