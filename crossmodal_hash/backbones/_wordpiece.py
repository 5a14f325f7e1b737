"""BERT's vocabulary as a tensor, which is saved with the weights it belongs to, and the tokenizer made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from crossmodal_hash.errors import WeightsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST = 32
"""Bytes kept for a token; the longest of BERT's English vocabulary has 18."""


def read_vocabulary(path: Path, size: int) -> Tensor:
    """(size, 32) uint8: the tokens of a `tokenizer.json` in the order of their ids, in UTF-8, filled up with zeros.

    Args:
        path: a file of the library `tokenizers`, of BERT's kind: WordPiece on text in lower case.
        size: number of tokens.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model, normalizer = content["model"], content["normalizer"]
        known = model["type"] == "WordPiece" and normalizer["type"] == "BertNormalizer" and normalizer["lowercase"]
        vocabulary = {str(token): int(row) for token, row in model["vocab"].items()}
    except FileNotFoundError:
        raise WeightsError(
            f"no tokenizer at '{path}'; copy the file tokenizer.json that belongs to the model"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WeightsError(f"'{path}' cannot be read as a tokenizer; install or copy it again") from error
    if not known:
        raise WeightsError(
            f"'{path}' is not an uncased WordPiece tokenizer, the kind that this network was trained with"
        )
    missing = [token for token in SPECIAL if token not in vocabulary]
    long = [token for token in vocabulary if len(token.encode()) > LONGEST]
    if missing or long or sorted(vocabulary.values()) != list(range(size)):
        raise WeightsError(
            f"'{path}' does not fit: expected {size} tokens of at most {LONGEST} bytes, {', '.join(SPECIAL)} among them"
        )
    return rows_of(vocabulary, size)


def rows_of(vocabulary: Mapping[str, int], size: int) -> Tensor:
    """(size, 32) uint8: each token at its row, in UTF-8, filled up with zeros; rows without a token are zero.

    Example:
        >>> rows_of({"[PAD]": 0, "cat": 2}, 3)[:, :5].tolist()
        [[91, 80, 65, 68, 93], [0, 0, 0, 0, 0], [99, 97, 116, 0, 0]]
    """
    tokens = np.zeros(size, f"S{LONGEST}")
    for token, row in vocabulary.items():
        tokens[row] = token.encode()
    return torch.from_numpy(tokens.view(np.uint8).reshape(size, LONGEST))


def letters(size: int) -> Tensor:
    """(size, 32) uint8: a vocabulary of single ASCII characters, for networks whose weights are random anyway."""
    signs = [chr(code) for code in range(33, 127)]
    tokens = [*SPECIAL, *signs, *(f"##{sign}" for sign in signs)]
    return rows_of({token: row for row, token in enumerate(tokens)}, size)


def token_ids(texts: Iterable[str], vocabulary: Tensor, longest: int) -> list[list[int]]:
    """The ids of each text's tokens, between [CLS] and [SEP]; at most `longest`, the rest of the text is left out.

    Args:
        texts: B texts; half characters, which UTF-8 does not have, are left out, as the tokenizer does with others that
            mean nothing.
        vocabulary: (V, 32), from `read_vocabulary`.
        longest: at least 2.

    Example:
        >>> token_ids(["ab", ""], rows_of({token: row for row, token in enumerate([*SPECIAL, "a", "##b"])}, 7), 8)
        [[2, 5, 6, 3], [2, 3]]
    """
    tokenizer = _tokenizer(vocabulary.cpu().numpy().tobytes(), longest)
    # One by one: the library's own threads do not survive the fork of a process that reads pictures, and it says so.
    return [tokenizer.encode(text.encode("utf-8", "ignore").decode()).ids for text in texts]


@lru_cache(maxsize=2)
def _tokenizer(vocabulary: bytes, longest: int) -> Tokenizer:
    """Cached by content, so that a model which loads another vocabulary cannot keep the tokenizer of the old one."""
    # Imported late, because a backbone may be listed, checked or loaded without reading a text.
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    ids = _ids(np.frombuffer(vocabulary, f"S{LONGEST}").tolist())
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")]
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.enable_truncation(longest)
    return tokenizer


def _ids(tokens: Sequence[bytes]) -> dict[str, int]:
    return {token.decode(): row for row, token in enumerate(tokens) if token}
