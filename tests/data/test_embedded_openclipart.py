"""The embedded data set keeps its promises, and the tool that builds it keeps its rules."""

import importlib.util
import io
import json
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "crossmodal_hash" / "data" / "embedded" / "openclipart.zip"
TOOL = ROOT / "tools" / "build_openclipart.py"


@pytest.fixture(scope="module")
def archive():
    with zipfile.ZipFile(ARCHIVE) as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(archive):
    return [json.loads(line) for line in archive.read("metadata.jsonl").decode().splitlines()]


@pytest.fixture(scope="module")
def labels(archive):
    return archive.read("labels.txt").decode().splitlines()


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_openclipart", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def drawing(tool):
    def make(**fields):
        plain = {"path": "animals/x.svg", "folders": ("animals",), "title": "", "description": "", "keywords": ()}
        return tool.Drawing(**plain | {"licence": "PublicDomain", "creator": ""} | fields)

    return make


def has_word(word, text):
    return re.search(rf"\b{word}s?\b", text, re.IGNORECASE) is not None


def test_the_archive_is_at_most_8_mb_and_brings_its_licence(archive):
    assert ARCHIVE.stat().st_size <= 8_000_000
    assert "public domain" in archive.read("LICENSE").decode()
    assert "openclipart-svg" in archive.read("README").decode()


def test_members_are_stored_sorted_and_share_one_time_so_that_a_rebuild_gives_the_same_bytes(archive):
    members = archive.infolist()
    assert [m.filename for m in members] == sorted(m.filename for m in members)
    assert {m.compress_type for m in members} == {zipfile.ZIP_STORED}
    assert {m.date_time for m in members} == {(1980, 1, 1, 0, 0, 0)}


def test_every_row_names_one_picture_and_every_picture_has_one_row(archive, rows):
    named = Counter(row["file_name"] for row in rows)
    assert set(named.values()) == {1}
    assert set(named) == {name for name in archive.namelist() if name.startswith("images/")}
    assert len(rows) >= 3_400


def test_every_picture_opens_is_colour_and_is_at_most_160_pixels(archive, rows):
    for row in rows:
        with Image.open(io.BytesIO(archive.read(row["file_name"]))) as picture:
            assert (picture.format, picture.mode) == ("WEBP", "RGB")
            assert max(picture.size) <= 160


def test_a_sample_of_pictures_decodes_and_is_not_blank(archive, rows):
    for row in rows[::40]:
        picture = Image.open(io.BytesIO(archive.read(row["file_name"]))).convert("L")
        darkest, _ = picture.getextrema()
        assert darkest < 250, row["file_name"]


def test_every_text_is_a_clean_line_with_letters_in_it(rows):
    for row in rows:
        text = row["text"]
        assert text == " ".join(text.split())
        assert sum(c.isalpha() for c in text) >= 2, row
        assert not re.search(r"https?:|www\.|@|_|hash\(|<[a-z]", text, re.IGNORECASE), text


def test_every_row_has_known_labels_in_class_order_without_repeats(rows, labels):
    assert len(set(labels)) == len(labels)
    for row in rows:
        places = [labels.index(label) for label in row["labels"]]
        assert places
        assert places == sorted(set(places))


def test_no_label_is_tiny_and_none_dominates(rows, labels):
    counts = Counter(label for row in rows for label in row["labels"])
    assert 25 <= len(labels) <= 30
    assert min(counts[label] for label in labels) >= 40
    assert max(counts.values()) <= len(rows) / 5
    assert 1.3 <= counts.total() / len(rows) <= 1.8


def test_a_random_ranking_is_right_between_one_time_in_ten_and_one_in_four(rows):
    related = total = 0
    sample = [frozenset(row["labels"]) for row in rows[::7]]
    for i, a in enumerate(sample):
        for b in sample[:i]:
            related += not a.isdisjoint(b)
            total += 1
    assert 0.10 <= related / total <= 0.25


def test_texts_seldom_say_their_label_because_keywords_that_gave_it_are_gone(rows):
    """An arrow is called an arrow by its author, so that label is left out of the bound."""
    told = [any(has_word(label, row["text"]) for label in row["labels"] if label != "arrow") for row in rows]
    assert sum(told) / len(rows) < 0.08


def test_words_that_only_the_library_used_as_keywords_are_in_no_text(rows):
    for word in ("mapsym", "usholiday", "signalflag", "united nations member", "unsorted"):
        assert not [row["text"] for row in rows if has_word(word, row["text"])]


def test_the_class_order_is_the_table_of_the_tool(tool, labels):
    assert labels == list(tool.LABELS)


def test_keywords_lose_labels_and_their_sources_but_titles_keep_them(tool, drawing):
    leaks = tool.leaking_words()
    bird = drawing(title="Bird on a wire", keywords=("animal", "animals", "bird", "telegraph", "insects"))
    assert tool.compose_text(bird, leaks) == "Bird on a wire. telegraph"
    assert tool.honest_keywords(["usholiday", "hash(0x1)", "0xa1", "me@home.org", "harvest"], leaks) == ["harvest"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": "heart-ballons"}, "heart ballons"),
        ({"title": "Elefante02"}, "Elefante"),
        ({"title": "Clipart by Steve Hall - United States - Alabama"}, "United States - Alabama"),
        ({"title": "Various Cliparts", "path": "x/MatieresToxiques.svg"}, "Matieres Toxiques"),
        ({"title": "", "path": "x/toy_boat_nicu_bucul_01.svg", "creator": "Nicu Buculei"}, "toy boat"),
        ({"title": "ralf@ark.example", "path": "x/sheep-md-v0.1.svg"}, "sheep"),
        ({"title": "card", "path": "x/white_h_q.svg"}, "playing card, queen of hearts"),
    ],
)
def test_titles_read_as_a_person_would_say_them(tool, drawing, fields, expected):
    assert tool.clean_title(drawing(**fields)) == expected


def test_descriptions_lose_markup_addresses_and_notices(tool):
    assert tool.clean_description("A <b>red</b> hat. Made with Sodipodi.") == "A red hat."
    assert tool.clean_description("someone@example.org") == ""
    assert len(tool.clean_description("word " * 200)) <= tool.LONGEST_DESCRIPTION


def test_a_folder_veto_beats_a_keyword(tool):
    assert tool.derive_labels(["geography", "signs_and_symbols/flags/europe"], ["map"]) == ("geography",)


def test_broken_svg_and_nested_entities_are_refused(tool):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'
    assert tool.parse_drawing(b"<svg><metadata>", "x.svg", ()) is None
    assert tool.parse_drawing(b"<svg/>", "x.svg", ()) is None
    assert tool.parse_drawing(bomb, "x.svg", ()) is None


def test_related_pairs_are_counted_without_an_item_and_itself(tool):
    items = [tool.Item(f"{i}", "text", labels, b"") for i, labels in enumerate([("a",), ("a", "b"), ("c",)])]
    assert tool.share_of_related_pairs(items) == pytest.approx(2 / 6)
