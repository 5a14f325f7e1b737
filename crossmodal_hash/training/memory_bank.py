"""The papers' buffers F, G and B: the latest real codes of every training item, and their common binary codes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from crossmodal_hash.objective import Block, binary
from crossmodal_hash.types import HashOutput


class Memory:
    """Buffers over the N training items for alternating optimization (HSIDHN eq. 32-34, DSPAH algorithm 1).

    Args:
        heads: tower -> number of hash heads, the fused one first; each gets a buffer (N, K).
        labels: (N, C) of the training items.
        bits: K.
        generator: draws the initial values, N(0, 1).
        features: tower -> width of its fused features, if a term compares them; each gets a buffer (N, D).
        guides: which towers guide the others.
    """

    def __init__(
        self,
        heads: Mapping[str, int],
        labels: Tensor,
        bits: int,
        generator: torch.Generator,
        *,
        features: Mapping[str, int] | None = None,
        guides: Collection[str] = (),
    ) -> None:
        self.labels, self.guides = labels, guides

        def drawn(width: int) -> Tensor:
            return torch.randn(len(labels), width, generator=generator).to(labels.device)

        self.buffers = {name: [drawn(bits) for _ in range(count)] for name, count in heads.items()}
        self.features = {name: drawn(width) for name, width in (features or {}).items()}
        self.codes = torch.empty(0)
        self.renew_codes()

    def renew_codes(self) -> None:
        """B = sign(F + G), once per epoch."""
        self.codes = binary(torch.stack([buffers[0] for buffers in self.buffers.values()]).sum(0))

    def write(self, modality: str, rows: Tensor, output: HashOutput) -> None:
        """Store the latest outputs of some items, without gradient."""
        for buffer, head in zip(self.buffers[modality], output.heads(), strict=True):
            buffer[rows] = head.detach().to(buffer.dtype)
        if modality in self.features and output.features is not None:
            self.features[modality][rows] = output.features.detach().to(self.features[modality].dtype)

    def block(self, modality: str, output: HashOutput, rows: Tensor) -> Block:
        """One modality's batch against everything in the memory."""
        return Block(
            live={modality: output},
            others={name: self._output(name) for name in self.buffers},
            evidence={"labels": (self.labels[rows], self.labels)},
            partners={name: self._output(name, rows) for name in self.buffers},
            codes=self.codes[rows],
            guides=self.guides,
        )

    def _output(self, modality: str, rows: Tensor | None = None) -> HashOutput:
        u, *per_level = self.buffers[modality] if rows is None else [x[rows] for x in self.buffers[modality]]
        features = self.features.get(modality)
        return HashOutput(u, tuple(per_level), features if features is None or rows is None else features[rows])

    def state(self) -> dict[str, Tensor]:
        """All buffers by name, for a checkpoint."""
        named = {f"{m}/{i}": x for m, buffers in self.buffers.items() for i, x in enumerate(buffers)}
        features = {f"{name}/features": x for name, x in self.features.items()}
        return {**named, **features, "codes": self.codes}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore the output of `state`."""
        for modality, buffers in self.buffers.items():
            for i, buffer in enumerate(buffers):
                buffer.copy_(state[f"{modality}/{i}"])
        for name, features in self.features.items():
            features.copy_(state[f"{name}/features"])
        self.codes = state["codes"].to(self.codes.device)
