import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.codes import distances
from crossmodal_hash.data import Dataset
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.evaluation import score
from crossmodal_hash.report.gallery import gallery
from crossmodal_hash.report.images import thumbnail


def dataset():
    names = tuple(f"item{i}" for i in range(40))
    return Dataset("toy", names, {"text": Texts(tuple(f"text of {name} " + "x" * 300 for name in names))})


def test_worst_and_best_queries_come_with_their_nearest_items(codes, record):
    made = codes(noise=1.5)
    found = record(noise=1.5).score("image->text", "all")
    shown = gallery(found, made["image"], made["text"], dataset(), number=2, top=5)
    values = found.result.per_query["map@all"]
    assert [each.rank for each in shown] == ["worst 1", "worst 2", "best 1", "best 2"]
    assert [each.value for each in shown] == [*np.sort(values)[:2], *np.sort(values)[::-1][:2]]
    for each in shown:
        query = made["image"].ids.tolist().index(each.query.id)
        d = distances(made["image"].packed[[query]], made["text"].packed[8:], 16)[0]
        order = np.argsort(d, kind="stable")[:5]
        assert [item.id for item in each.results] == [f"item{i + 8}" for i in order]
        assert [item.distance for item in each.results] == d[order].tolist()
        assert [item.relevant for item in each.results] == [(i + 8) % 4 == query % 4 for i in order]
        assert each.results[0].text.startswith(f"text of {each.results[0].id}")
        assert len(each.results[0].text) == 160


def test_an_item_is_not_its_own_result(codes, record):
    whole = {name: replace(c, parts={}) for name, c in codes().items()}
    found = next(s for s in score(whole) if s.direction == "text->text")
    for each in gallery(found, whole["text"], whole["text"], dataset(), number=3):
        assert each.query.id not in {item.id for item in each.results}
        assert len(each.results) == 8


def test_queries_without_a_relevant_item_are_passed_over(codes):
    made = codes()
    labels = made["image"].labels.copy()
    labels[:6] = 0
    made = {name: replace(c, labels=labels) for name, c in made.items()}
    found = score(made)[0]
    shown = gallery(found, made["image"], made["text"], dataset())
    assert {each.query.id for each in shown} == {"item6", "item7"}


@pytest.mark.parametrize("database", ["query", "untrained", "whole"])
def test_without_labels_queries_are_ordered_by_the_rank_of_their_partner_which_is_the_one_relevant_item(
    codes, database
):
    made = {name: replace(c, labels=None) for name, c in codes(noise=1.5).items()}
    scores = score(made, ["hit@1", "median-rank"], relevant="pairs")
    found = next(s for s in scores if (s.direction, s.database) == ("image->text", database))
    searched = {
        "query": [*range(8)],
        "untrained": [*range(8), *range(30, 40)],
        "whole": [*range(40)],
    }[database]
    ranks = found.result.per_query["median-rank"]
    shown = gallery(found, made["image"], made["text"], dataset(), number=2, top=5)
    assert [each.rank for each in shown] == ["worst 1", "worst 2", "best 1", "best 2"]
    assert all(each.is_paired for each in shown)
    assert [each.value for each in shown] == [*sorted(ranks, reverse=True)[:2], *sorted(ranks)[:2]]
    for each in shown:
        query = made["image"].ids.tolist().index(each.query.id)
        d = distances(made["image"].packed[[query]], made["text"].packed[searched], 16)[0]
        order = [searched[i] for i in np.argsort(d, kind="stable")[:5]]
        assert [item.id for item in each.results] == [f"item{i}" for i in order]
        assert [item.relevant for item in each.results] == [i == query for i in order]
    assert any(item.relevant for each in shown for item in each.results)


def test_a_thumbnail_fits_and_is_a_data_address():
    address = thumbnail(Image.new("RGB", (400, 100), "red"), 112)
    head, _, body = address.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        assert image.size == (112, 28)
