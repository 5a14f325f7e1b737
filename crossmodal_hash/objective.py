"""What is learned: named terms, each a loss over pairs of modalities, summed with the recipe's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from crossmodal_hash.contracts import Criterion, HashLoss
from crossmodal_hash.types import HashOutput

Heads = Literal["fused", "levels+fused", "sum"]


@dataclass(frozen=True)
class Block:
    """What one step compares: B items with M others.

    Attributes:
        live: modality -> outputs of the B items; gradients flow through these.
        others: modality -> outputs of the M items they are compared with: the same, or a memory of all.
        labels: (B, C).
        other_labels: (M, C).
        partners: modality -> outputs of the same B items, for losses on the codes of one item.
        codes: (B, K) in {-1, 1}, the binary codes the outputs should come near.
    """

    live: Mapping[str, HashOutput]
    others: Mapping[str, HashOutput]
    labels: Tensor
    other_labels: Tensor
    partners: Mapping[str, HashOutput]
    codes: Tensor

    def inter(self) -> Iterator[tuple[str, str]]:
        """Pairs of modalities, each once."""
        seen: list[str] = []
        for a in self.live:
            seen.append(a)
            yield from ((a, b) for b in self.others if b not in seen or (b != a and b not in self.live))


def binary(x: Tensor) -> Tensor:
    """The sign rule of `codes.bits` on tensors: x >= 0 is +1, otherwise -1; no gradient."""
    return torch.where(x >= 0, 1.0, -1.0)


def in_batch(outputs: Mapping[str, HashOutput], labels: Tensor) -> Block:
    """A batch compared with itself; the codes are B = sign of the sum over modalities."""
    with torch.no_grad():
        codes = binary(torch.stack([output.u for output in outputs.values()]).sum(0))
    return Block(outputs, outputs, labels, labels, outputs, codes)


def head_pairs(a: HashOutput, b: HashOutput, heads: Heads) -> list[tuple[Tensor, Tensor, float]]:
    """Heads of two modalities that are compared, with their weights; level heads are aligned from the top."""
    pairs = [(a.u, b.u, 1.0)]
    shared = min(len(a.per_level), len(b.per_level))
    if heads == "fused" or not shared:
        return pairs
    weight = 1.0 if heads == "sum" else 1.0 / shared
    return pairs + [(x, y, weight) for x, y in zip(a.per_level[-shared:], b.per_level[-shared:], strict=True)]


class Term(nn.Module):
    """One loss with its weights.

    Args:
        loss: compares pairs, or the codes of one item.
        criterion: similarity of labels; needed by losses that compare pairs.
        weight: factor on the whole term.
        inter: factor on pairs across modalities.
        intra: factor on pairs within a modality.
        heads: hash heads the term runs over; `levels+fused` takes the mean over levels, `sum` their sum.
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
    ) -> None:
        super().__init__()
        self.loss, self.criterion = loss, criterion
        self.weight, self.inter, self.intra, self.heads = weight, inter, intra, heads

    def compared(self, block: Block) -> Iterator[tuple[Tensor, Tensor, float]]:
        """Pairs of code matrices and the factor of each."""
        within = ((a, a) for a in block.live)
        if self.loss.compares == "pairs":
            jobs = [(pairs, w) for pairs, w in ((block.inter(), self.inter), (within, self.intra)) if w]
            for pairs, factor in jobs:
                for a, b in pairs:
                    for u, v, w in head_pairs(block.live[a], block.others[b], self.heads):
                        yield u, v, w * factor
        else:
            for a, b in list(block.inter()) or list(within):
                for u, v, w in head_pairs(block.live[a], block.partners[b], self.heads):
                    yield u, v, w * self.inter

    def forward(self, block: Block, s: Tensor | None) -> dict[str, Tensor]:
        """The named values of the term, unweighted among each other, weighted as a whole."""
        target = s if s is not None else block.codes
        sums: dict[str, Tensor] = {}
        for u, v, factor in self.compared(block):
            out = self.loss(u, v, target)
            for name, value in (out if isinstance(out, dict) else {"": out}).items():
                sums[name] = sums.get(name, 0.0) + self.weight * factor * value
        return sums


class Objective(nn.Module):
    """A sum of terms.

    Args:
        terms: name -> term; the names are those of the recipe.
    """

    def __init__(self, terms: Mapping[str, Term]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(dict(terms))

    def fit(self, labels: Tensor) -> None:
        """Let every criterion take its statistic of the training labels (N, C)."""
        for term in self.terms.values():
            assert isinstance(term, Term)
            if term.criterion is not None:
                term.criterion.fit(labels)

    def forward(self, block: Block) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and each term's share of it under its name."""
        shares: dict[str, Tensor] = {}
        similarities: dict[str, Tensor] = {}
        for name, term in self.terms.items():
            assert isinstance(term, Term)
            s = None
            if term.criterion is not None and term.loss.compares == "pairs":
                # Similarity is of labels alone: terms with the same criterion share one matrix.
                key = repr((type(term.criterion), term.criterion.config()))
                if key not in similarities:
                    similarities[key] = term.criterion(block.labels, block.other_labels)
                s = similarities[key]
            for part, value in term(block, s).items():
                shares[f"{name}/{part}" if part else name] = value
        return torch.stack(list(shares.values())).sum(), shares
