import numpy as np
import pytest

from crossmodal_hash.errors import DataError
from crossmodal_hash.metrics import paired_interval
from crossmodal_hash.report.compare import compare, long_table, wide_table


def test_differences_are_those_of_the_same_queries(record):
    first, second = record("a", noise=2.0), record("b", noise=0.5)
    found = compare([first, second])
    assert [(c.lines[0].direction, c.lines[0].database) for c in found[:4:3]] == [
        ("image->text", "all"),
        ("image->text", "unseen"),
    ]
    a, b = (r.score("image->text", "all").result.per_query["map@all"] for r in (first, second))
    expected = paired_interval(b, a)
    assert found[0].differences == [expected]
    assert expected.mean == pytest.approx((b - a).mean())
    assert expected.low > 0
    assert found[2].lines[0].metric == "median-rank"
    assert found[2].differences == [None]


def test_queries_in_another_order_are_paired_by_id(record, codes, monkeypatch):
    from crossmodal_hash.evaluation import score
    from crossmodal_hash.report.result import Record

    other = codes(noise=0.5)
    order = np.random.default_rng(0).permutation(40)
    turned = Record("b", score({name: c.select(order) for name, c in other.items()}))
    straight = Record("b", score(other))
    first = record("a", noise=2.0, metrics=("map@all",))
    one, two = (compare([first, each])[0].differences[0] for each in (turned, straight))
    assert (one.mean, one.low, one.high) == pytest.approx((two.mean, two.low, two.high))


def test_the_texts_of_one_item_are_paired_in_their_order(codes):
    from dataclasses import replace

    from crossmodal_hash.evaluation import score
    from crossmodal_hash.report.result import Record

    def of_eight(noise):
        return {
            name: replace(c, ids=(np.arange(40) // 5).astype(str), parts={}) for name, c in codes(noise=noise).items()
        }

    def scored(name, found):
        return Record(name, score(found, relevant="pairs"))

    first, other = of_eight(2.0), of_eight(0.5)
    # The items in another order, with their texts as they were.
    order = (np.random.default_rng(0).permutation(8)[:, None] * 5 + np.arange(5)).reshape(-1)
    turned = {name: c.select(order) for name, c in other.items()}
    one, two = (compare([scored("a", first), scored("b", each)])[0].differences[0] for each in (turned, other))
    assert (one.mean, one.low, one.high) == pytest.approx((two.mean, two.low, two.high))


def test_tables_for_readers_and_for_programs(record):
    records = [record("a", noise=2.0), record("b", noise=0.5), record("c", noise=2.0)]
    found = compare(records)
    wide = wide_table(records, found, 0.95)
    assert wide.columns == ("direction", "database", "metric", "a", "b", "c", "b - a", "c - a")
    assert wide.rows[0][6].startswith("+0.")
    assert "* [" in wide.rows[0][6]
    assert wide.rows[0][7] == "+0.0000 [+0.0000, +0.0000]"
    long = long_table(records, found)
    assert len(long.rows) == 3 * len(wide.rows)
    assert long.rows[0][-3:] == (None, None, None)
    assert long.rows[1][-3] == pytest.approx(found[0].differences[0].mean)


def test_what_does_not_compare_is_refused(record, codes):
    from dataclasses import replace

    from crossmodal_hash.evaluation import score
    from crossmodal_hash.report.result import Record

    ours = record("a")
    with pytest.raises(DataError, match="at least 2"):
        compare([ours])
    with pytest.raises(DataError, match="no score in common"):
        compare([ours, record("b", metrics=("map@5",))])
    with pytest.raises(DataError, match=r"ties expected .* and b has stable"):
        compare([ours, Record("b", score(codes(), ties="stable"))])
    renamed = {name: replace(c, ids=[f"x{i}" for i in range(40)]) for name, c in codes().items()}
    with pytest.raises(DataError, match="other queries"):
        compare([ours, Record("b", score(renamed))])
    fewer = {name: c.select(np.arange(39)) for name, c in codes().items()}
    with pytest.raises(DataError, match=r"items 32 .* and b has 31"):
        compare([ours, Record("b", score(fewer))])
