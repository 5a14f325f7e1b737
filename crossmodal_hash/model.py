"""The hashing network: one tower per modality name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from crossmodal_hash.contracts import Backbone, Component, Fusion, HashFunction, Pooling
from crossmodal_hash.dropout import Dropout
from crossmodal_hash.levels.drop import ChannelDropout
from crossmodal_hash.levels.project import Projection
from crossmodal_hash.levels.scale import Scale
from crossmodal_hash.levels.select import select
from crossmodal_hash.levels.shortcut import Shortcut
from crossmodal_hash.levels.standardize import Standardize
from crossmodal_hash.types import HashOutput, LevelInfo, Levels, TowerInput


class Tower(nn.Module):
    """The path from one modality to its codes: backbone, levels, pooling, fusion, hash head.

    Args:
        backbone: already set up, so that its levels are known.
        wanted: which levels: the last n, or positions or names.
        pooling: how a level becomes one vector; unused by blocks that take levels, as are `width` and `dropout`.
        width: D of each projected level; 0 does not project pooled levels.
        input_dropout: on each pooled level; for blocks that take levels, of whole channels of each level.
        dropout: on each projected level.
        fusion: not set up yet; the tower does it.
        head: activation of the hash heads.
        level_heads: whether every level gets its own hash head.
        shortcut: root mean square of a fixed linear code of the pooled levels, added before the head; 0 for
            none. Only beside a frozen backbone.
        bits: K.
        in_features: width of the raw input, which the backbone was set up for.
        words: L, width of a bag of words that comes as one more level beside those of the backbone; 0 for none.
        condense: side of the grid the levels of a frozen backbone are reduced to; None trains the backbone.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        wanted: int | Sequence[int | str],
        pooling: Pooling,
        width: int,
        input_dropout: float,
        dropout: float,
        fusion: Fusion,
        head: Component,
        level_heads: bool,
        bits: int,
        in_features: int,
        words: int = 0,
        shortcut: float = 0.0,
        condense: int | None = None,
    ) -> None:
        super().__init__()
        self.bits, self.in_features, self.words, self.condense = bits, in_features, words, condense
        self.backbone = backbone
        self.chosen = select(backbone.levels, wanted)
        infos = [backbone.levels[i] for i in self.chosen]
        columns = {"vector": in_features, "text": None}
        scaled = backbone.reads in columns and not backbone.as_given
        self.scale = Scale(columns[backbone.reads]) if scaled else None
        # Without a frozen backbone the maps change as it learns, and batch norm does this work.
        self.standardize = Standardize(infos, condense) if condense is not None else None
        around = shortcut > 0 and condense is not None
        self.shortcut = Shortcut(sum(map(pooling.width, infos)), bits, shortcut) if around else None
        if words:
            infos.append(LevelInfo("words", words, 0))
        self.pooling, self.fusion, self.head = pooling, fusion, head
        self.drop_channels = ChannelDropout(input_dropout)
        self.projections = nn.ModuleList()
        self.level_heads = nn.ModuleList()
        if fusion.takes == "vectors":
            pooled = [LevelInfo(info.name, pooling.width(info), 0) for info in infos]
            for info in pooled:
                project = Projection(info.channels, width, dropout, input_dropout=input_dropout) if width else None
                self.projections.append(project or Dropout(input_dropout))
            infos = [LevelInfo(info.name, width or info.channels, 0) for info in pooled]
            if level_heads and not fusion.in_code_space:
                self.level_heads.extend(nn.Linear(info.channels, bits) for info in infos)
        fusion.setup(infos, bits)
        self.supervises_levels = level_heads
        self.to_bits = nn.Identity() if fusion.in_code_space else nn.Linear(fusion.out_features, bits)
        if condense is not None:
            backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> Tower:
        """A frozen backbone stays in evaluation mode: its batch statistics must not move."""
        super().train(mode)
        if self.condense is not None:
            self.backbone.eval()
        return self

    def levels(self, x: Tensor) -> Levels:
        """(B, ...) raw input -> every level of the backbone, condensed if the backbone is frozen."""
        if self.scale is not None:
            x = self.scale(x)
        if self.condense is None:
            return tuple(self.backbone(x))
        with torch.no_grad():
            return tuple(level.condense(self.condense) for level in self.backbone(x))

    def choose(self, levels: Levels) -> Levels:
        """The levels that this tower uses, out of all levels of its backbone."""
        return tuple(levels[i] for i in self.chosen)

    def scaled(self, levels: Levels) -> Levels:
        """The chosen levels as the layers that learn get them: those of a frozen backbone are standardized."""
        if self.standardize is None:
            return levels
        # Words are counted as present or absent, which is their scale.
        return (*self.standardize(levels[: len(self.chosen)]), *levels[len(self.chosen) :])

    def pooled(self, levels: Levels) -> Tensor:
        """The chosen levels of the backbone, scaled -> their pooled vectors side by side, (B, D), words left out."""
        return torch.cat([self.pooling(level) for level in levels[: len(self.chosen)]], 1)

    def vectors(self, levels: Levels) -> list[Tensor]:
        """The chosen levels pooled and projected, each (B, D_k)."""
        return [project(self.pooling(level)) for project, level in zip(self.projections, levels, strict=True)]

    def forward(self, x: TowerInput) -> HashOutput:
        """Raw input (B, ...), or the chosen levels of a backbone that has already run -> codes before the sign."""
        levels = self.choose(self.levels(x)) if isinstance(x, Tensor) else x
        levels = self.scaled(levels)
        if self.fusion.takes == "levels":
            features, per_level = self.fusion(self.drop_channels(levels))
        else:
            vectors = self.vectors(levels)
            features, per_level = self.fusion(vectors)
            if self.level_heads:
                per_level = tuple(to_bits(x) for to_bits, x in zip(self.level_heads, vectors, strict=True))
        heads = tuple(self.head(z) for z in per_level) if self.supervises_levels else ()
        z = self.to_bits(features)
        if self.shortcut is not None:
            z = z + self.shortcut(self.pooled(levels))
        return HashOutput(self.head(z), heads, features, z)


class HashModel(nn.Module):
    """Towers by modality name, any number of them.

    Args:
        towers: modality name -> tower; all of the same K.
    """

    def __init__(self, towers: Mapping[str, Tower]) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(dict(towers))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the towers whose codes are stored and searched, in order."""
        return tuple(name for name in self.towers if name not in self.guides)

    @property
    def guides(self) -> tuple[str, ...]:
        """Names of the towers that read labels; they are used only in training."""
        return tuple(name for name in self.towers if self.tower(name).backbone.reads == "label")

    @property
    def widths(self) -> dict[str, int]:
        """Name of each tower -> width of its fused features."""
        return {name: self.tower(name).fusion.out_features for name in self.towers}

    @property
    def bits(self) -> int:
        """K."""
        return self.tower(self.modalities[0]).bits

    def tower(self, modality: str) -> Tower:
        """The tower of one modality."""
        tower = self.towers[modality]
        assert isinstance(tower, Tower)
        return tower

    def forward(self, inputs: Mapping[str, TowerInput]) -> dict[str, HashOutput]:
        """Modality name -> input (B, ...), for any of the modalities."""
        return {modality: self.tower(modality)(x) for modality, x in inputs.items()}

    def constants(self, inputs: Mapping[str, TowerInput]) -> dict[str, HashOutput]:
        """Outputs of the guides for a batch, in evaluation mode and without gradient."""
        with torch.no_grad():
            return {name: self.tower(name).eval()(inputs[name]) for name in self.guides}

    def unify(self, u: Mapping[str, Tensor]) -> Tensor | None:
        """Real codes of the same items, each (B, K) -> their common codes (B, K).

        None unless every modality is given and the hash functions of all towers can unify.
        """
        functions = [self.tower(modality).fusion for modality in self.modalities]
        if set(u) != set(self.modalities) or not all(isinstance(f, HashFunction) and f.unifies for f in functions):
            return None
        first = functions[0]
        assert isinstance(first, HashFunction)
        return first.unify([u[modality] for modality in self.modalities])

    def own_state(self) -> dict[str, Tensor]:
        """The state dict, each tensor once: a shared tensor (two towers over one module) under its first name."""
        first = {name for name, _ in (*self.named_parameters(), *self.named_buffers())}  # torch leaves out the others
        return {name: x for name, x in self.state_dict().items() if name in first}

    def learned_state(self) -> dict[str, Tensor]:
        """Parameters and buffers that training changes: all except frozen backbones; each tensor once."""
        frozen = tuple(f"towers.{m}.backbone." for m in self.towers if self.tower(m).condense is not None)
        return {name: x for name, x in self.own_state().items() if not name.startswith(frozen or ("\0",))}

    def fingerprint(self) -> str:
        """SHA-256 over all weights: two models with the same fingerprint give the same codes."""
        return fingerprint(self.state_dict())


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and values of some tensors."""
    digest = hashlib.sha256()
    for name, x in sorted(state.items()):
        digest.update(f"{name} {tuple(x.shape)} {x.dtype}".encode())
        digest.update(
            x.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes() if x.ndim else str(x.item()).encode()
        )
    return digest.hexdigest()


def complete(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A saved state, completed by what version 0.1 did not save: it used matrices unscaled."""
    as_given = {"input_mean": torch.zeros_like, "input_scale": torch.ones_like}
    units = {name: as_given[last](x) for name, x in own.items() if (last := name.rpartition(".")[2]) in as_given}
    return units | dict(state)
