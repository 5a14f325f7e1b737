"""`chash report` through `main(argv)`, and its page in a real browser."""

import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.cli.main import main

CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory, two_runs):
    """The report of two runs, with its figures beside it."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        argv = [*map(str, two_runs), "--out", str(folder / "r.html"), "--figures", str(folder / "figures"), "-q"]
        assert main(["report", *argv, "--examples", "2"]) == 0
    return folder / "r.html"


class Elements(html.parser.HTMLParser):
    """Tags with their attributes, and whether every opened one is closed."""

    EMPTY = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_the_page_is_whole_and_asks_for_nothing(page):
    text = page.read_text(encoding="utf-8")
    elements = Elements(text)
    assert elements.open == []
    assert elements.all("script") == []
    for _, attributes in elements.found:
        for key in ("src", "href", "xlink:href", "srcset", "data"):
            assert (attributes.get(key) or "#").startswith(("#", "data:"))
    assert not re.search(r"url\((?!#)|@import", text)


def test_every_picture_has_words_and_every_place_that_scrolls_can_be_reached_by_key(page):
    elements = Elements(page.read_text(encoding="utf-8"))
    images = elements.all("img")
    assert len(images) >= 4 * 2
    assert all(image["alt"] for image in images)
    assert all(len(figure["aria-label"]) > 30 for figure in elements.all("figure"))
    scrolling = [a for _, a in elements.found if a.get("class") in ("scroll", "row")]
    assert scrolling
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolling)
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in elements.all("a")} <= set(ids)


def test_tables_hold_the_scores_that_evaluate_prints(page, two_runs, capsys):
    assert main(["evaluate", str(two_runs[0]), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    text = page.read_text(encoding="utf-8")
    for key in ("expected", "low", "high", "random"):
        assert f"{row[key]:.4f}</td>" in text
    for said in ("Side by side", "divided by R", "ties expected", "rule zero", "worst 1", "best 2", "✓ relevant"):
        assert said in text
    for title in ("Precision and recall, image to text", "Precision at N, text to image", "Score by code length",
                  "Losses in training", "Balance of the bits, image", "Correlation of the bits, text"):  # fmt: skip
        assert title in text


def test_figures_lie_beside_the_page(page):
    names = {path.name for path in (page.parent / "figures").iterdir()}
    assert {"map-by-bits.png", "map-by-bits.svg", "pr-image-to-text.png", "losses.svg"} <= names
    assert len(names) % 2 == 0


@pytest.mark.slow
def test_one_run_without_its_data_still_has_its_scores(two_runs, tmp_path, monkeypatch, capsys):
    from crossmodal_hash.errors import DataError

    def gone(*args, **options):
        raise DataError("tiny.zip does not exist; bring it back")

    monkeypatch.setattr("crossmodal_hash.opening.open.load_data", gone)
    out = tmp_path / "one.html"
    assert main(["report", str(two_runs[0]), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": str(out), "figures": []}
    text = out.read_text(encoding="utf-8")
    assert "cannot be shown: tiny.zip does not exist" in text
    assert "Score by code length" not in text
    assert "Scores of bits16" in text


def test_what_cannot_be_reported_is_refused_in_one_sentence(two_runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = str(two_runs[0])
    for argv, said in (
        ([], "no run under"),
        (["nowhere"], "does not exist"),
        ([one, one], "named twice"),
        ([one, "--out", str(tmp_path)], "is a folder"),
        ([one, "--interval", "0"], "between 0 and 1"),
        ([one, "--examples", "-1"], "0 or more"),
        ([one, "--data", "missing.zip"], "missing.zip"),
    ):
        assert main(["report", *argv]) == 2, argv
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def browser(tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium on PATH, so the page was not opened in a browser")

    def run(page: Path, *options: str):
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        return subprocess.run(
            [*CHROMIUM, profile, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )

    return run


@pytest.mark.slow
def test_a_browser_shows_every_section_without_an_error(page, browser):
    done = browser(page, "--dump-dom")
    for name in ("scores", "curves", "lengths", "training", "bits", "gallery", "conventions"):
        assert f'<section id="{name}"' in done.stdout
    assert done.stdout.count("<svg") == page.read_text(encoding="utf-8").count("<svg")
    assert "CONSOLE" not in done.stderr


@pytest.mark.slow
def test_a_browser_would_refuse_a_request_and_say_so(page, browser, tmp_path):
    # The page forbids every request itself; this shows that the absence of errors above means something.
    probe = tmp_path / "probe.html"
    outside = '<img src="https://example.invalid/a.png" alt="outside"></body>'
    probe.write_text(page.read_text(encoding="utf-8").replace("</body>", outside), encoding="utf-8")
    done = browser(probe, "--dump-dom")
    assert "CONSOLE" in done.stderr
    assert "Content Security Policy" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1280,1600", "390,1600"])
def test_a_browser_paints_it_light_and_dark(page, browser, tmp_path, size):
    paper = {}
    for name, scheme in (("light", 1), ("dark", 0)):
        shot = tmp_path / f"{name}.png"
        browser(
            page, f"--window-size={size}", f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}"
        )
        with Image.open(shot) as image:
            paper[name] = image.convert("L").getpixel((3, 3))
            assert len(np.unique(image.convert("L").resize((40, 40)))) > 20
    assert paper["light"] > 240
    assert paper["dark"] < 40


@pytest.mark.slow
def test_nothing_is_wider_than_a_phone(page, browser, tmp_path):
    text = page.read_text(encoding="utf-8")
    probe = tmp_path / "probe.html"
    script = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script>"
    text = re.sub(r"<meta http-equiv[^>]*>", "", text)  # which would refuse the script that measures
    probe.write_text(text.replace("</body>", script + "</body>"), encoding="utf-8")
    done = browser(probe, "--window-size=390,800", "--dump-dom")
    width, window = re.search(r"<title>(\d+) of (\d+)</title>", done.stdout).groups()
    assert int(width) <= int(window)


@pytest.mark.slow
def test_an_older_report_is_written_again_aloud_and_nothing_else_is_written_over(two_runs, tmp_path, capsys):
    out = tmp_path / "report.html"
    argv = ["report", str(two_runs[0]), "--out", str(out), "--examples", "0"]
    assert main(argv) == 0
    assert "already" not in capsys.readouterr().err
    first = out.read_bytes()
    assert main(argv) == 0
    assert f"{out} already exists and is overwritten" in capsys.readouterr().err
    assert out.read_bytes() == first
    out.write_text("<html>my thesis</html>")
    assert main(argv) == 2
    assert "already exists and is not a report of chash; choose another name" in capsys.readouterr().err
    assert out.read_text() == "<html>my thesis</html>"
