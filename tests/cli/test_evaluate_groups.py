"""`chash evaluate` for matrices with several texts a picture: who belongs to whom, and folds."""

import json

import numpy as np
import pytest
import scipy.io

from crossmodal_hash.cli.main import main

N, EACH, BITS = 20, 5, 64
METRIC = ["--pairs", "--metric", "hit@1,hit@5,median-rank"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """100 captions of 20 pictures, each the picture's code with some bits turned; and both in an order of their own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    image = np.where(rng.normal(size=(N, BITS)) >= 0, 1, -1)
    owner = np.repeat(np.arange(N), EACH)
    text = np.where(rng.random((N * EACH, BITS)) < 0.35, -image[owner], image[owner])
    order = rng.permutation(N * EACH)
    np.save("image.npy", image)
    np.save("image5.npy", image[owner])
    np.save("text.npy", text)
    np.save("mixed.npy", text[order])
    np.save("owner.npy", owner[order])
    np.save("labels.npy", np.eye(4, dtype=np.uint8)[np.arange(N) % 4])
    (tmp_path / "owner.txt").write_text("".join(f"{i}\n" for i in owner[order]))
    names = np.array([f"p{i}" for i in owner[order]], dtype=object)
    scipy.io.savemat("owner.mat", {"name": names, "row": owner[order]})
    (tmp_path / "names.txt").write_text("".join(f"p{i}\n" for i in range(N)))
    return tmp_path


def slow(folds=1):
    """hit@1 and hit@5 both ways, one query after the other; distances of 64 bits leave few ties, which count half."""
    image, text = np.load("image.npy"), np.load("text.npy")
    owner = np.repeat(np.arange(N), EACH)
    found = []
    for part in np.arange(N).reshape(folds, -1):
        own = np.isin(owner, part)
        ways = []
        for queries, q_items, database, d_items in (
            (image[part], part, text[own], owner[own]),
            (text[own], owner[own], image[part], part),
        ):
            values = np.zeros((len(queries), 2))
            for q, (query, item) in enumerate(zip(queries, q_items, strict=True)):
                distance = (BITS - database @ query) // 2
                rng = np.random.default_rng(q)
                for _ in range(200):
                    shuffled = rng.permutation(len(database))
                    hits = (d_items == item)[shuffled[np.argsort(distance[shuffled], kind="stable")]]
                    values[q] += hits[:1].any() / 200, hits[:5].any() / 200
            ways.append(values.mean(0))
        found.append(ways)
    return np.mean(found, axis=0)


def rows_of(capsys, *argv):
    assert main(["evaluate", *argv, *METRIC, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return {(row["direction"], row["metric"]): row for row in rows}


def refused(capsys, *argv):
    assert main(["evaluate", *argv]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    return line


CODES = ["--codes", "image.npy", "--codes", "text.npy"]
MIXED = ["--codes", "image.npy", "--codes", "text=mixed.npy"]


@pytest.mark.parametrize("folds", [1, 4, 5])
@pytest.mark.parametrize(
    "argv",
    [
        [*CODES, "--texts-per-picture", "5"],
        [*MIXED, "--ids", "text=owner.npy"],
        [*MIXED, "--ids", "text=owner.txt"],
        [*MIXED, "--ids", "text=owner.mat:row"],
        [*MIXED, "--ids", "text=owner.mat:name", "--ids", "image=names.txt"],
        ["--codes", "image=image5.npy", "--codes", "text.npy", "--texts-per-picture", "5"],
    ],
    ids=["five", "npy", "txt", "mat", "names", "repeated"],
)
def test_every_way_to_say_who_belongs_to_whom_gives_the_slow_figures(capsys, folder, argv, folds):
    rows = rows_of(capsys, *argv, "--folds", str(folds))
    expected = slow(folds)
    for direction, values in zip(("image->text", "text->image"), expected, strict=True):
        for metric, value in zip(("hit@1", "hit@5"), values, strict=True):
            assert rows[direction, metric]["value"] == pytest.approx(value, abs=0.01)
            assert rows[direction, metric]["database"] == ("whole" if folds == 1 else f"{folds} folds")
    assert rows["text->image", "hit@1"]["items"] == N // folds
    assert rows["text->image", "hit@1"]["queries"] == N * EACH


def test_queries_and_a_database_take_ids_too(capsys, folder):
    both = ["--queries", "image.npy", "--database", "mixed.npy"]
    one = rows_of(capsys, *both, "--ids", "database=owner.npy")
    other = rows_of(capsys, "--queries", "image.npy", "--database", "text.npy", "--texts-per-picture", "5")
    assert one["image->mixed", "hit@1"]["value"] == other["image->text", "hit@1"]["value"]
    argv = ["--queries", "text.npy", "--database", "image5.npy", "--texts-per-picture", "5"]
    assert main(["evaluate", *argv, *METRIC]) == 0
    assert "database: 100 rows are 20 items, each with one code; it counts once" in capsys.readouterr().err


def test_labels_of_the_pictures_are_those_of_their_texts(capsys, folder):
    assert main(["evaluate", *CODES, "--labels", "labels.npy", "--texts-per-picture", "5", "--json"]) == 0
    rows = {row["direction"]: row for row in json.loads(capsys.readouterr().out) if row["metric"] == "map@all"}
    # Each of 5 pictures a class; neither a picture nor its five texts are searched by themselves.
    assert rows["image->text"]["relevant"] == N * 4 * EACH
    assert rows["text->text"]["relevant"] == N * EACH * 4 * EACH
    owner = np.load("owner.npy")
    np.save("mixed-labels.npy", np.load("labels.npy")[owner])
    assert main(["evaluate", *MIXED, "--labels", "labels.npy", "--ids", "text=owner.npy", "--json"]) == 0
    mixed = {row["direction"]: row for row in json.loads(capsys.readouterr().out) if row["metric"] == "map@all"}
    for direction, row in rows.items():
        assert mixed[direction]["expected"] == pytest.approx(row["expected"])


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            [*CODES, *METRIC],
            "the image codes have 20 rows and the text codes 100, and as matrices they have no ids",
        ),
        (
            ["--queries", "image.npy", "--database", "text.npy", *METRIC],
            "--texts-per-picture 5 if rows of one",
        ),
        ([*CODES, *METRIC, "--texts-per-picture", "4"], "text has 100 codes, which is not 4 for each of 20 pictures"),
        (
            [*CODES, *METRIC, "--ids", "owner.npy"],
            "--ids 'owner.npy' is not NAME=FILE with one of the names",
        ),
        ([*CODES, *METRIC, "--ids", "txt=owner.npy"], "one of the names image, text; write --ids text=FILE"),
        ([*CODES, *METRIC, "--ids", "image=owner.npy"], "owner.npy has 100 ids, but image 20 codes; give one id a row"),
        ([*CODES, *METRIC, "--ids", "text=image.npy"], "image.npy has shape (20, 64); ids are one number or name"),
        ([*CODES, *METRIC, "--ids", "text=owner.mat"], "owner.mat holds 2 arrays; choose one by its key: name, row"),
        ([*CODES, *METRIC, "--ids", "text=none.txt"], "cannot read none.txt (No such file or directory)"),
        ([*CODES, *METRIC, "--ids", "text=owner.mat:name"], "the image codes have only row numbers, '0', '1', ..."),
        ([*CODES, *METRIC, "--ids", "text=owner.npy", "--texts-per-picture", "5"], "exclude each other"),
        (
            [*CODES, *METRIC, "--texts-per-picture", "5", "--folds", "3"],
            "cannot be divided into 3 equal folds",
        ),
        (
            [*CODES, "--texts-per-picture", "5", "--folds", "5"],
            "5 folds are for relevance by pairs",
        ),
        (["--ids", "text=owner.npy"], "--ids and --texts-per-picture are for codes without a run"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(capsys, folder, argv, sentence):
    assert sentence in refused(capsys, *argv)


def test_numbers_from_one_are_not_taken_for_row_numbers(capsys, folder):
    np.save("from-one.npy", np.load("owner.npy") + 1)
    assert "count from 0, or give ids for both" in refused(capsys, *MIXED, *METRIC, "--ids", "text=from-one.npy")


def test_the_protocol_is_said_beside_the_numbers(capsys, folder):
    assert main(["evaluate", *CODES, *METRIC, "--texts-per-picture", "5", "--folds", "5"]) == 0
    err = capsys.readouterr().err
    assert "5 folds is the queries' own partners in equal parts, each ranked by itself" in err
    assert "the R@k of paired retrieval" in err
