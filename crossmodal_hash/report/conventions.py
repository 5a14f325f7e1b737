"""What must be reported with numbers so that others can compare with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from crossmodal_hash.codes import Codes, unpack
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import describe

TIES = {
    "expected": "mean over every order of the items at the same distance",
    "stable": "in database order",
    "optimistic": "relevant items first",
    "pessimistic": "relevant items last",
}
DATABASES = {
    "all": "everything that is not a query, training items included",
    "known-labels": "everything that is not a query, where items used for training and validation have codes made "
    "from their labels: not comparable with `all`",
    "unseen": "items that were used neither for training nor for validation",
    "query": "the queries' own partners",
    "untrained": "items that were used neither for training nor for validation, the queries' partners included",
    "whole": "every item, training items and the queries' partners included",
}
FOLDS = "the queries' own partners in equal parts, each ranked by itself, and the mean of their scores"
EMPTY = {"zero": "count 0", "skip": "are left out", "one": "count 1", "error": "are an error"}
ENOUGH = 100_000
"""Number of codes that are examined for bits that nearly all of them share."""


def unified(codes: Mapping[str, Codes]) -> list[str]:
    """A sentence if codes of the database use more than the modality that is searched."""
    counts = {int(c.parts["unified"].sum()) for c in codes.values() if "unified" in c.parts}
    return [
        f"codes unified: {n} items of the database have one code from all their modalities, so the searched modality "
        f"is not used alone; closed_form.codes = 'per-view' is strictly cross-modal"
        for n in counts
    ]


def known_labels(codes: Mapping[str, Codes]) -> list[str]:
    """A sentence if codes of the database were made from labels."""
    counts = {int(c.parts["known_labels"].sum()) for c in codes.values() if "known_labels" in c.parts}
    return [
        f"codes from known labels: {n} items of the database have one code made from their labels, not from their "
        f"pictures or texts; encode without --known-labels for codes of the items themselves"
        for n in counts
    ]


def several(codes: Mapping[str, Codes]) -> list[str]:
    """A sentence for each modality in which items have several codes."""
    items = {name: len(np.unique(c.ids)) for name, c in codes.items()}
    return [
        f"{name}: {len(codes[name])} codes of {n} items, each a query and a candidate of its own"
        for name, n in items.items()
        if n < len(codes[name])
    ]


def apart(codes: Mapping[str, Codes], share: float = 0.95) -> list[str]:
    """A sentence if bits encode the modality instead of the item: they differ between any picture and any text.

    Rankings across modalities are not affected, because every distance grows equally; metrics within a radius are.

    Args:
        codes: modality -> codes of the same items.
        share: share of the items for which a bit must encode the modality.
    """
    ones = {name: unpack(c.packed[:ENOUGH], c.bits).clip(0).mean(0) for name, c in codes.items()}
    said = []
    for (a, p), (b, q) in combinations(ones.items(), 2):
        if p.shape == q.shape and (n := int((np.abs(p - q) > 2 * share - 1).sum())):
            said.append(f"{n} of {len(p)} bits only separate {a} from {b}: no pair of them is nearer than that")
    return said


def conventions(scores: Sequence[Score], level: float | None) -> list[str]:
    """A sentence for each definition and rule, and for what was counted.

    Args:
        scores: scores of one evaluation, at least one.
        level: level of the intervals; None without intervals.
    """
    result = scores[0].result
    names = dict.fromkeys(name for score in scores for name in (*score.result.values, *score.result.curves))
    notes = [f"{name}: {describe(name)}" for name in names]
    notes.append(f"ties {result.ties}: {TIES[result.ties]}")
    if len({score.is_paired for score in scores}) > 1:
        paired = ", ".join(dict.fromkeys(score.database for score in scores if score.is_paired))
        notes.append(f"relevant: items that share a label; against {paired}, only the query's own partner")
    none = sorted({score.result.empty_queries for score in scores})
    said = f"{none[0]}" if len(none) == 1 else f"{none[0]} to {none[-1]}"
    notes.append(f"queries without a relevant item (rule {result.empty}): {said}, which {EMPTY[result.empty]}")
    for name in result.empty_balls:
        balls: dict[str, list[str]] = {}
        for score in scores:
            if name in score.result.empty_balls:
                balls.setdefault(score.direction, []).append(f"{score.result.empty_balls[name]} ({score.database})")
        said = ", ".join(f"{direction} {' '.join(counts)}" for direction, counts in balls.items())
        notes.append(f"{name}: queries that find nothing within the radius count 0; these are {said}")
    if any(score.database != "all" for score in scores):
        named = dict.fromkeys(score.database for score in scores)
        notes.append("databases: " + "; ".join(f"{name} is {DATABASES.get(name, FOLDS)}" for name in named))
    if level is not None:
        notes.append(f"low and high: {level:.0%} bootstrap interval over the queries")
    notes.append("random: score of codes without information")
    return notes
