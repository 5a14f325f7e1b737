from dataclasses import replace

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.errors import CodesError, DataError, SettingsError
from crossmodal_hash.metrics import evaluate, parse

NUMBERS = ["map@all", "map@5", "p@3", "r@3", "radius@2", "hit@1", "median-rank"]


def codes(n, modality="image", bits=10, seed=0, **changes):
    rng = np.random.default_rng(seed)
    content = {
        "packed": pack(rng.normal(size=(n, bits))),
        "bits": bits,
        "ids": [f"{modality}{i}" for i in range(n)],
        "modality": modality,
        "labels": (rng.random((n, 4)) < 0.4).astype(np.uint8),
    }
    return Codes(**(content | changes))


def toy_codes(distance, grade):
    """Codes at exactly the distances of one row of the toy vector: query 0000, item with d ones in front."""
    bits = np.array([[1] * d + [-1] * (4 - d) for d in distance])
    items = Codes(pack(bits), 4, np.arange(6), "text", (np.array(grade) > 0)[:, None])
    return Codes(pack(-np.ones((1, 4))), 4, ["q"], "image", np.ones((1, 1))), items


@pytest.mark.parametrize("ties", ["stable", "expected", "pessimistic", "optimistic"])
def test_the_toy_vector_through_the_front_door(ties, toy_distance, toy_grade):
    table = {"stable": 0.704167, "expected": 0.601302, "pessimistic": 0.493403, "optimistic": 0.704167}
    found = [
        evaluate(*toy_codes(d, g), ties=ties).values["map@all"] for d, g in zip(toy_distance, toy_grade, strict=True)
    ]
    assert np.mean(found) == pytest.approx(table[ties], abs=5e-7)


def test_values_come_in_the_order_asked_under_full_names_with_their_queries():
    result = evaluate(codes(7), codes(20, "text", seed=1), ["radius@2", "MAP@5", "pr@rank", "map@all", "map@5"])
    assert list(result.values) == ["precision@r<=2", "map@5/retrieved", "map@all"]
    assert list(result.per_query) == list(result.values)
    for name, value in result.values.items():
        assert result.per_query[name].shape == (7,)
        assert result.per_query[name].mean() == pytest.approx(value)
    assert list(result.curves) == ["pr@rank"]
    assert (result.queries, result.database, result.bits, result.left_out) == (7, 20, 10, 0)
    assert set(result.empty_balls) == {"precision@r<=2"}


@pytest.mark.parametrize("ties", ["stable", "expected", "pessimistic", "optimistic"])
@pytest.mark.parametrize("empty", ["zero", "skip", "one"])
def test_an_empty_query_counts_as_the_policy_says(ties, empty):
    queries, database = codes(3), codes(12, "text", seed=1, labels=np.eye(4, dtype=np.uint8)[np.arange(12) % 3])
    labels = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]])
    queries = Codes(queries.packed, 10, queries.ids, "image", labels)
    names = ["map@all", "map@4-hits"] if ties != "expected" else ["map@all", "map@4"]
    result = evaluate(queries, database, [*names, "pr@rank", "pr@radius/macro"], ties=ties, empty=empty)
    full = evaluate(queries.select([0, 2]), database, [*names, "pr@rank", "pr@radius/macro"], ties=ties)
    assert (result.empty_queries, full.empty_queries) == (1, 0)
    assert result.relevant_pairs == full.relevant_pairs == 4 + 8
    weight = {"zero": 2 / 3, "skip": 1, "one": 2 / 3}[empty]
    gain = 1 / 3 if empty == "one" else 0
    for name, value in full.values.items():
        assert result.values[name] == pytest.approx(value * weight + gain)
    assert result.random_floor == pytest.approx(full.random_floor * weight + gain)
    share = 1 if empty == "skip" else 2 / 3
    for name, curve in full.curves.items():
        assert result.curves[name].recall == pytest.approx(curve.recall * share)
        assert result.curves[name].precision == pytest.approx(curve.precision * share)


def test_an_empty_query_can_be_an_error_and_nothing_can_be_left():
    queries, database = codes(2, labels=np.zeros((2, 4))), codes(4, "text")
    with pytest.raises(DataError, match="2 of 2 queries"):
        evaluate(queries, database, empty="error")
    with pytest.raises(DataError, match="nothing is left"):
        evaluate(queries, database, empty="skip")
    assert evaluate(queries, database).values == {"map@all": 0.0}
    assert evaluate(queries, database, ["median-rank"]).values == {"median-rank": 5.0}


@pytest.mark.parametrize("ties", ["stable", "expected", "pessimistic", "optimistic"])
def test_a_query_is_left_out_of_its_own_ranking_within_one_modality(ties):
    images = codes(15, labels=np.eye(4)[np.arange(15) % 4])
    metrics = ["map@all", "p@3", "pr@rank", *(["ndcg@5"] if ties in ("stable", "expected") else [])]
    result = evaluate(images.select([2, 9]), images, metrics, ties=ties)
    assert result.left_out == 2
    for i, row in enumerate((2, 9)):
        alone = evaluate(images.select([row]), images.select(np.arange(15) != row), metrics, ties=ties)
        assert {n: v[i] for n, v in result.per_query.items()} == pytest.approx(alone.values)
    kept = evaluate(images.select([2]), images, ["p@1"], leave_out_self=False, ties="optimistic")
    assert kept.values["P@1"] == 1.0


def test_stable_agrees_with_expected_when_no_two_items_tie():
    bits = np.array([[1] * d + [-1] * (12 - d) for d in np.random.default_rng(0).permutation(12)])
    labels = (np.random.default_rng(1).random((12, 3)) < 0.4).astype(np.uint8)
    database = Codes(pack(bits), 12, np.arange(12), "text", labels)
    queries = Codes(pack(-np.ones((3, 12))), 12, ["a", "b", "c"], "image", np.eye(3))
    names = [*NUMBERS, "ndcg@4", "acg@4", "pr@rank", "pr@radius/micro"]
    stable, expected = (evaluate(queries, database, names, ties=ties) for ties in ("stable", "expected"))
    assert stable.values == pytest.approx(expected.values)
    for name, curve in stable.curves.items():
        assert curve.precision == pytest.approx(expected.curves[name].precision)


def test_the_random_floor_is_the_mean_score_of_shuffled_codes():
    queries, database = codes(20, bits=40), codes(60, "text", seed=1, bits=40)
    floor = evaluate(queries, database).random_floor
    shuffled = [evaluate(queries, replace(database, packed=codes(60, bits=40, seed=seed).packed)) for seed in range(30)]
    assert np.mean([r.values["map@all"] for r in shuffled]) == pytest.approx(floor, abs=0.01)
    assert shuffled[0].random_floor == pytest.approx(floor)


def test_pairs_and_judgements_take_the_place_of_labels():
    images, texts = codes(5, ids=list("abcde"), labels=None), codes(5, "text", seed=1, ids=list("edcba"), labels=None)
    by_pair = evaluate(images, texts, ["hit@1", "median-rank", "map@all"], relevant="pairs")
    assert by_pair.relevant_pairs == 5
    judged = evaluate(images, texts, list(by_pair.values), relevant={name: {name: 1} for name in "abcde"})
    assert judged.values == by_pair.values
    same = evaluate(images, images, ["hit@1"], relevant="pairs")
    assert same.left_out == 0
    assert same.values["hit@1"] > 0.9


def test_extremes_one_item_equal_codes_and_1024_bits():
    one = evaluate(codes(3, labels=np.ones((3, 4))), codes(1, "text", labels=np.ones((1, 4))), NUMBERS[:-1])
    assert one.values["map@all"] == 1.0
    assert one.values["P@3"] == pytest.approx(1 / 3)
    flat = codes(9, "text", packed=np.zeros((9, 2), np.uint8))
    assert evaluate(codes(4), flat).values["map@all"] == pytest.approx(evaluate(codes(4), flat).random_floor)
    long = evaluate(codes(3, bits=1024), codes(9, "text", bits=1024, seed=1), ["pr@radius/micro"])
    assert len(long.curves["pr@radius/micro"].at) == 1025
    assert long.curves["pr@radius/micro"].recall[-1] == 1.0


@pytest.mark.parametrize("ties", ["stable", "expected", "pessimistic", "optimistic"])
def test_an_item_alone_with_itself_is_an_empty_query(ties):
    alone = codes(1, labels=np.ones((1, 4)))
    result = evaluate(alone, alone, [*NUMBERS, "pr@rank", "pr@radius/micro"], ties=ties)
    assert (result.empty_queries, result.values["map@all"], result.values["median-rank"]) == (1, 0.0, 1.0)
    assert len(result.curves["pr@rank"].at) == 0


def test_no_query_no_item_and_codes_that_do_not_belong_together_are_refused():
    some, texts = codes(3), codes(3, "text")
    with pytest.raises(CodesError, match="0 queries"):
        evaluate(some.select([]), texts)
    with pytest.raises(CodesError, match="0 database items"):
        evaluate(some, texts.select([]))
    with pytest.raises(CodesError, match="10 bits and the database 12"):
        evaluate(some, codes(3, "text", bits=12))
    with pytest.raises(CodesError, match="two models"):
        evaluate(codes(3, fingerprint="a"), codes(3, "text", fingerprint="b"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ties": "expcted"}, "did you mean 'expected'"),
        ({"empty": "none"}, "zero, skip, one, error"),
        ({"relevant": "label"}, "'pairs'"),
        ({"metrics": ["map@3-hits"]}, "a fixed order"),
        ({"metrics": ["wap@3"]}, "stable"),
        ({"metrics": ["ndcg@3"], "ties": "optimistic"}, "expected or stable"),
        ({"metrics": ["radius@11"]}, r"0\.\.10, not 11"),
    ],
)
def test_rules_and_metrics_that_do_not_exist_or_fit_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        evaluate(codes(3), codes(8, "text", seed=1), **arguments)


@pytest.mark.parametrize("ties", ["expected", "stable"])
def test_every_floor_is_the_mean_score_of_shuffled_codes(ties):
    names = ["map@5", "P@3", "R@5", "ndcg@5", "hit@1", "median-rank"]
    queries, database = codes(20, bits=40), codes(60, "text", seed=1, bits=40)
    floors = evaluate(queries, database, names, ties=ties).floors
    shuffled = [
        evaluate(queries, replace(database, packed=codes(60, bits=40, seed=seed).packed), names, ties=ties)
        for seed in range(60)
    ]
    assert list(floors) == [parse(name).name for name in names]
    for name, floor in floors.items():
        if name != "median-rank":  # the median of expected ranks is not the expected median
            assert np.mean([r.values[name] for r in shuffled]) == pytest.approx(floor, abs=0.02)
    assert evaluate(queries, database, ["radius@2", "wap@3", "map@3-hits"], ties="stable").floors == {}
