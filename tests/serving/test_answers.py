"""What a server answers is what the commands answer."""

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from asking import ask, running, search, upload
from PIL import Image

from crossmodal_hash.cli.main import main
from crossmodal_hash.codes import load
from crossmodal_hash.serving import schema

TEXTS = ["red thing", "blue", "a green thing of number3", "nothing that was read before", "ü 漢 🚲", "thing\nred"]


def told(capsys, *argv):
    capsys.readouterr()
    assert main(["search", *map(str, argv), "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)


def plain(answer):
    return [{key: hit[key] for key in ("item", "distance", "text")} for hit in answer["results"]]


def test_texts_find_what_chash_search_finds_alone_and_together(port, served, capsys):
    expected = told(capsys, served, *(x for text in TEXTS for x in ("--text", text)), "-k", 36)
    for text, each in zip(TEXTS, expected, strict=True):
        status, answer = search(port, text=text, k=36)
        assert status == 200
        assert plain(answer) == each["results"]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda text: search(port, text=text, k=36)[1], TEXTS * 8))
    assert [plain(answer) for answer in together] == [each["results"] for each in expected] * 8
    # Many of them shared a forward pass.
    said = ask(port, "GET", "/metrics")[2].decode()
    count, total = (float(re.search(rf"^chash_batch_queries_{x} (\S+)", said, re.M)[1]) for x in ("count", "sum"))
    assert total > count


def test_a_picture_finds_what_chash_search_finds(port, served, tmp_path, capsys):
    for name, color in (("p.png", (200, 40, 40)), ("p.jpg", (30, 60, 220))):
        Image.new("RGB", (100, 70), color).save(tmp_path / name)
        (expected,) = told(capsys, served, "--images", tmp_path / name, "-k", 9, "--radius", 8)
        content = (tmp_path / name).read_bytes()
        status, answer = upload(port, ("picture", content), ("k", "9"), ("radius", "8"))
        assert status == 200
        assert plain(answer) == expected["results"]
        assert answer["modality"] == "text"
        assert answer["query"] is None


def test_an_index_is_searched_in_place_of_the_codes_of_the_run(served, parts, tmp_path, capsys):
    from crossmodal_hash.opening.index import open_index
    from crossmodal_hash.serving.app import make_app
    from crossmodal_hash.serving.hosts import Hosts
    from crossmodal_hash.serving.library import Library

    assert main(["index", "build", str(served), "--out", str(tmp_path / "i"), "-q"]) == 0
    assert main(["index", "remove", str(tmp_path / "i"), "images/05.png", "-q"]) == 0
    (expected,) = told(capsys, served, "--index", tmp_path / "i", "--text", "red", "-k", 40)
    index = open_index(str(tmp_path / "i"))
    library = Library("toys", {"image": index}, parts[0].dataset)
    with running(make_app(library, parts[1], Hosts("127.0.0.1"))) as port:
        assert plain(search(port, text="red", k=40)[1]) == expected["results"]
        # An item of the data that is not in the index is not there, and its picture is not either.
        for target in ("/items/images%2F05.png", "/pictures/images%2F05.png"):
            assert ask(port, "GET", target)[0] == 404
        assert search(port, item="images/05.png")[0] == 404
        assert ask(port, "GET", "/pictures/images%2F06.png")[0] == 200


@pytest.mark.parametrize("engine", ["scan", "faiss,kind=hnsw"])
def test_many_ask_an_index_at_once_and_each_has_its_own_answer(engine, served, parts, tmp_path, capsys):
    from crossmodal_hash.opening.index import open_index
    from crossmodal_hash.serving.app import make_app
    from crossmodal_hash.serving.hosts import Hosts
    from crossmodal_hash.serving.library import Library

    if "faiss" in engine:
        pytest.importorskip("faiss", reason="faiss is not installed; pip install faiss-cpu")
    where = str(tmp_path / "i")
    assert main(["index", "build", str(served), "--out", where, "--engine", engine, "-q"]) == 0
    asked = [f"{color} thing number{i}" for color in ("red", "green", "blue") for i in range(5)] * 4
    texts = [option for text in asked[:15] for option in ("--text", text)]
    expected = {each["query"]: each["results"] for each in told(capsys, served, "--index", where, *texts, "-k", 7)}
    with open_index(where) as index:
        library = Library("toys", {"image": index}, parts[0].dataset)
        with running(make_app(library, parts[1], Hosts("127.0.0.1"))) as port, ThreadPoolExecutor(12) as pool:
            found = list(pool.map(lambda text: search(port, text=text, k=7), asked))
    assert [status for status, _ in found] == [200] * len(asked)
    for text, (_, answer) in zip(asked, found, strict=True):
        assert [hit["distance"] for hit in plain(answer)] == [hit["distance"] for hit in expected[text]], text


def test_an_item_and_its_code_find_their_neighbors_by_distance(port, served):
    codes = load(f"{served}/codes/image.safetensors")
    for item in codes.ids[:6].tolist():
        status, answer = search(port, item=item, k=36)
        distances = [hit["distance"] for hit in answer["results"]]
        assert status == 200
        assert distances == sorted(distances)
        assert item in [hit["item"] for hit in answer["results"] if hit["distance"] == 0]
        assert plain(search(port, code=answer["code"], k=36)[1]) == plain(answer)
        assert search(port, item=item, modality="text")[1]["modality"] == "text"


def test_a_radius_and_k_leave_out_the_rest(port):
    every = search(port, text="red", k=36)[1]["results"]
    near = search(port, text="red", k=36, radius=every[0]["distance"])[1]["results"]
    assert near == [hit for hit in every if hit["distance"] <= every[0]["distance"]]
    assert search(port, text="red", k=3)[1]["results"] == every[:3]


def test_every_item_and_picture_is_found_by_the_link_that_its_result_has(port, parts, drawn):
    for hit in search(port, text="thing", k=36)[1]["results"]:
        status, headers, body = ask(port, "GET", hit["picture"])
        assert (status, headers["content-type"]) == (200, "image/webp")
        with Image.open(io.BytesIO(body)) as image:
            assert image.size == (32, 48)
        status, _, body = ask(port, "GET", f"/items/{quote(hit['item'], safe='')}")
        item = schema.Item.model_validate_json(body)
        assert (item.item, item.text, item.labels) == (hit["item"], hit["text"], hit["labels"])
        assert set(item.codes) == {"image", "text"}


def test_answers_are_what_the_document_says(port):
    document = json.loads(ask(port, "GET", "/openapi.json")[2])
    schema.Answer.model_validate(search(port, text="red")[1])
    schema.Error.model_validate(search(port, text="")[1])
    schema.About.model_validate_json(ask(port, "GET", "/about")[2])
    schema.Health.model_validate_json(ask(port, "GET", "/healthz")[2])
    assert document["openapi"] == "3.1.0"
    assert set(document["components"]["schemas"]) == {"Question", "Answer", "Hit", "Item", "About", "Health", "Error"}
    for reference in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in ("get", "post"):
            status = ask(port, method.upper(), path.replace("{id}", "images%2F07.png"))[0]
            assert (status == 405) == (method not in methods), path


def test_every_request_is_counted_under_a_route_that_exists(port):
    for target in ("/healthz", "/items/1", "/items/2", "/nowhere", "/nowhere/else"):
        ask(port, "GET", target)
    said = ask(port, "GET", "/metrics")[2].decode()
    routes = set(re.findall(r'chash_requests_total\{route="([^"]+)"', said))
    assert {"/healthz", "/items", "other"} <= routes
    assert not {"/nowhere", "/items/1"} & routes


def test_every_answer_forbids_what_the_page_does_not_need(port):
    for target in ("/", "/page.js", "/about", "/pictures/images%2F07.png", "/nowhere"):
        headers = ask(port, "GET", target)[1]
        assert headers["content-security-policy"].startswith("default-src 'self';"), target
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_the_page_names_no_other_host_and_makes_no_html(port):
    page, style, script = (ask(port, "GET", f"/{name}")[2].decode() for name in ("", "page.css", "page.js"))
    for text in (page, style, script):
        assert not re.search(
            r"https?://|url\(|@import|\beval\b|innerHTML|outerHTML|insertAdjacent|document\.write", text
        )
    assert not re.search(r"<[^>]+\s(on\w+|style)=", page)


def test_ids_that_are_no_unicode_are_items_too(parts):
    """As names of files may be; on disks of Linux they are any bytes."""
    import numpy as np

    from crossmodal_hash.codes import Codes
    from crossmodal_hash.engines.in_memory import InMemory
    from crossmodal_hash.serving.app import make_app
    from crossmodal_hash.serving.hosts import Hosts
    from crossmodal_hash.serving.library import Library

    codes = Codes(np.array([[1, 2, 3]], np.uint8), 20, np.array(["\udcff.png"]), "image")
    library = Library("odd", {"image": InMemory(codes)}, None)
    with running(make_app(library, parts[1], Hosts("127.0.0.1"))) as port:
        status, answer = search(port, text="red")
        assert status == 200
        assert answer["results"] == [
            {"item": "\udcff.png", "distance": answer["results"][0]["distance"], "text": None, "labels": [],
             "picture": None}
        ]  # fmt: skip
        assert ask(port, "GET", "/items/%ED%B3%BF.png")[0] == 200
        assert ask(port, "GET", "/pictures/%ED%B3%BF.png")[0] == 404


@pytest.mark.parametrize("kept", [10**6, 200])
def test_pictures_are_kept_in_memory_within_a_bound(parts, kept):
    from crossmodal_hash.serving.thumbnails import Thumbnails

    thumbnails = Thumbnails(parts[0], kept)
    ids = parts[0].dataset.ids
    made = [thumbnails.get(item) for item in (*ids, *ids)]
    assert made[: len(ids)] == made[len(ids) :]
    assert thumbnails.size <= kept
    assert thumbnails.hits == (len(ids) if kept > 10**5 else 0)


def test_a_thumbnail_has_pixels_and_nothing_else():
    from crossmodal_hash.serving.thumbnails import shrink

    image = Image.new("RGB", (800, 400), (10, 20, 30))
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, comment=b"secret", icc_profile=b"x" * 200)
    made = shrink(Image.open(file))
    with Image.open(io.BytesIO(made)) as small:
        assert small.size == (360, 180)
        assert not small.getexif()
        assert "icc_profile" not in small.info
    assert b"where I live" not in made
