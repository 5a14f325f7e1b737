"""What benchmarks/bytes.py computes, and what it says about input that it cannot use."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from vectors import vectors

from crossmodal_hash.codes import Codes
from crossmodal_hash.data import Dataset, make_split
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.evaluation import score
from crossmodal_hash.recipes import recipes

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("benchmarks_bytes", BENCHMARKS / "bytes.py")
bench = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = bench
spec.loader.exec_module(bench)

HAS_FAISS = importlib.util.find_spec("faiss") is not None


def embedded(rows=160, width=16):
    rng = np.random.default_rng(0)
    common = rng.normal(size=(rows, width))
    return {name: (common + 0.3 * rng.normal(size=common.shape)).astype(np.float32) for name in ("image", "text")}


@pytest.fixture
def file(tmp_path):
    x = embedded()
    np.savez(tmp_path / "vectors.npz", images=x["image"], tags=x["text"])
    return tmp_path / "vectors.npz"


def grid(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return ["--grid", str(path), "--out", str(tmp_path / "out")]


def test_hits_are_those_of_every_order_of_the_tied_items():
    rng = np.random.default_rng(0)
    queries, items = rng.integers(-1, 2, (20, 4)), rng.integers(-1, 2, (30, 4))
    partner = rng.integers(0, 30, 20)
    for query, own, found in zip(queries, partner, bench.hits(queries, items, partner, first=5), strict=True):
        products = [sum(a * b for a, b in zip(query.tolist(), item, strict=True)) for item in items.tolist()]
        before = sum(p > products[own] for p in products)
        level = sum(p == products[own] for p in products)
        places = [before + i < 5 for i in range(level)]  # each is as likely
        assert found == pytest.approx(sum(places) / level)


def test_codes_are_scored_as_chash_evaluate_scores_them_among_untrained_items():
    x, split = embedded(), make_split(160, query=40, train=60, seed=1)
    ids = list(map(str, range(160)))
    parts = {part: np.isin(np.arange(160), getattr(split, part)) for part in ("query", "train", "validation")}
    parts["database"] = ~parts["query"]
    codes = {m: Codes(np.packbits(u >= 0, axis=1, bitorder="little"), 16, ids, m, parts=parts) for m, u in x.items()}
    wanted = {
        s.direction: s.result.values["hit@10"]
        for s in score(codes, ["hit@10"], relevant="pairs")
        if s.database == "untrained"
    }
    real = {
        s.direction: s.result.values["hit@10"]
        for s in score(codes, ["hit@10"], relevant="pairs", real=x)
        if s.database == "untrained"
    }
    found = bench.scored(bench.Shortened(x, bench.signs(x)), split, ["code"])
    assert found["code"] == pytest.approx(wanted)
    assert bench.scored(bench.Shortened(x, x), split, ["real"])["real"] == pytest.approx(real)


def test_float16_keeps_half_as_many_components_as_bytes():
    x, train = embedded(), np.arange(100)
    short = bench.float16(x, train, 8)
    assert {m: u.shape for m, u in short.code.items()} == dict.fromkeys(x, (160, 4))
    np.testing.assert_allclose(short.code["text"], short.real["text"], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(short.real["image"], axis=1), 1)
    assert bench.float16(x, train, 64).code["image"].shape == (160, 16)


@pytest.mark.skipif(not HAS_FAISS, reason="faiss is not installed")
@pytest.mark.parametrize("size", [2, 3])
def test_product_quantization_stores_the_nearest_of_256_centers_for_each_byte(size):
    x = embedded(rows=600)
    for optimized in (False, True):
        short = bench.product_quantization(x, np.arange(500), size, optimized=optimized)
        columns = short.code["image"].shape[1] // size
        for part in range(size):
            block = {m: u[:, part * columns : (part + 1) * columns] for m, u in short.code.items()}
            centers = np.unique(np.concatenate(list(block.values())), axis=0)
            assert len(centers) <= 256
            for m, u in short.real.items():
                own = u[:, part * columns : (part + 1) * columns]
                nearest = ((own[:, None] - centers[None]) ** 2).sum(2).min(1)
                np.testing.assert_allclose(((own - block[m]) ** 2).sum(1), nearest, atol=1e-4)


def test_the_shipped_grid_names_recipes_and_methods_that_exist():
    shipped = bench.read_grid(bench.GRID)
    assert shipped.bytes == [4, 8, 16, 32, 64]
    assert set(shipped.methods) - {"float16", *bench.SHALLOW, *bench.FAISS} <= set(recipes())
    assert {shipped.embedding.recipe, *shipped.trained} <= set(recipes())


def test_embedded_vectors_are_compared_in_one_table_with_a_picture(file, tmp_path, capsys):
    argv = [str(file), "--embedded", "--query", "30", "--train", "80"]
    more = grid(tmp_path, 'methods = ["float16", "sign", "pca", "itq"]\nbytes = [1, 2]\nseeds = [0, 1]')
    assert bench.main([*argv, *more]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "hit@10, image->text / text->image, mean of 2 seeds"
    assert lines[2] == "| codes | query | 1 bytes | 2 bytes |"
    assert [line.split(" | ")[:2] for line in lines[4:12]] == [
        [f"| `{name}`", query] for name in ("float16", "sign", "pca", "itq") for query in ("real", "code")
    ]
    assert lines[-1].startswith("the embedding, 16 x float32 (64 bytes): ")
    rows = json.loads((tmp_path / "out" / "bytes.json").read_text())
    assert all(len(row["hit@10"]) == 2 and all(0 <= value <= 1 for value in row["hit@10"]) for row in rows)
    whole = [row for row in rows if row["bytes"] == 64]
    short = [row for row in rows if row["bytes"] == 1]
    assert min(np.mean(row["hit@10"]) for row in whole) > max(np.mean(row["hit@10"]) for row in short)
    assert "<svg" in (tmp_path / "out" / "bytes.svg").read_text()


def test_an_embedding_is_learned_and_finished_runs_are_used_again(tmp_path, capsys):
    quick = '["train.epochs=2", "train.batch=32"]'
    text = (
        f'methods = ["itq", "asymmetric"]\nbytes = [1]\nseeds = [0]\n'
        f"[embedding]\nbits = 12\nsets = {quick}\n[trained]\nasymmetric = {quick}"
    )
    grid_, data = bench.read_grid(Path(grid(tmp_path, text)[1])), vectors()
    sizes, out = ["data.query=30", "data.train=100"], tmp_path / "out"
    table = bench.compare(grid_, data, sizes, out, embedded=False)
    assert set(table) == {
        ("the embedding, 12 x float32", "real"), *((m, q) for m in ("itq", "asymmetric") for q in ("real", "code"))
    }  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == ["asymmetric-8-seed0", "embedding-seed0"]
    capsys.readouterr()
    assert bench.compare(grid_, data, sizes, out, embedded=False) == table
    assert capsys.readouterr().err == ""


def test_without_faiss_its_rows_are_left_out_aloud(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    more = grid(tmp_path, 'methods = ["sign", "pq", "opq"]\nbytes = [1]\nseeds = [0]')
    assert bench.main([str(file), "--embedded", *more]) == 0
    out = capsys.readouterr().out
    assert "pq and opq are left out, because faiss is not installed: pip install 'crossmodal-hash[faiss]'" in out
    assert "`pq`" not in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('methods = ["nothing"]\nbytes = [1]', "unknown recipe 'nothing'"),
        ("methods = []", "methods"),
        ('methods = ["sign"]\nqueries = ["reel"]', "queries"),
        ('methods = ["sign"]\nbits = [8]', "unknown setting 'bits'"),
        ("methods = [", "grid.toml"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(text, said, file, tmp_path, capsys):
    assert bench.main([str(file), "--embedded", *grid(tmp_path, text)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_vectors_of_different_widths_are_no_embedding(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", images=np.ones((50, 4), np.float32), tags=np.ones((50, 5), np.float32))
    more = grid(tmp_path, 'methods = ["sign"]')
    assert bench.main([str(tmp_path / "x.npz"), "--embedded", *more]) == 2
    assert "their widths differ (image 4, text 5)" in capsys.readouterr().err


def test_pictures_are_no_vectors(tiny, tmp_path, capsys):
    assert bench.main([str(tiny), "--embedded", *grid(tmp_path, 'methods = ["sign"]')]) == 2
    assert "has no vectors for image, text; give matrices, or leave --embedded out" in capsys.readouterr().err


def test_several_texts_an_item_are_refused(tmp_path):
    from crossmodal_hash.data import Captions, Matrix, Texts

    many = Dataset("many", ("a", "b"), {"image": Matrix(np.ones((2, 3), np.float32)),
                                        "text": Captions(Texts(("x", "y", "z")), np.array([2, 1]))})  # fmt: skip
    with pytest.raises(bench.DataError, match="several texts an item"):
        bench.compare(bench.read_grid(bench.GRID), many, [], tmp_path, embedded=True)


def test_a_grid_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        bench.read_grid(tmp_path / "none.toml")
