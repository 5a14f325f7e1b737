"""Sentences about codes that a table of scores does not show."""

from dataclasses import replace

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.report.conventions import apart, known_labels


def codes(modality, ones):
    """100 items; bit k is 1 in the first `ones[k]` of them."""
    return Codes(pack(np.where(np.arange(100)[:, None] < ones, 1, -1)), len(ones), np.arange(100), modality)


def test_bits_that_tell_the_modality_are_counted_for_each_pair_of_modalities():
    sides = {
        "image": codes("image", [97, 95, 50, 3]),
        "text": codes("text", [3, 5, 50, 98]),
        "sound": codes("sound", [97, 5, 50, 3]),
    }
    assert [sentence.partition(":")[0] for sentence in apart({name: sides[name] for name in ("image", "text")})] == [
        "2 of 4 bits only separate image from text"
    ]
    assert len(apart(sides)) == 2
    assert [sentence.partition(":")[0] for sentence in apart(sides, share=0.9)] == [
        "3 of 4 bits only separate image from text",
        "1 of 4 bits only separate image from sound",
        "2 of 4 bits only separate text from sound",
    ]
    assert apart({"image": sides["image"], "text": codes("text", [3, 5, 50])}) == []
    assert apart({"image": sides["image"]}) == []


@pytest.mark.parametrize("items", [0, 7])
def test_codes_from_known_labels_are_counted_once(items):
    parts = {"known_labels": np.arange(100) < items}
    sides = {name: replace(codes(name, [50]), parts=parts) for name in ("image", "text")}
    (said,) = known_labels(sides)
    assert said.startswith(f"codes from known labels: {items} items")
    assert known_labels({"image": codes("image", [50])}) == []
