"""Independent libraries on strict scores, where no tie is left to their sort."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from crossmodal_hash.codes import distances, pack
from crossmodal_hash.metrics import Labels, count, in_order, parse

Q, N, K = 12, 90, 12


@pytest.fixture
def case():
    rng = np.random.default_rng(3)
    queries, database = pack(rng.normal(size=(Q, K))), pack(rng.normal(size=(N, K)))
    labels = (rng.random((Q + N, 5)) < 0.3).astype(np.uint8)
    labels[0] = 0  # an empty query
    return queries, database, labels[:Q], labels[Q:]


def strict_scores(queries, database):
    return -(distances(queries, database, K).astype(float) * N + np.arange(N))


def stable_values(name, case):
    queries, database, q_labels, labels = case
    rankings = in_order(queries, database, K, Labels(q_labels, labels))
    return np.concatenate([parse(name).values(ranking) for ranking in rankings])


def test_map_at_all_is_that_of_scikit_learn(case):
    queries, database, q_labels, labels = case
    relevant = q_labels @ labels.T > 0
    scores = strict_scores(queries, database)
    found = stable_values("map@all", case)
    assert found[0] == 0
    for q in np.flatnonzero(relevant.any(axis=1)):
        assert found[q] == pytest.approx(average_precision_score(relevant[q], scores[q]))


@pytest.mark.parametrize("k", [1, 7, 50, N])
def test_expected_ndcg_is_that_of_scikit_learn_with_ties_left_in(case, k):
    queries, database, q_labels, labels = case
    shared = q_labels.astype(int) @ labels.T
    counts = count(queries, database, K, Labels(q_labels, labels), gains=True)
    found = parse(f"ndcg@{k}").values(counts)
    distance = distances(queries, database, K).astype(float)
    for q in range(1, Q):
        assert found[q] == pytest.approx(ndcg_score([2.0 ** shared[q] - 1], [-distance[q]], k=k))


def test_map_p_and_r_are_those_of_trec_eval(case):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    queries, database, q_labels, labels = case
    relevant = q_labels @ labels.T > 0
    rank = (-strict_scores(queries, database)).argsort(axis=1).argsort(axis=1)
    qrels = {str(q): {str(n): int(relevant[q, n]) for n in range(N)} for q in range(Q)}
    run = {str(q): {str(n): -float(rank[q, n]) for n in range(N)} for q in range(Q)}
    names = {"map": "map@all", "P_10": "P@10", "recall_30": "R@30"}
    scores = pytrec_eval.RelevanceEvaluator(qrels, {"map", "P", "recall"}).evaluate(run)
    for theirs, ours in names.items():
        found = stable_values(ours, case)
        assert found == pytest.approx([scores[str(q)][theirs] for q in range(Q)], abs=1e-6)
