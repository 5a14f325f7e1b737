"""The training objective: named terms, each a loss over pairs of modalities, summed with the recipe's weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from crossmodal_hash.contracts import Criterion, HashLoss
from crossmodal_hash.evidence import Evidence, Seen, Sees, between
from crossmodal_hash.types import HashOutput

Heads = Literal["fused", "levels+fused", "sum"]
Between = Literal["all", "guide"]
On = Literal["codes", "features"]


@dataclass(frozen=True)
class Block:
    """What one step compares: B items with M others.

    Attributes:
        live: modality -> outputs of the B items; gradients flow through these.
        others: modality -> outputs of the M items they are compared with: the same, or a memory of all.
        evidence: kind of evidence -> that of the B items and that of the M others.
        partners: modality -> outputs of the same B items, for losses on the codes of one item.
        codes: (B, K) in {-1, 1}, the binary codes that the outputs should approach.
        guides: which modalities of `others` guide the rest.
    """

    live: Mapping[str, HashOutput]
    others: Mapping[str, HashOutput]
    evidence: Mapping[Sees, tuple[Seen, Seen]]
    partners: Mapping[str, HashOutput]
    codes: Tensor
    guides: Collection[str] = ()
    _similarities: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def similarity(self, criterion: Criterion) -> Tensor:
        """(B, M) by a criterion; terms with the same one share the matrix, which is of the evidence alone."""
        key = repr((type(criterion), criterion.config()))
        if key not in self._similarities:
            self._similarities[key] = criterion(*self.evidence[criterion.sees])
        return self._similarities[key]

    @property
    def labels(self) -> Tensor:
        """(B, C) of the B items."""
        labels = self.evidence["labels"][0]
        assert isinstance(labels, Tensor)
        return labels

    def inter(self, between: Between = "all") -> Iterator[tuple[str, str]]:
        """Pairs of modalities, each once; for `guide` those with a guide, including a learning guide with itself."""
        if between == "guide":
            yield from ((a, b) for a in self.live for b in self.guides)
            return
        seen: list[str] = []
        for a in self.live:
            seen.append(a)
            yield from ((a, b) for b in self.others if b not in seen or (b != a and b not in self.live))


def binary(x: Tensor) -> Tensor:
    """The sign rule of `codes.bits` on tensors: x >= 0 is +1, otherwise -1; no gradient."""
    return torch.where(x >= 0, 1.0, -1.0)


def in_batch(
    outputs: Mapping[str, HashOutput],
    evidence: Evidence,
    *,
    constants: Mapping[str, HashOutput] | None = None,
    guides: Collection[str] = (),
) -> Block:
    """A batch compared with itself; the codes are B = sign of the sum over modalities.

    Args:
        outputs: modality -> outputs of the B items; gradients flow through these.
        evidence: of the B items.
        constants: outputs of towers that do not learn in this step.
        guides: which of the modalities guide the others.
    """
    everything = {**outputs, **(constants or {})}
    with torch.no_grad():
        codes = binary(torch.stack([output.u for output in everything.values()]).sum(0))
    present = [name for name in guides if name in everything]
    return Block(outputs, everything, between(evidence, evidence), everything, codes, present)


def head_pairs(a: HashOutput, b: HashOutput, heads: Heads, on: On = "codes") -> list[tuple[Tensor, Tensor, float]]:
    """Heads of two modalities that are compared, with their weights; level heads are aligned from the top."""
    if on == "features":
        assert a.features is not None
        assert b.features is not None
        return [(a.features, b.features, 1.0)]
    pairs = [(a.u, b.u, 1.0)]
    shared = min(len(a.per_level), len(b.per_level))
    if heads == "fused" or not shared:
        return pairs
    weight = 1.0 if heads == "sum" else 1.0 / shared
    return pairs + [(x, y, weight) for x, y in zip(a.per_level[-shared:], b.per_level[-shared:], strict=True)]


class Term(nn.Module):
    """One loss with its weights.

    Args:
        loss: compares pairs, or what belongs to one item.
        criterion: similarity of items; needed by losses that compare pairs.
        weight: factor on the whole term.
        inter: factor on pairs across modalities.
        intra: factor on pairs within a modality, as it affects the tower that learns: compared with a memory, one side
            of a pair learns; within a batch both do and their gradients add up, so such pairs count half there.
        heads: hash heads the term runs over; `levels+fused` takes the mean over levels, `sum` their sum.
        between: which modalities are compared: `all`, or each with the guides.
        on: what the loss sees: `codes`, or the fused `features` before the hash head.
    """

    def __init__(
        self,
        loss: HashLoss,
        criterion: Criterion | None = None,
        *,
        weight: float = 1.0,
        inter: float = 1.0,
        intra: float = 0.0,
        heads: Heads = "fused",
        between: Between = "all",
        on: On = "codes",
    ) -> None:
        super().__init__()
        self.loss, self.criterion = loss, criterion
        self.weight, self.inter, self.intra, self.heads = weight, inter, intra, heads
        self.between, self.on = between, on
        self.copies = nn.ModuleDict()

    @property
    def needs(self) -> Sees | None:
        """The kind of evidence that it cannot do without."""
        if self.loss.compares == "items":
            return "labels"
        return self.criterion.sees if self.criterion is not None and self.loss.compares == "pairs" else None

    def similarity(self, block: Block) -> Tensor | None:
        """(B, M) by its criterion; None for a loss that does not compare pairs."""
        return None if self.criterion is None or self.loss.compares != "pairs" else block.similarity(self.criterion)

    def setup(self, widths: Mapping[str, int], bits: int, classes: int) -> None:
        """Give every modality its own copy of a loss on items; `widths` are those of the fused features."""
        if self.loss.compares == "items":
            for modality, width in widths.items():
                self.copies[modality] = copy = deepcopy(self.loss)
                copy.setup(width if self.on == "features" else bits, classes)

    def compared(self, block: Block) -> Iterator[tuple[HashLoss, Tensor, Tensor, float]]:
        """The loss, pairs of matrices and the factor of each."""
        within = ((a, a) for a in block.live)
        if self.loss.compares == "items":
            for a in block.live:
                partners = list(block.guides) if self.between == "guide" else [b for b in block.partners if b != a]
                if self.loss.opposed and a in block.guides:
                    continue  # nobody plays against himself
                for b in partners or [a]:
                    loss = self.copies[a] if self.copies else self.loss
                    assert isinstance(loss, HashLoss)
                    for u, v, w in head_pairs(block.live[a], block.partners[b], self.heads, self.on):
                        yield loss, u, v, w * self.inter / max(len(partners), 1)
        elif self.loss.compares == "pairs":
            jobs = [(pairs, w) for pairs, w in ((block.inter(self.between), self.inter), (within, self.intra)) if w]
            for pairs, factor in jobs:
                for a, b in pairs:
                    sides = 2 if block.others[b] is block.live[a] else 1
                    for u, v, w in head_pairs(block.live[a], block.others[b], self.heads, self.on):
                        yield self.loss, u, v, w * factor / sides
        else:
            for a, b in list(block.inter(self.between)) or list(within):
                for u, v, w in head_pairs(block.live[a], block.partners[b], self.heads, self.on):
                    yield self.loss, u, v, w * self.inter

    def forward(self, block: Block, s: Tensor | None) -> dict[str, Tensor]:
        """The named values of the term; all have the weight of the term."""
        sums: dict[str, Tensor] = {}
        for loss, u, v, factor in self.compared(block):
            out = loss(u, v, self._target(block, s))
            for name, value in (out if isinstance(out, dict) else {"": out}).items():
                sums[name] = sums.get(name, 0.0) + self.weight * factor * value
        return sums

    def opposition(self, block: Block) -> Iterator[Tensor]:
        """What the parameters of an opposed loss minimize, one number per comparison."""
        for loss, u, v, _ in self.compared(block):
            yield loss.oppose(u.detach(), v.detach(), self._target(block, None))

    def _target(self, block: Block, s: Tensor | None) -> Tensor:
        if self.loss.compares == "items":
            return block.labels
        return block.codes if s is None else s


class Objective(nn.Module):
    """A sum of terms.

    Args:
        terms: name -> term; the names are those of the recipe.
    """

    def __init__(self, terms: Mapping[str, Term]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(dict(terms))

    def each(self) -> Iterator[tuple[str, Term]]:
        """Names and terms."""
        for name, term in self.terms.items():
            assert isinstance(term, Term)
            yield name, term

    def setup(self, widths: Mapping[str, int], bits: int, classes: int) -> None:
        """Build what depends on the towers' widths and the number of classes."""
        for _, term in self.each():
            term.setup(widths, bits, classes)

    @property
    def needs(self) -> frozenset[Sees]:
        """The kinds of evidence without which its terms cannot be computed."""
        return frozenset(kind for _, term in self.each() if (kind := term.needs) is not None)

    def fit(self, evidence: Evidence) -> None:
        """Fit every criterion to the evidence of the N training items."""
        for _, term in self.each():
            if term.criterion is not None and term.needs is not None:
                term.criterion.fit(evidence[term.needs])

    @property
    def sees_features(self) -> bool:
        """Whether a term uses features, not only codes."""
        return any(term.on == "features" for _, term in self.each())

    def opposed(self) -> list[Term]:
        """The terms whose parameters are trained against the towers."""
        return [term for _, term in self.each() if term.loss.opposed]

    def opposition(self, block: Block) -> Tensor | None:
        """What these parameters minimize; None if there is nothing to compare in this block."""
        values = [value for term in self.opposed() for value in term.opposition(block)]
        return torch.stack(values).sum() if values else None

    def doubts(self, block: Block) -> Iterator[tuple[str, str]]:
        """The names of terms that will teach little, and why."""
        for name, term in self.each():
            if (s := term.similarity(block)) is not None and (why := term.loss.doubt(s)) is not None:
                yield name, why

    def forward(self, block: Block) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and the share of each term under its name."""
        shares: dict[str, Tensor] = {}
        for name, term in self.each():
            for part, value in term(block, term.similarity(block)).items():
                shares[f"{name}/{part}" if part else name] = value
        return torch.stack(list(shares.values())).sum(), shares
