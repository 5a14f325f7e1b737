"""`chash evaluate` through `main(argv)`: anyone's codes, every policy, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from matlab73 import matlab73
from safetensors.numpy import save_file

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import pack, unpack
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.training.encode import encode


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def files(folder, theirs):
    """Their codes and labels as `.npy`."""
    for name, matrix in zip(("image", "text", "labels"), theirs, strict=True):
        np.save(f"{name}.npy", matrix)
    return ["--codes", "image.npy", "--codes", "text.npy", "--labels", "labels.npy"]


def rows_of(capsys, *argv):
    assert main(["evaluate", *argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *argv, code=2):
    """The one sentence of a command that must fail."""
    assert main(["evaluate", *argv]) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    return next(line for line in err.splitlines() if line.startswith("error: "))


def slow_map(queries, database, q_labels, labels, leave_out):
    """Expected map@all as the mean over many random orders of the database."""
    rng = np.random.default_rng(0)
    distance = (queries.shape[1] - queries @ database.T) / 2
    values = []
    for q in range(len(queries)):
        for _ in range(150):
            order = rng.permutation([i for i in range(len(database)) if not (leave_out and i == q)])
            order = order[np.argsort(distance[q][order], kind="stable")]
            hit = (labels[order] @ q_labels[q]) > 0
            values.append((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())
    return np.mean(values)


def test_the_default_table_has_both_orders_of_ties_an_interval_and_the_random_floor(capsys, files, theirs):
    rows = [row for row in rows_of(capsys, *files) if row["database"] == "all"]
    assert [row["direction"] for row in rows] == ["image->text", "text->image", "image->image", "text->text"]
    for row in rows:
        assert row["low"] < row["expected"] < row["high"]
        assert row["random"] < row["expected"]
        assert (row["metric"], row["ties"], row["empty"], row["bits"]) == ("map@all", "expected", "zero", 12)
        assert (row["queries"], row["items"], row["relevant"], row["empty_queries"]) == (30, 30, 30 * 9, 0)
        assert 0 < row["stable"] <= 1
    image, text, labels = theirs
    assert rows[0]["expected"] == pytest.approx(slow_map(image, text, labels, labels, True), abs=3e-3)


def slow_hit(queries, database, k):
    """Expected hit@k of the item in the same row: its share of the places that are left, among items as near."""
    values = []
    for q, code in enumerate(queries.tolist()):
        distance = [sum(x != y for x, y in zip(code, other, strict=True)) for other in database.tolist()]
        nearer, as_near = (sum(keep(d, distance[q]) for d in distance) for keep in (int.__lt__, int.__eq__))
        values.append(min(max(k - nearer, 0) / as_near, 1))
    return sum(values) / len(values)


def test_partners_are_looked_for_beside_labels_where_nobody_asks_for_a_metric(capsys, files, theirs):
    image, text, _ = theirs
    paired = [row for row in rows_of(capsys, *files) if row["database"] != "all"]
    assert [(row["direction"], row["database"], row["metric"]) for row in paired] == [
        ("image->text", "whole", "hit@10"),
        ("text->image", "whole", "hit@10"),
    ]
    for row, (a, b) in zip(paired, ((image, text), (text, image)), strict=True):
        assert row["expected"] == pytest.approx(slow_hit(a, b, 10))
        assert (row["queries"], row["items"], row["relevant"]) == (30, 30, 30)
        assert row["random"] == pytest.approx(1 / 3)
    assert main(["evaluate", *files]) == 0
    said = capsys.readouterr().err
    assert "relevant: items that share a label; against whole, only the query's own partner" in said
    assert "whole is every item" in said
    for chosen in (["--metric", "map@all"], ["--ties", "stable", "--metric", "hit@10"], ["--fail-under", "map@all=0"]):
        assert {row["database"] for row in rows_of(capsys, *files, *chosen)} == {"all"}


def test_without_labels_partners_are_all_there_is(capsys, files):
    rows = rows_of(capsys, *files[:4])
    assert {(row["database"], row["metric"]) for row in rows} == {("whole", "hit@10")}
    assert "have no labels; add them, or use relevance by pairs" in refused(capsys, *files[:4], "--metric", "map@all")
    assert "have no labels" in refused(capsys, *files[:2])
    np.save("none.npy", np.zeros((30, 3), np.uint8))
    assert rows_of(capsys, *files[:4], "--labels", "none.npy") == rows


def test_conventions_are_said_beside_the_numbers_but_not_in_them(capsys, files):
    assert main(["evaluate", *files]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split("\t")[6:] == ["expected", "low", "high", "stable", "random"]
    for said in ("divided by R", "ties expected", "queries without a relevant item", "95% bootstrap", "random"):
        assert said in err
    assert main(["evaluate", *files, "-q"]) == 0
    assert capsys.readouterr() == (out, "")


def test_metrics_come_under_their_full_names_with_rules_intervals_and_floors(capsys, files):
    names = "map@5,P@3,ndcg@5,radius@2,median-rank"
    rows = rows_of(capsys, *files, "--metric", names, "--metric", "hit@1", "--empty", "skip")
    assert len(rows) == 4 * 6
    by_name = {row["metric"]: row for row in rows if row["direction"] == "text->image"}
    assert list(by_name) == ["map@5/retrieved", "P@3", "NDCG@5", "precision@r<=2", "median-rank", "hit@1"]
    assert {row["empty"] for row in rows} == {"skip"}
    assert by_name["P@3"]["low"] <= by_name["P@3"]["value"] <= by_name["P@3"]["high"]
    assert by_name["P@3"]["random"] == pytest.approx(9 / 29)
    assert by_name["median-rank"]["low"] is None
    assert by_name["precision@r<=2"]["random"] is None
    assert rows_of(capsys, *files, "--metric", "map@all", "--no-interval")[0]["low"] is None


@pytest.mark.parametrize("ties", ["stable", "optimistic", "pessimistic"])
def test_a_tie_rule_changes_the_value_within_its_bounds(capsys, files, ties):
    expected = rows_of(capsys, *files, "--metric", "map@all")[0]["value"]
    value = rows_of(capsys, *files, "--ties", ties)[0]["value"]
    assert value > expected if ties == "optimistic" else value < expected if ties == "pessimistic" else value > 0
    if ties == "stable":
        assert value == rows_of(capsys, *files)[0]["stable"]


def test_a_curve_is_data(capsys, files):
    rows = rows_of(capsys, *files, "--metric", "map@all,pr@radius/micro")
    curve = next(row for row in rows if row["metric"] == "pr@radius/micro")
    assert curve["at"] == list(range(13))
    assert curve["recall"][-1] == 1.0
    assert main(["evaluate", *files, "--metric", "pr@rank"]) == 0
    assert "use --json for their points" in capsys.readouterr().err


def write_as(kind, image, text, labels):
    if kind == "mat5":
        scipy.io.savemat("one.mat", {"qB": image, "rB": text, "L": labels, "K": 12})
    elif kind == "mat73":
        matlab73(Path("one.mat"), qB=image, rB=text, L=labels)
    elif kind == "npz":
        np.savez("one.npz", qB=image > 0, rB=text > 0, L=labels)
    else:
        save_file({"qB": image.astype(np.int8), "rB": text.astype(np.int8), "L": labels}, "one.safetensors")
    name = {"mat5": "one.mat", "mat73": "one.mat"}.get(kind, f"one.{kind}")
    return [f"{name}:qB", f"{name}:rB", f"{name}:L"]


@pytest.mark.parametrize("kind", ["mat5", "mat73", "npz", "safetensors"])
def test_one_file_of_another_tool_holds_queries_database_and_labels(capsys, folder, theirs, kind):
    image, text, labels = theirs
    q, d, common = write_as(kind, image, text, labels)
    argv = ["--queries", q, "--database", d, "--query-labels", common, "--database-labels", common]
    row = rows_of(capsys, *argv)[0]
    assert row["expected"] == pytest.approx(slow_map(image, text, labels, labels, False), abs=3e-3)
    assert row["relevant"] == 30 * 10


def test_queries_and_database_of_different_sizes_packed_and_as_csv(capsys, folder, theirs):
    image, text, labels = theirs
    np.save("q.npy", pack(image[:7]))
    np.savetxt("l.csv", labels[:7], fmt="%d", delimiter=",")
    np.save("d.npy", pack(text))
    np.save("L.npy", labels)
    argv = ["--queries", "q.npy", "--database", "d.npy", "--query-labels", "l.csv", "--database-labels", "L.npy"]
    row = rows_of(capsys, *argv, "--bits", "12")[0]
    assert (row["direction"], row["queries"], row["items"]) == ("q->d", 7, 30)
    assert row["expected"] == pytest.approx(slow_map(image[:7], text, labels[:7], labels, False), abs=6e-3)


def test_pairs_find_the_item_with_the_same_id_and_skip_directions_within_a_modality(capsys, files):
    rows = rows_of(capsys, *files[:4], "--pairs", "--metric", "hit@1,hit@10,median-rank")
    assert {row["direction"] for row in rows} == {"image->text", "text->image"}
    assert {row["relevant_pairs"] for row in rows} == {30}
    values = {row["metric"]: row["value"] for row in rows if row["direction"] == "image->text"}
    assert 0 < values["hit@1"] < values["hit@10"] <= 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rel.json", '{"0": {"0": 1, "1": 2}, "3": ["5"]}'),
        ("rel.tsv", "query-id\tcorpus-id\tscore\n0\t0\t1\n0\t1\t2\n3\t5\t1\n"),
        ("rel.txt", "0 0 0 1\n0 0 1 2\n3 0 5 1\n"),
    ],
)
def test_judgements_take_the_place_of_labels(capsys, files, name, text):
    Path(name).write_text(text)
    rows = rows_of(capsys, *files[:4], "--qrels", name, "--empty", "skip", "--metric", "map@all,ndcg@5")
    across = [row for row in rows if row["direction"] == "image->text"]
    assert {row["relevant_pairs"] for row in across} == {3}
    assert {row["empty_queries"] for row in across} == {28}
    assert {row["metric"] for row in across} == {"map@all", "NDCG@5"}


def test_a_score_that_must_be_reached_decides_the_exit_code(capsys, files):
    assert main(["evaluate", *files, "--fail-under", "map@all=0.1", "--fail-under", "image->image/P@3=0.1"]) == 0
    capsys.readouterr()
    argv = ["evaluate", *files, "--fail-under", "text->image/precision@r<=2=0.999"]
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert "text->image precision@r<=2 is 0." in err
    assert "below 0.999" in err
    assert "precision@r<=2" in out
    assert main(["evaluate", *files, "--fail-under", "map@all=0.99", "-q"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_run_is_also_ranked_by_its_codes_before_the_sign(capsys, two_runs):
    rows = rows_of(capsys, str(two_runs[0]), "--real-valued")
    for row in rows:
        assert 0 < row["real_valued"] <= 1
        # Of few items, 10 may be nearly all.
        assert row["real_valued"] != row["expected"] or row["metric"] == "hit@10"
    assert main(["evaluate", str(two_runs[0]), "--real-valued"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("\treal-valued")
    assert "counts bits" in refused(capsys, str(two_runs[0]), "--real-valued", "--metric", "radius@2")


def test_queries_before_the_sign_are_ranked_against_binary_codes(two_runs, capsys):
    run = Run(Path(two_runs[0]))
    rows = {
        (row["direction"], row["database"], row["metric"]): row["asymmetric"]
        for row in rows_of(capsys, str(two_runs[0]), "--asymmetric")
    }
    codes, real = encode(run, load_data(run.settings().data.path))
    image, text = codes["image"], codes["text"]
    queries = np.flatnonzero(image.parts["query"])
    items = np.flatnonzero(image.parts["database"])
    total = []
    for query in queries:
        score = unpack(text.packed[items], text.bits) @ real["image"][query].astype(np.float64)
        relevant = (image.labels[query] @ text.labels[items].T > 0)[np.argsort(-score, kind="stable")]
        hits = np.flatnonzero(relevant) + 1
        total.append(np.mean(np.arange(1, len(hits) + 1) / hits) if len(hits) else 0.0)
    assert rows["image->text", "all", "map@all"] == pytest.approx(np.mean(total), abs=1e-3)
    assert "real_valued" not in rows_of(capsys, str(two_runs[0]), "--asymmetric")[0]


def test_saved_scores_hold_what_was_found(capsys, files):
    from crossmodal_hash.report.result import read_record

    row = rows_of(capsys, *files, "--save", "theirs.json")[0]
    record = read_record(Path("theirs.json"))
    score = record.score("image->text", "all")
    assert score.result.values["map@all"] == row["expected"]
    assert score.result.per_query["map@all"].mean() == pytest.approx(row["expected"])


def test_extremes_are_scored_one_item_equal_codes_and_1024_bits(capsys, folder):
    rng = np.random.default_rng(0)
    np.save("one.npy", np.ones((1, 8)))
    np.save("flat.npy", np.ones((20, 8)))
    np.save("l1.npy", np.ones((1, 2)))
    np.save("l20.npy", np.eye(2)[np.arange(20) % 2])
    argv = [
        "--queries",
        "flat.npy",
        "--database",
        "one.npy",
        "--query-labels",
        "l20.npy",
        "--database-labels",
        "l1.npy",
    ]
    assert rows_of(capsys, *argv)[0]["expected"] == 1.0
    flat = rows_of(capsys, "--codes", "flat.npy", "--labels", "l20.npy")[0]
    assert flat["expected"] == pytest.approx(flat["random"])
    np.save("long.npy", np.sign(rng.normal(size=(20, 1024))))
    assert rows_of(capsys, "--codes", "long.npy", "--labels", "l20.npy")[0]["bits"] == 1024


def broken(kind, image, text, labels):
    """What is wrong, as files; and what the sentence must say."""
    if kind == "nan":
        image[3, 4] = np.nan
        return "row 3, column 4 holds nan"
    if kind == "zero":
        image[2, 1] = 0
        return "sign(0)"
    if kind == "three values":
        image[1, 0] = 0.5
        return "row 1, column 0 holds 0.5"
    if kind == "transposed labels":
        np.save("labels.npy", labels.T)
        return "transposed"
    if kind == "transposed codes":
        np.save("image.npy", image.T)
        return "does not match the 12 codes; the 30 bits do, so the codes look transposed"
    if kind == "label values":
        np.save("labels.npy", labels * 2.0)
        return "labels are 0 or 1"
    if kind == "no queries":
        np.save("image.npy", image[:0])
        return "0"
    np.save("image.npy", image[:29])
    return "labels have 30 rows, which does not match the 29 codes"


@pytest.mark.parametrize(
    "kind",
    ["nan", "zero", "three values", "transposed labels", "transposed codes", "label values", "no queries", "length"],
)
def test_matrices_that_are_not_codes_or_do_not_fit_are_refused_in_one_sentence(capsys, files, theirs, kind):
    said = broken(kind, *theirs)
    if kind in ("nan", "zero", "three values"):
        np.save("image.npy", theirs[0])
    assert said in refused(capsys, *files)


def write_h5(path, **matrices):
    with h5py.File(path, "w") as file:
        for name, matrix in matrices.items():
            file[name] = matrix


FORMATS = {
    "m.npy": np.save,
    "m.npz": lambda path, matrix: np.savez(path, m=matrix),
    "m.mat": lambda path, matrix: scipy.io.savemat(path, {"m": matrix}),
    "m73.mat": lambda path, matrix: matlab73(Path(path), m=matrix),
    "m.h5": lambda path, matrix: write_h5(path, m=matrix),
    "m.safetensors": lambda path, matrix: save_file({"m": np.ascontiguousarray(matrix)}, path),
    "m.csv": lambda path, matrix: np.savetxt(path, matrix, delimiter=","),
}


@pytest.mark.parametrize("name", FORMATS)
def test_in_every_format_a_matrix_that_cannot_be_scored_is_one_sentence(capsys, files, theirs, name):
    image, _, labels = theirs
    wrong = {
        "row 3, column 4 holds nan": (3, 4, np.nan),
        "row 1, column 0 holds 2": (1, 0, 2),
        "a 0 in row 2, column 1": (2, 1, 0),
    }
    for said, (row, column, value) in wrong.items():
        matrix = image.copy()
        matrix[row, column] = value
        FORMATS[name](name, matrix)
        assert said in refused(capsys, "--codes", name, "--labels", "labels.npy")
    for said, matrix in (
        ("the 30 bits do, so the codes look transposed", image.T),
        ("labels have 30 rows, which does not match the 29 codes", image[:29]),
    ):
        FORMATS[name](name, matrix)
        assert said in refused(capsys, "--codes", name, "--labels", "labels.npy")
    FORMATS[name](name, labels[:0])
    np.save("none.npy", image[:0])
    sides = ["--queries", "none.npy", "--query-labels", name, "--database", "text.npy"]
    said = "m.csv holds no matrix" if name == "m.csv" else "0 queries, 30 database items"
    assert said in refused(capsys, *sides, "--database-labels", "labels.npy")


@pytest.mark.parametrize("name", FORMATS)
def test_in_every_format_extremes_are_scored(capsys, files, theirs, name):
    nothing_shared = np.eye(30)
    FORMATS[name](name, nothing_shared)
    for row in rows_of(capsys, "--codes", "image.npy", "--labels", name):
        assert (row["relevant_pairs"], row["empty_queries"], row["expected"]) == (0, 30, 0.0)
    FORMATS[name](name, np.ones((30, 1024)))
    row = rows_of(capsys, "--codes", name, "--labels", "labels.npy")[0]
    assert (row["bits"], row["expected"]) == (1024, pytest.approx(row["random"]))
    FORMATS[name](name, np.ones((1, 12)))
    np.save("one.npy", np.eye(3)[:1])
    sides = ["--queries", "image.npy", "--query-labels", "labels.npy", "--database", name]
    assert rows_of(capsys, *sides, "--database-labels", "one.npy")[0]["expected"] == pytest.approx(10 / 30)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--metric", "map@al"], "did you mean 'map@all'"),
        (["--ties", "first"], "expected, stable, optimistic, pessimistic"),
        (["--empty", "none"], "zero, skip, one, error"),
        (["--interval", "95"], "between 0 and 1"),
        (["--metric", "wap@5"], "ties stable"),
        (["--metric", "radius@13"], "0..12, not 13"),
        (["--pairs", "--qrels", "x.tsv"], "exclude each other"),
        (["--qrels", "missing.tsv"], "file of judgments missing.tsv does not exist"),
        (["--fail-under", "map@all"], "METRIC=VALUE"),
        (["--fail-under", "median-rank=3"], "smaller"),
        (["--fail-under", "pr@rank=3"], "a curve"),
        (["--fail-under", "image->txt/map@all=0.3"], "did you mean 'image->text'"),
        (["--real-valued"], "needs a run"),
        (["--asymmetric"], "--asymmetric needs a run"),
        (["--queries", "image.npy"], "exclude each other"),
        (["run"], "exclude each other"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(capsys, files, argv, said):
    assert said in refused(capsys, *files, *argv)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\tc\td\te\n", "line 1: 5 columns"),
        ("0\t0\t1\n0\t1\tgood\n", "line 2: the grade 'good'"),
        ("", "holds no judgments"),
        ("a.jpg\tb.jpg\t1\n", "ids do not match: query ids are '0', '1', ..."),
    ],
)
def test_judgements_that_cannot_be_used_are_refused_in_one_sentence(capsys, files, text, said):
    Path("rel.tsv").write_text(text)
    assert said in refused(capsys, *files, "--qrels", "rel.tsv")


def test_a_side_without_its_partner_and_codes_without_labels_are_refused(capsys, files):
    assert "--database is missing" in refused(capsys, "--queries", "image.npy")
    assert "have no labels" in refused(capsys, "--codes", "image.npy")
    assert "two modalities" in refused(capsys, "--codes", "image.npy", "--pairs")
    assert "no matrix 'B'" in refused(capsys, "--codes", "image.npy:B")
    np.save("short.npy", np.load("text.npy")[:, :8])
    sides = ["--queries", "image.npy", "--database", "short.npy", "--labels", "labels.npy"]
    assert "12 bits and the database 8" in refused(capsys, *sides)


@pytest.mark.parametrize("device", [[], ["--device", "cpu"]])
def test_scoring_their_codes_imports_no_torch(files, folder, device):
    code = (
        "import sys; from crossmodal_hash.cli.main import main; code = main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, "evaluate", *files, *device]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_another_device_is_looked_for_and_auto_takes_the_cpu_where_there_is_no_gpu(capsys, files, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert rows_of(capsys, *files, "--device", "auto") == rows_of(capsys, *files)
    assert "device 'cuda:7' is not available" in refused(capsys, *files, "--device", "cuda:7")
    assert "unknown device 'gpu'" in refused(capsys, *files, "--device", "gpu")


def test_a_file_means_the_same_as_data_as_codes_and_as_labels(capsys, folder):
    """Axes as HDF5 has them unless MATLAB says otherwise, whoever reads: for one reader 60 rows were 3."""
    rng = np.random.default_rng(0)
    codes, labels = rng.choice([-1, 1], (60, 8)), np.eye(3, dtype=np.uint8)[rng.integers(0, 3, 60)]
    found = []
    for write, name in ((write_h5, "x.h5"), (write_h5, "X.MAT"), (lambda p, **m: matlab73(Path(p), **m), "x73.mat")):
        write(name, images=codes.astype(float), tags=codes.astype(float), labels=labels)
        codes_and_labels = (
            "--codes",
            f"image={name}:images",
            "--codes",
            f"text={name}:tags",
            "--labels",
            f"{name}:labels",
        )
        found.append([row.get("value") for row in rows_of(capsys, *codes_and_labels)])
        assert main(["data", "check", name, "--json"]) in (0, 1)
        assert '"items": 60' in capsys.readouterr().out
    assert found[0] == found[1] == found[2]
