import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics import (
    Counts,
    evaluate,
    pr_by_radius,
    pr_by_rank,
    precision_at,
    precision_within,
    recall_at,
)
from crossmodal_hash.metrics.curves import empty_balls

COUNTS = Counts(np.array([[0, 2, 3], [1, 0, 4]]), np.array([[0, 1, 3], [1, 0, 0]]))


def test_an_empty_ball_scores_zero_and_is_counted():
    assert precision_within(COUNTS, 0).tolist() == [0.0, 1.0]
    assert precision_within(COUNTS, 1).tolist() == [0.5, 1.0]
    assert [empty_balls(COUNTS, r) for r in (0, 1)] == [1, 0]


@pytest.mark.parametrize("radius", [-1, 3])
def test_a_radius_outside_the_code_is_refused(radius):
    with pytest.raises(SettingsError, match=r"0\.\.2"):
        precision_within(COUNTS, radius)


def test_recall_reaches_one_at_the_last_radius():
    assert pr_by_radius(COUNTS).recall[-1] == 1.0
    assert pr_by_radius(COUNTS, "macro").recall.tolist() == pytest.approx([0.5, 0.625, 1.0])


def test_a_shorter_database_still_divides_by_the_cut_off():
    assert precision_at(COUNTS, 10).tolist() == [0.4, 0.1]
    assert recall_at(COUNTS, 10).tolist() == [1.0, 1.0]


def test_a_cut_off_below_one_is_refused():
    with pytest.raises(SettingsError, match="at least 1"):
        precision_at(COUNTS, 0)


def test_the_curve_by_rank_ends_at_the_share_of_relevant_items_with_full_recall():
    curve = pr_by_rank(COUNTS)
    assert curve.at.tolist() == [1, 2, 3, 4, 5]
    assert curve.precision[-1] == pytest.approx((4 / 5 + 1 / 5) / 2)
    assert curve.recall[-1] == pytest.approx(1.0)
    assert pr_by_rank(COUNTS, 7).recall[-1] == pytest.approx(1.0)


def test_the_curve_of_queries_ranked_one_by_one_is_the_mean_of_theirs():
    rng = np.random.default_rng(0)

    def draw(n, name):
        labels = (rng.random((n, 3)) < 0.5).astype(np.uint8)
        labels[:, 0] |= labels.sum(1) == 0
        u = rng.normal(size=(n, 12))
        return Codes(pack(u), 12, [f"{name}{i}" for i in range(n)], "image", labels), u

    (asked, u), (items, v) = draw(5, "q"), draw(30, "d")
    whole = evaluate(asked, items, ["pr@rank"], real=(u, v)).curves["pr@rank"]
    each = [
        evaluate(asked.select([i]), items, ["pr@rank"], real=(u[[i]], v)).curves["pr@rank"] for i in range(len(asked))
    ]
    np.testing.assert_allclose(whole.precision, np.mean([curve.precision for curve in each], axis=0))
    np.testing.assert_allclose(whole.recall, np.mean([curve.recall for curve in each], axis=0))
