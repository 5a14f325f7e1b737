import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.report.curves import bit_correlation, bit_pictures, history_picture
from crossmodal_hash.report.images import inline_svg, save_figures, svg
from crossmodal_hash.runs.history import read_history


def picture():
    return history_picture("losses", "Losses", "loss", [("run", {"hard": [(1, 0.5), (2, 0.25)]})])


def test_the_correlation_of_bits_is_pearsons_and_a_dead_bit_has_none():
    signs = np.where(np.random.default_rng(0).normal(size=(50, 4)) > 0, 1, -1)
    signs[:, 3] = -1
    found = bit_correlation(signs)
    assert found[:3, :3] == pytest.approx(np.corrcoef(signs[:, :3].T))
    assert found[3].tolist() == [0, 0, 0, 1]


def test_words_beside_a_figure_say_its_numbers():
    signs = np.ones((4, 2))
    signs[:1, 0] = -1
    codes = Codes(pack(signs), 2, list("abcd"), "image")
    balance, correlation = bit_pictures("run", "1", codes)
    assert "0.75 to 1.00" in balance.alt
    assert "bits that never change: 1" in balance.alt
    assert "0.00 on average" in correlation.alt
    assert "hard from 0.500 to 0.250" in picture().alt
    assert history_picture("losses", "Losses", "loss", [("run", {})]) is None


def test_of_several_runs_each_has_a_color_and_a_long_legend_stands_below_the_axes():
    points = [(1, 0.5), (2, 0.25)]
    runs = [(name, dict.fromkeys(("hard", "soft", "total"), points)) for name in ("one", "two")]
    figure = history_picture("losses", "Losses", "loss", runs).figure()
    axes = figure.axes[0]
    looks = [(line.get_color(), line.get_linestyle()) for line in axes.get_lines()]
    assert len(set(looks)) == 6
    assert len({color for color, _ in looks}) == 2
    figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().y1 < axes.get_window_extent().y0


def test_an_svg_in_a_page_takes_the_color_of_the_page_and_asks_for_nothing():
    text = inline_svg(picture())
    assert text.startswith("<svg viewBox=")
    assert "currentColor" in text
    assert "#010203" not in text
    assert "metadata" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("losses-") for name in ids)
    assert {name[1:] for name in re.findall(r'href="([^"]+)"', text)} <= set(ids)
    assert ">epoch</text>" in text
    ElementTree.fromstring(re.sub(r"xlink:", "", text))


def test_the_same_figure_gives_the_same_bytes():
    assert svg(picture()) == svg(picture())


def test_figures_are_written_as_png_and_svg(tmp_path):
    written = save_figures(tmp_path / "figures", [picture()])
    assert written == [str(tmp_path / "figures" / f"losses.{suffix}") for suffix in ("png", "svg")]
    with Image.open(written[0]) as image:
        assert image.size == (780, 540)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert ElementTree.parse(written[1]).getroot().tag.endswith("svg")


def test_any_folder_name_can_be_a_label():
    lines = [(name, {"hard": [(1, 0.5), (2, 0.25)]}) for name in ("_x", "a$b$^{", "<b>&")]
    text = inline_svg(history_picture("losses", "Losses", "loss", lines))
    assert "_x: hard" in text
    assert "a$b$^{: hard" in text
    assert "&lt;b&gt;&amp;: hard" in text


def test_history_is_read_up_to_the_last_whole_line(tmp_path):
    rows = [(1, "train", "loss/hard", 0.5), (1, "train", "seconds", 3.0), (1, "validation", "image->text/map@all", 0.4)]
    lines = [json.dumps(dict(zip(("epoch", "split", "metric", "value"), row, strict=True))) + "\n" for row in rows]
    (tmp_path / "metrics.jsonl").write_text("".join(lines) + '{"epoch": 2, "spl')
    assert read_history(tmp_path / "metrics.jsonl") == ({"hard": [(1, 0.5)]}, {"image->text/map@all": [(1, 0.4)]})
    assert read_history(tmp_path / "missing.jsonl") == ({}, {})
