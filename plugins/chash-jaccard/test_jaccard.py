"""The installed plug-in, found by name and used through the public contract."""

import pytest
import torch
from chash_jaccard import Jaccard, jaccard

from crossmodal_hash.components import CRITERIA
from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import ShapeError

LABELS = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])


def test_the_name_leads_to_the_class() -> None:
    assert CRITERIA.resolve("jaccard") is Jaccard
    assert CRITERIA.find("Jaccard").origin == "chash-jaccard 0.1"


def test_values_are_those_of_sets() -> None:
    rows = [{c for c, on in enumerate(row) if on} for row in LABELS.tolist()]
    expected = [[len(x & y) / len(x | y) if x | y else 0.0 for y in rows] for x in rows]
    torch.testing.assert_close(CRITERIA.make("jaccard")(LABELS, LABELS), torch.tensor(expected))


def test_it_keeps_what_a_criterion_promises() -> None:
    s = jaccard(LABELS.double(), LABELS.double())
    low, high = Jaccard.value_range
    assert issubclass(Jaccard, Criterion)
    assert s.min() >= low
    assert s.max() <= high
    assert torch.equal(s, s.T)
    assert Jaccard().config() == {}


def test_labels_of_different_classes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(4, 4\) and \(2, 3\)"):
        Jaccard()(LABELS, torch.zeros(2, 3))
