"""Paired retrieval: the three databases, by codes with parts and without, re-computed item by item."""

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack, unpack
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.evaluation import score, score_both
from crossmodal_hash.metrics import cut_folds

ITEMS, BITS = 50, 6


def made(*, labels=True, parts=True, names=("image", "text"), ids=None, trained=range(20, 45)):
    rng = np.random.default_rng(0)
    rows = np.arange(ITEMS)
    split = {"query": rows < 12, "database": rows >= 12, "train": np.isin(rows, trained), "validation": rows == 45}
    given = np.eye(3, dtype=np.uint8)[rows % 3] if labels else None
    hidden = rng.normal(size=(ITEMS, BITS))
    return {
        name: Codes(pack(hidden + 0.7 * rng.normal(size=hidden.shape)), BITS, ids or [f"item{i}" for i in rows], name,
                    given, parts=split if parts else {})
        for name in names
    }  # fmt: skip


def slow_hit(queries, database, asked, searched, k=10):
    """Mean over queries of the share of orders of ties that put the own partner among the first k."""
    a, b = unpack(queries.packed, BITS).tolist(), unpack(database.packed, BITS).tolist()
    values = []
    for q in asked:
        found = {d: sum(x != y for x, y in zip(a[q], b[d], strict=True)) for d in searched}
        nearer = sum(other < found[q] for other in found.values())
        as_near = sum(other == found[q] for other in found.values())
        values.append(min(max(k - nearer, 0) / as_near, 1))
    return sum(values) / len(values)


def databases_of(codes):
    parts = codes.parts
    trained = parts["train"] | parts["validation"]
    return {
        "query": [i for i in range(ITEMS) if parts["query"][i]],
        "untrained": [i for i in range(ITEMS) if not trained[i]],
        "whole": list(range(ITEMS)),
    }


def test_partners_are_among_the_queries_among_what_was_not_trained_on_and_among_all():
    codes = made()
    found = score(codes, ["hit@10"], relevant="pairs")
    rows = databases_of(codes["image"])
    assert [(s.direction, s.database) for s in found] == [
        (f"{a}->{b}", name) for a, b in (("image", "text"), ("text", "image")) for name in rows
    ]
    for each in found:
        a, b = each.direction.split("->")
        expected = slow_hit(codes[a], codes[b], rows["query"], rows[each.database])
        assert each.result.values["hit@10"] == pytest.approx(expected)
        assert (each.result.queries, each.result.database) == (12, len(rows[each.database]))
        assert each.result.relevant_pairs == 12
        assert each.is_paired


def test_a_database_that_is_no_larger_than_the_one_before_is_not_shown_twice():
    def databases(codes):
        return [s.database for s in score(codes, ["hit@1"], relevant="pairs")]

    nothing_trained = made(trained=[])
    assert databases(nothing_trained) == ["query", "untrained", "whole"] * 2
    for codes in nothing_trained.values():
        codes.parts["validation"][:] = False
    assert databases(nothing_trained) == ["query", "untrained"] * 2
    assert databases(made(trained=range(12, ITEMS))) == ["query", "whole"] * 2


def test_codes_without_parts_are_searched_whole():
    codes = made(parts=False)
    found = score(codes, ["hit@10"], relevant="pairs")
    assert [s.database for s in found] == ["whole", "whole"]
    every = range(ITEMS)
    for each in found:
        a, b = each.direction.split("->")
        assert each.result.values["hit@10"] == pytest.approx(slow_hit(codes[a], codes[b], every, every))


def test_both_kinds_of_relevance_are_shown_where_there_are_both():
    codes = made()
    shown = [(s.direction, s.database, tuple(s.result.values)) for s in score_both(codes, ["map@all", "P@5"])]
    across = ("image->text", "text->image")
    every = (*across, "image->image", "text->text")
    labeled = [(d, name, ("map@all", "P@5")) for d in every for name in ("all", "unseen")]
    assert shown == labeled + [(d, name, ("hit@10",)) for d in across for name in ("query", "untrained")]
    by_labels = {(s.direction, s.database): s.result.values for s in score(codes, ["map@all", "P@5"])}
    by_pairs = {(s.direction, s.database): s.result.values for s in score(codes, ["hit@10"], relevant="pairs")}
    for each in score_both(codes, ["map@all", "P@5"]):
        assert each.result.values == (by_pairs if each.is_paired else by_labels)[each.direction, each.database]


@pytest.mark.parametrize("missing", ["none", "zeros"])
def test_without_labels_partners_are_all_there_is(missing):
    codes = made(labels=missing == "zeros")
    if missing == "zeros":
        for each in codes.values():
            each.labels[:] = 0
    assert [(s.database, tuple(s.result.values)) for s in score_both(codes, paired=["hit@1"])] == [
        (name, ("hit@1",)) for name in ("query", "untrained")
    ] * 2
    whole = score_both(made(labels=False, parts=False))
    assert [s.database for s in whole] == ["whole", "whole"]


def test_one_modality_has_labels_or_nothing():
    assert {s.database for s in score_both(made(names=("image",)))} == {"all", "unseen"}
    with pytest.raises(DataError, match="have no labels"):
        score_both(made(names=("image",), labels=False))


def test_rules_and_codes_before_the_sign_reach_both_kinds():
    codes = made()
    real = {name: unpack(c.packed, BITS).astype(float) * 2 - 1 for name, c in codes.items()}
    for each in score_both(codes, real=real, empty="skip"):
        assert (each.result.ranked_by, each.result.empty) == ("inner-product", "skip")


def test_one_fold_is_all_items():
    items = np.array(["b", "b", "a"])
    assert [part.tolist() for part in cut_folds(items, 1)] == [["b", "a"]]
    with pytest.raises(SettingsError, match="0 equal folds"):
        cut_folds(items, 0)
