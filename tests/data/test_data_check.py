"""`chash data check`: every fault it knows, provoked one by one."""

import json

import numpy as np
import pytest
from miniatures import SIZE, labels, mirflickr25k, native, picture, text, webdataset

from crossmodal_hash.cli.main import main
from crossmodal_hash.data import Dataset, Split, Texts, make_split
from crossmodal_hash.data_report.examine import examine
from crossmodal_hash.data_report.labels import floor
from crossmodal_hash.opening.recognize import load_data


@pytest.fixture
def folder(tmp_path):
    return native(tmp_path / "data")


def check(path, capsys, *options):
    """Exit code, document and what was said."""
    code = main(["data", "check", str(path), "--json", *options])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def rewrite(folder, change):
    """The metadata with every row changed; none drops it."""
    rows = [change(i, {"file_name": f"images/{i}.jpg", "text": text(i), "labels": labels(i)}) for i in range(SIZE)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row is not None))


def test_a_good_data_set_is_described(folder, capsys):
    code, document, _ = check(folder, capsys)
    assert (code, document["wrong"]) == (0, [])
    facts = document["facts"]
    assert (facts["reader"], facts["items"], facts["classes"]) == ("native", SIZE, 3)
    assert facts["picture width"] == "24 to 24, median 24"
    assert facts["picture height"] == "16 to 16, median 16"
    assert facts["picture formats"] == "JPEG 24"
    assert facts["labels an item"] == f"1 to 2, mean {np.mean([len(labels(i)) for i in range(SIZE)]):.2f}"
    assert facts["split"] == "drawn: query 2, train 11, validation 1, database 22"
    counts = {name: sum(name in labels(i) for i in range(SIZE)) for name in ("sea", "sky", "sun")}
    assert document["classes"] == counts
    assert document["notes"][0].startswith("24 pictures have a side of less than 32 pixels ('images/0.jpg'")


def test_the_table_ends_with_what_is_wrong(folder, capsys):
    (folder / "images" / "3.jpg").write_bytes(b"")
    assert main(["data", "check", str(folder)]) == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "finding\tvalue"
    assert any(line.startswith("class sea\t") and line.endswith("%)") for line in lines)
    assert any(line.startswith("unreadable\tcannot decode picture 'images/3.jpg'") for line in lines)
    assert lines[-1].startswith("WRONG\t1 of 24 pictures cannot be read")
    assert f"training on {folder} would be wrong: 1 of 24" in said.err


def test_unreadable_and_missing_pictures_are_listed_and_can_be_left_out(folder, capsys):
    (folder / "images" / "3.jpg").write_bytes(picture(3)[:200])
    (folder / "images" / "5.jpg").unlink()
    code, document, _ = check(folder, capsys)
    assert code == 1
    assert document["wrong"] == ["2 of 24 pictures cannot be read; fix them, or leave them out with --skip-bad"]
    assert "cannot decode picture 'images/3.jpg'" in document["unreadable"]["images/3.jpg"]
    assert document["unreadable"]["images/5.jpg"] == "picture 'images/5.jpg' is missing"
    code, document, _ = check(folder, capsys, "--skip-bad")
    assert (code, document["wrong"], document["facts"]["items"]) == (0, [], SIZE - 2)
    assert set(document["unreadable"]) == {"images/3.jpg", "images/5.jpg"}


def test_items_without_a_text_are_a_fault(folder, capsys):
    rewrite(folder, lambda i, row: row | {"text": " "} if i in (2, 4) else row)
    code, document, _ = check(folder, capsys)
    assert code == 1
    assert document["wrong"] == [
        "2 of 24 items have no text ('images/2.jpg', 'images/4.jpg'); fill them, or leave them out with --skip-bad"
    ]
    code, document, _ = check(folder, capsys, "--skip-bad")
    assert (code, document["wrong"], document["facts"]["items"]) == (0, [], SIZE - 2)
    said = "2 of 24 items are left out, because they have no text: 'images/2.jpg', 'images/4.jpg'"
    assert said in document["notes"]


def test_texts_that_share_no_word_are_a_fault(folder, capsys):
    rewrite(folder, lambda i, row: row | {"text": f"only{i}"})
    code, document, _ = check(folder, capsys)
    assert code == 1
    assert document["wrong"][0].startswith("texts have nothing in common: no word occurs in at least 2")


def test_a_text_that_shares_no_word_is_noted(folder, capsys):
    rewrite(folder, lambda i, row: row | {"text": "alone"} if i == 7 else row)
    code, document, _ = check(folder, capsys)
    assert code == 0
    assert "1 texts have no word that another text has ('images/7.jpg')" in document["notes"]


@pytest.mark.parametrize("given", [{}, {"labels": []}], ids=["no column", "empty"])
def test_no_labels_at_all_are_a_note_because_pairs_can_be_learned_from(given, folder, capsys):
    rewrite(folder, lambda i, row: {key: row[key] for key in ("file_name", "text")} | given)
    code, document, _ = check(folder, capsys)
    assert (code, document["wrong"], document["facts"]["items without labels"]) == (0, [], SIZE)
    said = "no item has a label, so training learns from pairs: which items belong together"
    assert said in document["notes"]


def test_one_modality_without_labels_is_a_fault_because_nothing_can_be_learned():
    dataset = Dataset("alone", tuple("abcd"), {"text": Texts(tuple("abcd"))})
    report = examine(dataset, {}, make_split(4, query=1, train=2), drawn=True, reader="none")
    assert "no item has a label and there is one modality, so there is nothing to learn from" in report.wrong


def test_items_without_a_label_are_noted(folder, capsys):
    rewrite(folder, lambda i, row: row | {"labels": []} if i < 3 else row)
    code, document, _ = check(folder, capsys)
    assert (code, document["facts"]["items without labels"]) == (0, 3)
    assert any(note.startswith("3 items have no label ('images/0.jpg'") for note in document["notes"])


def test_odd_classes_are_noted(folder, capsys):
    rewrite(folder, lambda i, row: row | {"labels": [*row["labels"], *(["rare"] if i == 0 else [])]})
    (folder / "labels.txt").write_text("sky\nsea\nsun\nrare\nnever\n")
    code, document, _ = check(folder, capsys)
    assert code == 0
    assert "1 of 5 classes are on no item ('never')" in document["notes"]
    assert "1 of 5 classes are on only one item ('rare')" in document["notes"]


def test_labels_that_say_nothing_are_a_fault(folder, capsys):
    rewrite(folder, lambda i, row: row | {"labels": ["photo"]})
    code, document, _ = check(folder, capsys)
    assert (code, document["facts"]["share of relevant pairs"]) == (1, 1.0)
    assert "labels are useless" in document["wrong"][0]
    assert "1 of 1 classes are on every item ('photo')" in document["notes"]
    rewrite(folder, lambda i, row: row | {"labels": [f"own{i}"]})
    code, document, _ = check(folder, capsys)
    assert (code, document["facts"]["map@all of a random order"]) == (1, 0.0)
    assert "no query shares a label with the database" in document["wrong"][0]


def test_duplicates_are_listed_and_their_labels_compared(folder, capsys):
    (folder / "images" / "9.jpg").write_bytes(picture(4))
    code, document, _ = check(folder, capsys)
    assert code == 0
    assert document["duplicates"] == [["images/4.jpg", "images/9.jpg"]]
    assert document["facts"]["items with the same content as another"] == 2
    assert "1 times the same content has different labels ('images/4.jpg')" in document["notes"]


def test_parts_that_overlap_by_content_are_a_fault_of_a_given_split_and_a_note_of_a_drawn_one(folder, capsys, tmp_path):
    (folder / "images" / "9.jpg").write_bytes(picture(4))
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"query": ["images/4.jpg"], "train": ["images/9.jpg", "images/1.jpg"]}))
    code, document, _ = check(folder, capsys, "--split", str(split))
    assert code == 1
    assert "1 of 1 queries have the content of an item that is trained on ('images/4.jpg')" in document["wrong"][0]
    assert document["facts"]["queries whose content is in the database"] == 1
    seeds = [check(folder, capsys, "--query", "12", "--train", "12", "--seed", str(seed))[:2] for seed in range(6)]
    assert {code for code, _ in seeds} == {0}
    assert any("is trained on" in note for _, document in seeds for note in document["notes"])


def test_parts_that_overlap_by_id_are_a_fault(folder, capsys, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"query": ["images/4.jpg"], "train": ["images/4.jpg", "images/1.jpg"]}))
    code, document, _ = check(folder, capsys, "--split", str(split))
    assert code == 1
    assert "1 items are both query and train" in document["wrong"][0]


def test_too_few_items_are_a_fault(folder, capsys):
    rewrite(folder, lambda i, row: row | {"labels": ["sky"]} if i < 1 else None)
    code, document, _ = check(folder, capsys)
    assert code == 1
    assert any("cannot be drawn from 1" in reason for reason in document["wrong"])


def test_the_same_id_twice_is_refused(folder, capsys):
    rewrite(folder, lambda i, row: row | {"file_name": "images/0.jpg"} if i == 1 else row)
    code, _, said = check(folder, capsys)
    assert code == 2
    assert "have several rows ('images/0.jpg'); keep one row for each" in said


def test_matrices_are_checked_by_their_rows(tmp_path, capsys):
    rng = np.random.default_rng(0)
    features, words = rng.random((20, 4), np.float32), rng.integers(0, 2, (20, 30), dtype=np.uint8)
    features[3], words[3] = features[8], words[8]
    np.savez(tmp_path / "x.npz", XAll=features, YAll=words, LAll=np.eye(4, dtype=np.uint8)[np.arange(20) % 4])
    code, document, _ = check(tmp_path / "x.npz", capsys)
    assert code == 0
    assert document["facts"]["image"] == "vector, 4 columns"
    assert document["duplicates"] == [["3", "8"]]


def test_what_the_reader_left_out_is_in_the_report(tmp_path, capsys):
    mirflickr25k(tmp_path)
    (tmp_path / "mirflickr" / "meta" / "tags" / "tags1.txt").write_text("")
    _, document, _ = check(tmp_path, capsys, "--reader", "mirflickr25k,common=2")
    assert any("mirflickr25k: 23 of 24 pictures are used" in note for note in document["notes"])
    assert document["facts"]["reader"] == "mirflickr25k"


def test_archives_are_checked_in_place(tmp_path, capsys):
    code, document, _ = check(webdataset(tmp_path), capsys)
    assert (code, document["facts"]["reader"], document["facts"]["items"]) == (0, "webdataset", SIZE)


def test_the_floor_is_what_a_random_order_scores():
    """Against every order of a small database, one by one."""
    from itertools import permutations

    marks = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 0]], np.uint8)
    none = np.zeros(0, np.int64)
    found = floor(marks, Split(np.array([0]), none, none, np.array([1, 2, 3, 4])))
    assert found.share == 0.5
    scores = []
    for order in permutations([1, 0, 1, 0]):
        hits = np.cumsum(order)
        scores.append(np.mean([hits[i] / (i + 1) for i in range(4) if order[i]]))
    assert found.random == pytest.approx(np.mean(scores))
    assert floor(marks, Split(np.array([4]), none, none, np.array([1, 2]))).without == 1


def test_training_leaves_bad_pictures_out_when_told_and_resumes_on_what_is_left(tmp_path, small, capsys):
    folder = native(tmp_path / "data")
    (folder / "images" / "3.jpg").write_bytes(b"broken")
    run = tmp_path / "run"
    argv = ["train", "--data", str(folder), "--out", str(run), "--epochs", "1", "--bits", "8", *small]
    assert main(argv) == 2
    assert "images/3.jpg" in capsys.readouterr().err
    assert main([*argv, "--skip-bad"]) == 0
    assert "1 of 24 items are left out" in capsys.readouterr().err
    listed = json.loads((run / "split.json").read_text())
    assert "images/3.jpg" not in [name for part in listed.values() for name in part]
    assert len(load_data(folder)) == SIZE
    assert main(["encode", str(run), "-q"]) == 0
