"""The scores that choose an epoch, re-computed item by item."""

from itertools import permutations

import numpy as np
import pytest
import torch

from crossmodal_hash.data import Split
from crossmodal_hash.runs.best_epoch import selection_score
from crossmodal_hash.training import validation
from crossmodal_hash.training.inputs import Inputs
from crossmodal_hash.training.validation import validation_scores

ITEMS, BITS = 60, 6
SPLIT = Split(np.arange(5), np.arange(30, 60), np.arange(5, 30), np.arange(5, 60))


class Model:
    modalities = ("image", "text")


@pytest.fixture
def real(monkeypatch):
    """Real codes of all items by modality, which the model is said to give; few bits, so that there are ties."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(ITEMS, BITS, generator=generator)
    codes = {m: hidden + 0.7 * torch.randn(ITEMS, BITS, generator=generator) for m in Model.modalities}
    asked = []

    def given(model, inputs, rows, device, *, modalities):
        asked.append(rows.tolist())
        return {name: codes[name][rows].numpy() for name in modalities}

    monkeypatch.setattr(validation, "real_codes", given)
    return codes, asked


def inputs(labels=True):
    generator = torch.Generator().manual_seed(1)
    return Inputs({}, (torch.rand(ITEMS, 4, generator=generator) < 0.3).byte() if labels else None)


def distances(real, a, b, row, others):
    signs = {name: [[value >= 0 for value in code] for code in real[name].tolist()] for name in (a, b)}
    return [sum(x != y for x, y in zip(signs[a][row], signs[b][other], strict=True)) for other in others]


def slow_reciprocal_rank(real, a, b, rows):
    """Mean over items of 1 / rank of the own partner, itself the mean over the orders of ties."""
    values = []
    for at, row in enumerate(rows):
        found = distances(real, a, b, row, rows)
        nearer = sum(d < found[at] for d in found)
        as_near = sum(d == found[at] for d in found)
        values.append(sum(1 / (nearer + 1 + later) for later in range(as_near)) / as_near)
    return sum(values) / len(values)


@pytest.mark.parametrize("kinds", [{"pairs"}, {"features"}, {"pairs", "labels"}])
def test_partners_are_looked_for_among_the_validation_items_alone(real, kinds):
    codes, _ = real
    scores = validation_scores(Model(), inputs(), SPLIT, torch.device("cpu"), by=kinds)
    for a, b in permutations(Model.modalities, 2):
        expected = slow_reciprocal_rank(codes, a, b, SPLIT.validation.tolist())
        assert 0.1 < expected < 1
        assert scores[f"{a}->{b}/partners/map@all"] == pytest.approx(expected)
    assert ("image->text/unseen/map@all" in scores) == ("labels" in kinds)


def test_without_labels_training_items_are_not_even_encoded(real):
    _, asked = real
    scores = validation_scores(Model(), inputs(labels=False), SPLIT, torch.device("cpu"), by={"pairs"})
    assert list(scores) == ["image->text/partners/map@all", "text->image/partners/map@all"]
    assert asked == [SPLIT.validation.tolist()]


def test_terms_that_see_labels_alone_are_scored_by_labels_alone(real, monkeypatch):
    relevance, evaluate = [], validation.evaluate

    def watched(queries, database, *args, **rules):
        relevance.append(rules.get("relevant", "labels"))
        return evaluate(queries, database, *args, **rules)

    monkeypatch.setattr(validation, "evaluate", watched)
    scores = validation_scores(Model(), inputs(), SPLIT, torch.device("cpu"))
    assert list(scores) == [
        f"{direction}{side}/map@all" for direction in ("image->text", "text->image") for side in ("", "/unseen")
    ]
    assert relevance == ["labels"] * 4


def test_the_epoch_is_chosen_by_the_mean_over_labels_and_partners():
    scores = {
        "image->text/map@all": 0.99,
        "image->text/unseen/map@all": 0.2,
        "image->text/partners/map@all": 0.4,
        "text->image/map@all": 0.99,
        "text->image/unseen/map@all": 0.6,
        "text->image/partners/map@all": 0.8,
    }
    assert selection_score(scores) == pytest.approx(0.5)
    partners = {name: value for name, value in scores.items() if "partners" in name}
    assert selection_score(partners) == pytest.approx(0.6)
