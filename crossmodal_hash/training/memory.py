"""The papers' buffers F, G and B: the latest real codes of every training item, and their common binary codes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal_hash.objective import Block, binary
from crossmodal_hash.types import HashOutput


class Memory:
    """Buffers over the N training items for alternating optimisation (HSIDHN eq. 32-34, DSPAH algorithm 1).

    Args:
        heads: modality -> number of hash heads, the fused one first; each gets a buffer (N, K).
        labels: (N, C) of the training items.
        bits: K.
        generator: draws the initial values, N(0, 1).
    """

    def __init__(self, heads: Mapping[str, int], labels: Tensor, bits: int, generator: torch.Generator) -> None:
        self.labels = labels
        self.buffers = {
            modality: [torch.randn(len(labels), bits, generator=generator).to(labels.device) for _ in range(count)]
            for modality, count in heads.items()
        }
        self.codes = torch.empty(0)
        self.renew_codes()

    def renew_codes(self) -> None:
        """B = sign(F + G), once an epoch."""
        self.codes = binary(torch.stack([buffers[0] for buffers in self.buffers.values()]).sum(0))

    def write(self, modality: str, rows: Tensor, output: HashOutput) -> None:
        """Put the latest outputs of some items in their places, without gradient."""
        for buffer, head in zip(self.buffers[modality], output.heads(), strict=True):
            buffer[rows] = head.detach().to(buffer.dtype)

    def block(self, modality: str, output: HashOutput, rows: Tensor) -> Block:
        """One modality's batch against all that the memory holds."""
        return Block(
            live={modality: output},
            others={name: self._output(name) for name in self.buffers},
            labels=self.labels[rows],
            other_labels=self.labels,
            partners={name: self._output(name, rows) for name in self.buffers},
            codes=self.codes[rows],
        )

    def _output(self, modality: str, rows: Tensor | None = None) -> HashOutput:
        u, *per_level = self.buffers[modality] if rows is None else [x[rows] for x in self.buffers[modality]]
        return HashOutput(u, tuple(per_level))

    def state(self) -> dict[str, Tensor]:
        """All buffers by name, for a checkpoint."""
        named = {f"{m}/{i}": x for m, buffers in self.buffers.items() for i, x in enumerate(buffers)}
        return {**named, "codes": self.codes}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        for modality, buffers in self.buffers.items():
            for i, buffer in enumerate(buffers):
                buffer.copy_(state[f"{modality}/{i}"])
        self.codes = state["codes"].to(self.codes.device)
