import numpy as np
import pytest

from crossmodal_hash.codes import Codes
from crossmodal_hash.errors import DataError, ShapeError
from crossmodal_hash.metrics import Labels, Pairs, judged, same_id
from crossmodal_hash.metrics.relevance import from_codes, label_words


@pytest.mark.parametrize("classes", [1, 32, 33, 64, 65, 200])
def test_shared_labels_are_counted_in_any_number_of_words(classes):
    rng = np.random.default_rng(classes)
    queries, items = (rng.random((n, classes)) < 0.2 for n in (5, 9))
    relevance = Labels(queries, items)
    shared = queries.astype(int) @ items.T.astype(int)
    assert (np.stack([relevance.grades(2, 9)(q) for q in range(5)]) == shared[:, 2:]).all()
    assert (np.stack([relevance.flags(2, 9)(q) for q in range(5)]) == (shared[:, 2:] > 0)).all()
    assert relevance.max_grade >= shared.max()


def test_queries_with_equal_labels_form_a_group():
    group = Labels(np.array([[1, 0], [0, 1], [1, 0]]), np.ones((1, 2))).group
    assert group[0] == group[2] != group[1]


def test_label_words_are_narrow_up_to_32_classes():
    assert label_words(np.ones((2, 32))).dtype == np.uint32
    assert label_words(np.ones((2, 65))).shape == (2, 2)


def test_labels_of_other_classes_are_refused():
    with pytest.raises(ShapeError, match="classes"):
        Labels(np.ones((1, 3)), np.ones((1, 4)))


def test_judgements_outside_the_database_are_passed_over():
    pairs = judged({"q": {"b": 2, "gone": 1}, "other": {"a": 1}}, np.array(["q", "unjudged"]), np.array(["a", "b"]))
    assert (pairs.query.tolist(), pairs.item.tolist(), pairs.grade.tolist()) == ([0], [1], [2])


def test_same_id_finds_every_pair_of_repeated_ids():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 5, n).astype(str) for n in (8, 11))
    pairs = same_id(a, b)
    slow = {(q, n) for q in range(8) for n in range(11) if a[q] == b[n]}
    assert set(zip(pairs.query.tolist(), pairs.item.tolist(), strict=True)) == slow
    assert len(pairs) == len(slow)


@pytest.mark.parametrize("grade", [-1, 0.5, 256])
def test_grades_are_whole_and_small(grade):
    with pytest.raises(DataError, match="0 to 255"):
        Pairs(np.array([0]), np.array([0]), 1, 1, np.array([grade]))


def test_the_judgement_of_an_item_is_that_of_each_of_its_codes():
    pairs = judged({"q": {"a": 3}, "p": {"b": 1}}, np.array(["q", "p", "q"]), np.array(["a", "b", "a"]))
    found = list(zip(pairs.query.tolist(), pairs.item.tolist(), pairs.grade.tolist(), strict=True))
    assert found == [(0, 0, 3), (0, 2, 3), (1, 1, 1), (2, 0, 3), (2, 2, 3)]


def test_codes_without_labels_or_with_other_classes_are_refused():
    def codes(labels, names=None):
        return Codes(np.zeros((1, 1), np.uint8), 8, ["a"], "text", labels, names)

    with pytest.raises(DataError, match="database codes \\(text\\) have no labels"):
        from_codes(codes(np.ones((1, 1))), codes(None))
    with pytest.raises(DataError, match="differently"):
        from_codes(codes(np.ones((1, 1)), ("sky",)), codes(np.ones((1, 1)), ("sea",)))


def test_pairs_are_a_dense_matrix_with_few_entries():
    dense = np.zeros((4, 6), int)
    dense[1, [0, 3, 5]], dense[3, [2, 3]] = (1, 2, 3), (4, 5)
    query, item = np.nonzero(dense)
    pairs = Pairs(query, item, 4, 6, dense[query, item])
    for q in range(4):
        assert pairs.grades(2, 5)(q).tolist() == dense[q, 2:5].tolist()
        assert pairs.flags(0, 6)(q).tolist() == (dense[q] > 0).tolist()
    assert pairs.of_pairs(Pairs(*np.indices((4, 6)).reshape(2, -1), 4, 6)).tolist() == dense.ravel().tolist()
    assert [x.tolist() for x in pairs.between(2, 9)] == [[1, 1], [2, 3]]
    assert pairs.group[0] == pairs.group[2]
    assert len(set(pairs.group.tolist())) == 3


@pytest.mark.parametrize("shapes", [((1, 3, 1), (1, 3)), ((1, 3), (1, 3, 1)), ((3,), (3,))])
def test_labels_are_matrices(shapes):
    with pytest.raises(ShapeError):
        Labels(*map(np.ones, shapes))


def test_names_of_labels_are_compared_where_both_sides_have_them():
    def codes(names):
        return Codes(np.zeros((1, 1), np.uint8), 8, ["a"], "text", np.ones((1, 1)), names)

    for a, b in ((None, ("sea",)), (("sea",), None), (("sea",), ("sea",))):
        assert from_codes(codes(a), codes(b)).grades(0, 1)(0).tolist() == [1]
