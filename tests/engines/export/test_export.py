"""Exported indices, each opened with the library it is for."""

import importlib.util
import json

import numpy as np
import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import distances, unpack
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.export import folder
from crossmodal_hash.engines.export.folder import PROGRAMS, export
from crossmodal_hash.engines.scan import Scan
from crossmodal_hash.errors import CodesError, SettingsError

N = 150


def needs(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


def draw(n, bits, seed=0):
    return np.packbits(np.random.default_rng(seed).integers(0, 2, (n, bits)), axis=1, bitorder="little")


@pytest.fixture(params=[20, 64])
def index(request, tmp_path):
    """With removed codes, several segments, and ids of two codes."""
    made = Scan().create(str(tmp_path / "index"), Content(request.param, "image"))
    made.add([f"item {i // 2}" for i in range(100)], draw(100, request.param))
    made.add([f"é {i}" for i in range(80)], draw(80, request.param, 1))
    made.remove([f"é {i}" for i in range(10, 30)] + ["item 3"])
    made.add(["\udc80"], draw(1, request.param, 2))
    made.add(["last"], draw(1, request.param, 3))
    assert len(made.store.segments) > 1
    return made


def exported(index, to, tmp_path):
    """The folder, and what each row of it is: id and number, as a scan would name them."""
    out = tmp_path / "out"
    export(str(index.store.folder), to, out)
    return out, [tuple(json.loads(line).values()) for line in (out / "ids.jsonl").read_text().splitlines()]


def check(index, names, queries, rows, found):
    """The same distances as a scan's, true ones, and the same items but for those at the last distance."""
    assert len(names) == len(index) == len(set(names))
    for query, hits, row, distance in zip(queries, index.search(queries, 10), rows, found, strict=True):
        assert distance.tolist() == hits.distances.tolist()
        codes = np.stack([index.codes_of(item)[number] for item, number in (names[i] for i in row)])
        assert distances(query[None], codes, index.content.bits)[0].tolist() == distance.tolist()
        nearer = hits.distances < hits.distances[-1]
        expected = set(zip(hits.ids[nearer].tolist(), hits.numbers[nearer].tolist(), strict=True))
        assert {names[i] for i, d in zip(row, distance, strict=True) if d < distance[-1]} == expected


@needs("faiss")
def test_faiss_finds_the_same_in_its_file(index, tmp_path):
    import faiss

    out, names = exported(index, "faiss", tmp_path)
    queries = draw(20, index.content.bits, 9)
    found, rows = faiss.read_index_binary(str(out / "codes.faiss")).search(queries, 10)
    check(index, names, queries, rows, found)


@needs("usearch")
def test_usearch_finds_the_same_in_its_file(index, tmp_path):
    from usearch.index import Index

    out, names = exported(index, "usearch", tmp_path)
    queries = draw(20, index.content.bits, 9)
    opened = Index.restore(str(out / "codes.usearch"), view=True)
    found = opened.search(queries, 10, exact=True)
    check(index, names, queries, found.keys, found.distances.astype(int))
    assert (opened.search(queries, 10).distances[:, 0] == found.distances[:, 0]).mean() > 0.8, "through its graph"


@needs("qdrant_client")
@pytest.mark.filterwarnings("ignore:Payload indexes")
def test_qdrant_finds_the_same_in_what_is_uploaded(index, tmp_path):
    from qdrant_client import QdrantClient, models

    out, names = exported(index, "qdrant", tmp_path)
    bits = index.content.bits
    collection = json.loads((out / "collection.json").read_text())
    request = models.CreateCollection(**collection)
    assert request.model_dump(mode="json", exclude_none=True) == collection, "nothing that Qdrant does not know"
    client = QdrantClient(":memory:")
    client.create_collection("codes", vectors_config=request.vectors, quantization_config=request.quantization_config)
    vectors = np.load(out / "vectors.npy", mmap_mode="r")
    assert set(np.unique(vectors)) == {-1, 1}
    with (out / "ids.jsonl").open() as lines:
        client.upload_collection("codes", vectors, payload=map(json.loads, lines), ids=range(len(vectors)))
    queries, rows, found = draw(20, bits, 9), [], []
    for query in unpack(queries, bits).astype(float).tolist():
        points = client.query_points("codes", query=query, limit=10).points
        assert [tuple(point.payload.values()) for point in points] == [names[point.id] for point in points]
        rows.append([point.id for point in points])
        found.append(np.array([(bits - point.score) / 2 for point in points]).astype(int))
    check(index, names, queries, rows, found)


def test_what_cannot_be_exported_is_said_and_leaves_nothing(index, tmp_path, monkeypatch):
    where, out = str(index.store.folder), tmp_path / "out"
    empty = str(Scan().create(str(tmp_path / "empty"), index.content).store.folder)
    for arguments, error, message in [
        ((where, "fais", out), SettingsError, "did you mean 'faiss'"),
        (("redis://host/a", "faiss", out), CodesError, "is on a server; export an index in a folder"),
        ((empty, "faiss", out), CodesError, "holds no codes"),
        ((str(tmp_path / "none"), "faiss", out), CodesError, "is not an index"),
        ((where, "faiss", tmp_path / "index"), CodesError, "already exists"),
    ]:
        with pytest.raises(error, match=message):
            export(*arguments)
    before = set(tmp_path.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "_write_ids", full)
    with pytest.raises(CodesError, match=r"No space left on device.*; nothing was written"):
        export(where, "qdrant", out)
    monkeypatch.undo()

    def missing(name):
        raise ModuleNotFoundError(name)

    for name, library in [("faiss", "faiss"), ("usearch", "usearch")]:
        module = importlib.import_module(f"crossmodal_hash.engines.{'' if name == 'faiss' else 'export.'}{name}")
        importlib.import_module(f"crossmodal_hash.engines.export.{name}")
        with monkeypatch.context() as patch:
            patch.setattr(folder.importlib, "import_module", lambda path: __import__(path, fromlist=["write"]))
            patch.setattr(module, "importlib", type("Missing", (), {"import_module": staticmethod(missing)}))
            with pytest.raises(CodesError, match=f"install it: pip install '?.*{library}"):
                export(where, name, out)
    assert set(tmp_path.iterdir()) == before


def test_the_command_says_what_it_wrote(index, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["index", "export", str(index.store.folder), "--to", "qdrant", "--out", str(out), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in out.iterdir()) == written["files"]
    assert main(["index", "export", str(index.store.folder), "--to", "milvus", "--out", str(tmp_path / "x")]) == 2
    assert "milvus" in capsys.readouterr().err
    assert PROGRAMS == ("faiss", "usearch", "qdrant")
