"""Several texts a picture, against a slow re-computation that ranks one query after the other."""

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.errors import CodesError, SettingsError
from crossmodal_hash.evaluation import one_of_each, score, score_pair
from crossmodal_hash.metrics import cut_folds

PICTURES, BITS = 12, 8
METRICS = ("hit@1", "hit@3", "hit@10", "R@3", "map@all", "median-rank")


@pytest.fixture
def pairs():
    """12 pictures with 1 to 5 texts each, in an order of their own, 3 labels, and -1/+1 codes with many ties."""
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 6, PICTURES)
    owners = np.repeat(np.arange(PICTURES), counts)
    picture = np.where(rng.normal(size=(PICTURES, BITS)) >= 0, 1, -1)
    text = np.where(rng.random((len(owners), BITS)) < 0.2, -picture[owners], picture[owners])
    labels = rng.integers(0, 2, (PICTURES, 3)).astype(np.uint8)
    names = np.array([f"p{i}" for i in rng.permutation(PICTURES)])
    return picture, text, owners, labels, names


def codes_of(pairs):
    picture, text, owners, labels, names = pairs
    return {
        "image": Codes(pack(picture), BITS, names, "image", labels),
        "text": Codes(pack(text), BITS, names[owners], "text", labels[owners]),
    }


def ranked(query, database, relevant, draws=400, seed=0):
    """The metrics of one query as means over random orders of the ties."""
    rng = np.random.default_rng(seed)
    distance = (BITS - database @ query) // 2
    sums = dict.fromkeys(METRICS, 0.0)
    for _ in range(draws):
        shuffled = rng.permutation(len(database))
        order = shuffled[np.argsort(distance[shuffled], kind="stable")]
        hits = relevant[order]
        for k in (1, 3, 10):
            sums[f"hit@{k}"] += hits[:k].any()
        sums["R@3"] += hits[:3].sum() / hits.sum()
        sums["map@all"] += (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()
        sums["median-rank"] += 1 + int(hits.argmax())
    return {name: value / draws for name, value in sums.items()}


def slow(queries, q_items, database, d_items):
    values = [ranked(query, database, d_items == item) for query, item in zip(queries, q_items, strict=True)]
    return {
        name: (np.median if name == "median-rank" else np.mean)([value[name] for value in values]) for name in METRICS
    }


def close(result, expected):
    for name, value in expected.items():
        assert result.values[name] == pytest.approx(value, abs=0.35 if name == "median-rank" else 0.012), name


def test_a_picture_finds_any_of_its_texts_and_a_text_its_one_picture(pairs):
    picture, text, owners, _, _ = pairs
    items = np.arange(PICTURES)
    across = {s.direction: s.result for s in score(codes_of(pairs), METRICS, relevant="pairs")}
    assert sorted(across) == ["image->text", "text->image"]
    close(across["image->text"], slow(picture, items, text, owners))
    close(across["text->image"], slow(text, owners, picture, items))
    assert across["text->image"].relevant_pairs == across["image->text"].relevant_pairs == len(owners)


def test_the_order_of_the_rows_does_not_matter(pairs):
    codes = codes_of(pairs)
    turned = {name: each.select(np.random.default_rng(1).permutation(len(each))) for name, each in codes.items()}
    for one, other in zip(
        score(codes, METRICS, relevant="pairs"), score(turned, METRICS, relevant="pairs"), strict=True
    ):
        assert one.result.values == pytest.approx(other.result.values)


def test_no_text_finds_another_text_of_its_own_picture_by_labels(pairs):
    _, text, owners, labels, _ = pairs
    found = {s.direction: s.result for s in score(codes_of(pairs), ("map@all",))}
    shared = (labels[owners] @ labels[owners].T) > 0
    values = []
    for q in range(len(text)):
        others = np.flatnonzero(owners != owners[q])
        relevant = shared[q, others]
        values.append(ranked(text[q], text[others], relevant)["map@all"] if relevant.any() else 0.0)
    assert found["text->text"].values["map@all"] == pytest.approx(np.mean(values), abs=0.005)
    assert found["text->text"].left_out == int((owners[:, None] == owners).sum())


@pytest.mark.parametrize("folds", [2, 3, 4, 12])
def test_folds_rank_their_own_candidates_and_count_alike(pairs, folds):
    picture, text, owners, _, _ = pairs
    across = {s.direction: s for s in score(codes_of(pairs), METRICS, relevant="pairs", folds=folds)}
    parts = np.arange(PICTURES).reshape(folds, -1)
    one_way = [slow(picture[p], p, text[np.isin(owners, p)], owners[np.isin(owners, p)]) for p in parts]
    back = [slow(text[np.isin(owners, p)], owners[np.isin(owners, p)], picture[p], p) for p in parts]
    for direction, values in (("image->text", one_way), ("text->image", back)):
        close(across[direction].result, {name: np.mean([value[name] for value in values]) for name in METRICS})
        assert across[direction].database == f"{folds} folds"
    assert across["text->image"].result.database == PICTURES // folds
    assert across["text->image"].result.queries == len(owners)
    codes = codes_of(pairs)
    alone = score_pair(codes["image"], codes["text"], METRICS, relevant="pairs", folds=folds)
    assert alone.result.values == across["image->text"].result.values


def test_folds_are_those_of_the_pictures_in_their_order(pairs):
    *_, names = pairs
    assert [part.tolist() for part in cut_folds(names, 3)] == names.reshape(3, -1).tolist()
    codes = codes_of(pairs)
    # Texts in another order do not change which pictures are together.
    turned = codes | {"text": codes["text"].select(np.random.default_rng(0).permutation(len(codes["text"])))}
    one, other = (score(each, METRICS, relevant="pairs", folds=4) for each in (codes, turned))
    assert [s.result.values for s in one] == [pytest.approx(s.result.values) for s in other]


def test_only_queries_are_divided_where_the_codes_have_parts(pairs):
    codes = codes_of(pairs)
    query = np.arange(PICTURES) % 2 == 0
    parts = {"query": query, "database": ~query, "train": ~query, "validation": query & ~query}
    owners = pairs[2]
    split = {
        name: Codes(
            each.packed,
            BITS,
            each.ids,
            name,
            each.labels,
            parts={k: m if name == "image" else m[owners] for k, m in parts.items()},
        )
        for name, each in codes.items()
    }
    asked = {name: each.select("query") for name, each in split.items()}
    bare = {name: Codes(each.packed, BITS, each.ids, name) for name, each in asked.items()}
    one, other = (score(each, METRICS, relevant="pairs", folds=3) for each in (split, bare))
    assert [s.result.values for s in one] == [s.result.values for s in other]


def test_folds_that_are_not_equal_or_have_no_pairs_are_refused(pairs):
    codes = codes_of(pairs)
    with pytest.raises(SettingsError, match="12 items cannot be divided into 5 equal folds"):
        score(codes, METRICS, relevant="pairs", folds=5)
    with pytest.raises(SettingsError, match="5 folds are for relevance by pairs"):
        score(codes, METRICS, folds=5)
    with pytest.raises(SettingsError, match="5 folds are for relevance by pairs"):
        score_pair(codes["image"], codes["text"], METRICS, folds=5)
    with pytest.raises(SettingsError, match=r"pr@rank is a curve, which has no mean over folds"):
        score(codes, ("pr@rank",), relevant="pairs", folds=2)


def numbered(codes):
    return Codes(codes.packed, BITS, np.arange(len(codes)).astype(np.str_), codes.modality, numbered=True)


def test_row_numbers_of_unequal_matrices_are_no_pairs(pairs):
    codes = codes_of(pairs)
    bare = {name: numbered(each) for name, each in codes.items()}
    said = f"the image codes have 12 rows and the text codes {len(codes['text'])}, and as matrices they have no ids"
    for work in (
        lambda: score(bare, METRICS, relevant="pairs"),
        lambda: score_pair(bare["image"], bare["text"], METRICS, relevant="pairs"),
    ):
        with pytest.raises(CodesError, match=said):
            work()
    assert score_pair(bare["image"], bare["image"], ("hit@1",), relevant="pairs").result.relevant_pairs == 12


def test_numbers_that_count_from_one_are_not_taken_for_row_numbers(pairs):
    codes, owners = codes_of(pairs), pairs[2]
    image = numbered(codes["image"])
    for shift, works in ((0, True), (1, False)):
        text = Codes(codes["text"].packed, BITS, (owners + shift).astype(np.str_), "text")
        if works:
            assert score_pair(text, image, METRICS, relevant="pairs").result.relevant_pairs == len(owners)
            continue
        with pytest.raises(CodesError, match=r"the image codes have only row numbers, '0', '1', ..., .*; count from 0"):
            score_pair(text, image, METRICS, relevant="pairs")
        with pytest.raises(CodesError, match="count from 0"):
            score({"image": image, "text": text}, METRICS, relevant="pairs")


def test_a_picture_repeated_for_each_text_counts_once(pairs):
    codes, owners = codes_of(pairs), pairs[2]
    repeated = codes["image"].select(owners)
    once = one_of_each(repeated)
    assert once.ids.tolist() == codes["image"].ids.tolist()
    assert np.array_equal(once.packed, codes["image"].packed)
    # Left in, the copies of the nearest picture take the first ranks.
    right = score_pair(codes["text"], codes["image"], ("hit@3",), relevant="pairs").result.values["hit@3"]
    assert score_pair(codes["text"], repeated, ("hit@3",), relevant="pairs").result.values["hit@3"] < right
    assert score_pair(codes["text"], once, ("hit@3",), relevant="pairs").result.values["hit@3"] == right
    # Texts of one picture have codes of their own, and stay.
    assert one_of_each(codes["text"]) is codes["text"]
