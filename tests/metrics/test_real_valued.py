from dataclasses import replace

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.errors import CodesError, SettingsError, ShapeError
from crossmodal_hash.metrics import Labels, average_precision, by_inner_product, evaluate, real_valued, same_id

NAMES = ["map@all", "map@5", "P@3", "R@7", "hit@1", "median-rank", "ndcg@4", "pr@rank"]


def case(q=6, n=40, bits=9, seed=0):
    rng = np.random.default_rng(seed)
    u, v = rng.normal(size=(q, bits)), rng.normal(size=(n, bits))
    labels = (rng.random((q + n, 4)) < 0.4).astype(np.uint8)
    queries = Codes(pack(u), bits, [f"q{i}" for i in range(q)], "image", labels[:q])
    return u, v, queries, Codes(pack(v), bits, [f"d{i}" for i in range(n)], "text", labels[q:])


def test_average_precision_is_that_of_a_plain_sort():
    u, v, queries, database = case()
    relevant = queries.labels.astype(int) @ database.labels.T > 0
    expected = []
    for row, hits in zip(u @ v.T, relevant, strict=True):
        hit = hits[np.argsort(-row)]
        expected.append((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean() if hit.any() else 0.0)
    found = evaluate(queries, database, ["map@all"], real=(u, v))
    assert found.per_query["map@all"] == pytest.approx(expected)
    assert found.ranked_by == "inner-product"


@pytest.mark.parametrize("ties", ["expected", "stable", "optimistic", "pessimistic"])
def test_codes_of_plus_and_minus_one_rank_as_by_hamming_distance(ties):
    u, v, queries, database = case()
    names = [name for name in NAMES if name != "ndcg@4" or ties in ("expected", "stable")]
    by_bits = evaluate(queries, database, names, ties=ties)
    by_product = evaluate(queries, database, names, ties=ties, real=(np.where(u >= 0, 1, -1), np.where(v >= 0, 1, -1)))
    assert by_product.values == pytest.approx(by_bits.values)
    assert by_product.floors == pytest.approx(by_bits.floors)
    assert by_product.curves["pr@rank"].recall == pytest.approx(by_bits.curves["pr@rank"].recall)


def test_blocks_and_left_out_pairs_change_what_they_should(monkeypatch):
    u, v, queries, database = case(bits=5)
    relevance = Labels(queries.labels, database.labels)
    whole = [average_precision(c)[0] for c in by_inner_product(u, v, relevance)]
    monkeypatch.setattr(real_valued, "PRODUCTS", 50)
    assert [average_precision(c)[0] for c in by_inner_product(u, v, relevance)] == pytest.approx(whole)
    own = same_id(queries.ids, np.array([f"q{i}" if i < 3 else "x" for i in range(40)]))
    sizes = [int(c.total_items[0]) for c in by_inner_product(u, v, relevance, leave_out=own)]
    assert sizes == [39, 39, 39, 40, 40, 40]


def test_what_cannot_be_ranked_is_refused():
    u, v, queries, database = case()
    relevance = Labels(queries.labels, database.labels)
    with pytest.raises(CodesError, match="0 queries"):
        next(by_inner_product(u[:0], v, relevance))
    with pytest.raises(ShapeError, match=r"\(6, 9\) and \(40, 8\)"):
        next(by_inner_product(u, v[:, :8], relevance))
    for a, b in ((u[:, :, None], v), (u, v[:, :, None]), (u[0], v)):
        with pytest.raises(ShapeError, match="must be"):
            next(by_inner_product(a, b, relevance))
    with pytest.raises(ShapeError, match="6 queries x 40 items"):
        next(by_inner_product(u, v[:39], relevance))
    v[7, 2] = np.inf
    with pytest.raises(CodesError, match="database row 7 is not finite"):
        next(by_inner_product(u, v, relevance))
    with pytest.raises(SettingsError, match="counts bits"):
        evaluate(queries, database, ["radius@2"], real=(u, v))


def test_a_query_does_not_rank_itself_and_curves_end_where_the_longest_ranking_does():
    u, _, images, _ = case(q=12)
    asked = replace(images.select([2, 9]), ids=["q2", "new"])  # only the first is in the database
    found = evaluate(asked, images, ["map@all", "P@3", "pr@rank"], real=(u[[2, 9]], u))
    assert found.left_out == 1
    others = np.arange(12) != 2
    alone = evaluate(asked.select([0]), images.select(others), ["map@all", "P@3"], real=(u[[2]], u[others]))
    for name, value in alone.values.items():
        assert found.per_query[name][0] == pytest.approx(value)
    assert found.curves["pr@rank"].at.tolist() == list(range(1, 13))
