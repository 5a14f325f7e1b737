"""What must be said with numbers so that others can compare with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from crossmodal_hash.codes import Codes, unpack
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import describe

TIES = {
    "expected": "mean over every order of the items at one distance",
    "stable": "in database order",
    "optimistic": "relevant items first",
    "pessimistic": "relevant items last",
}
DATABASES = {
    "all": "everything that is not a query, training items included",
    "known-labels": "everything that is not a query, where items trained on and validated with have codes made from "
    "their labels: not to be compared with `all`",
    "unseen": "what was neither trained on nor validated with",
    "query": "the queries' own partners",
}
EMPTY = {"zero": "count 0", "skip": "are left out", "one": "count 1", "error": "are refused"}
ENOUGH = 100_000
"""Codes that are looked at for what nearly all of them have in common."""


def unified(codes: Mapping[str, Codes]) -> list[str]:
    """A sentence where codes of the database know of more than the modality they are searched as."""
    counts = {int(c.parts["unified"].sum()) for c in codes.values() if "unified" in c.parts}
    return [
        f"codes unified: {n} items of the database have one code from all their modalities, so that what is asked for "
        f"is not searched by itself alone; closed_form.codes = 'per-view' is strictly cross-modal"
        for n in counts
    ]


def known_labels(codes: Mapping[str, Codes]) -> list[str]:
    """A sentence where codes of the database were made from labels."""
    counts = {int(c.parts["known_labels"].sum()) for c in codes.values() if "known_labels" in c.parts}
    return [
        f"codes from known labels: {n} items of the database have one code made from their labels, whatever they show "
        f"or say; encode without --known-labels for codes of the items themselves"
        for n in counts
    ]


def apart(codes: Mapping[str, Codes], share: float = 0.95) -> list[str]:
    """A sentence where bits hold the modality instead of the item: they lie between any picture and any text.

    Rankings across modalities do not suffer, for every distance grows alike; whatever counts within a radius does.

    Args:
        codes: modality -> codes of the same items.
        share: of the items for which a bit must say the modality.
    """
    ones = {name: unpack(c.packed[:ENOUGH], c.bits).clip(0).mean(0) for name, c in codes.items()}
    said = []
    for (a, p), (b, q) in combinations(ones.items(), 2):
        if p.shape == q.shape and (n := int((np.abs(p - q) > 2 * share - 1).sum())):
            said.append(f"{n} of {len(p)} bits tell {a} from {b} and nothing else: no pair of them is nearer than that")
    return said


def conventions(scores: Sequence[Score], level: float | None) -> list[str]:
    """A sentence for each definition and rule, and for what was counted.

    Args:
        scores: of one evaluation, at least one.
        level: of the intervals; None without them.
    """
    result = scores[0].result
    notes = [f"{name}: {describe(name)}" for name in (*result.values, *result.curves)]
    notes.append(f"ties {result.ties}: {TIES[result.ties]}")
    none = sorted({score.result.empty_queries for score in scores})
    said = f"{none[0]}" if len(none) == 1 else f"{none[0]} to {none[-1]}"
    notes.append(f"queries without a relevant item (rule {result.empty}): {said}, which {EMPTY[result.empty]}")
    for name in result.empty_balls:
        balls: dict[str, list[str]] = {}
        for score in scores:
            balls.setdefault(score.direction, []).append(f"{score.result.empty_balls[name]} ({score.database})")
        said = ", ".join(f"{direction} {' '.join(counts)}" for direction, counts in balls.items())
        notes.append(f"{name}: queries that find nothing within the radius count 0; these are {said}")
    if any(score.database != "all" for score in scores):
        named = dict.fromkeys(score.database for score in scores)
        notes.append("databases: " + "; ".join(f"{name} is {DATABASES[name]}" for name in named))
    if level is not None:
        notes.append(f"low and high: {level:.0%} bootstrap interval over the queries")
    notes.append("random: what codes without information score")
    return notes
