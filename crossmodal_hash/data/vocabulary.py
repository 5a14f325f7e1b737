"""Bag of words: which words count, and texts as rows of counts.

Words are ordered by falling frequency, ties by the alphabet. The order is part of the method: multi-scale text pooling
averages neighbouring columns, so that a neighbourhood is a band of frequency.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from crossmodal_hash.errors import DataError, SettingsError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Letters, digits and underscores of any script, with inner apostrophes; or one pictograph.
_TOKEN = re.compile("\\w+(?:['\u2019]\\w+)*|[\u2600-\u27bf\U0001f000-\U0001faff]")


def tokens(text: str) -> list[str]:
    """The words of a text, lower-case and in compatible Unicode form (NFKC); an emoji is a word.

    Example:
        >>> tokens("Don't miss the \u041a\u043e\u0442, plant_life!")
        ["don't", 'miss', 'the', '\u043a\u043e\u0442', 'plant_life']
    """
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words that count, and how.

    Attributes:
        words: L distinct words, most frequent first, ties in alphabetical order.
        binary: whether a word counts once a text or as often as it is there.
        min_count: in how many of the fitted texts a word had to be, >= 1.
    """

    words: tuple[str, ...]
    binary: bool = True
    min_count: int = 1

    def __len__(self) -> int:
        return len(self.words)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Texts as counts of words.

        A text without any of the words, an empty one too, gives a row of zeros.

        Args:
            texts: N texts.

        Returns:
            (N, L) CSR, uint8 in {0, 1} if `binary`, otherwise float32 counts.
        """
        import numpy as np
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import CountVectorizer

        dtype = np.uint8 if self.binary else np.float32
        counter = CountVectorizer(analyzer=tokens, vocabulary=self.words, binary=self.binary, dtype=dtype)
        return csr_matrix(counter.transform(texts))

    def to_json(self) -> str:
        """The vocabulary as a JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Vocabulary:
        """The vocabulary written by `to_json`.

        Raises:
            DataError: if the text is something else.
        """
        try:
            given = json.loads(text)
            words, binary, min_count = given["words"], given["binary"], given["min_count"]
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"a vocabulary is a JSON object with words, binary and min_count, not {text[:60]!r}"
            ) from error
        strings = isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)
        if (
            not strings
            or len(set(words)) < len(words)
            or not isinstance(binary, bool)
            or not isinstance(min_count, int)
        ):
            raise DataError(f"a vocabulary is a list of distinct words with binary and min_count, not {text[:60]!r}")
        return Vocabulary(tuple(words), binary, min_count)


def fit_vocabulary(
    texts: Sequence[str], *, max_words: int = 2000, min_count: int = 2, binary: bool = True
) -> Vocabulary:
    """The most frequent words of some texts.

    Args:
        texts: N texts; those of the training items, so that nothing is learned from queries.
        max_words: L at most, >= 1.
        min_count: in how many texts a word must be, >= 1; frequency is counted in texts as well.
        binary: whether `transform` is to tell presence or counts.

    Raises:
        SettingsError: if a limit is less than 1.
        DataError: if no word is left.

    Example:
        >>> fit_vocabulary(["a red bus", "a bus", "Bus!"], min_count=1).words
        ('bus', 'a', 'red')
    """
    if max_words < 1 or min_count < 1:
        raise SettingsError(f"max_words={max_words} and min_count={min_count} must both be at least 1")
    frequency = Counter(word for text in texts for word in set(tokens(text)))
    ranked = sorted((word for word, count in frequency.items() if count >= min_count), key=lambda w: (-frequency[w], w))
    if not ranked:
        raise DataError(
            f"no word is in at least {min_count} of the {len(texts)} texts; lower min_count or give more texts"
        )
    return Vocabulary(tuple(ranked[:max_words]), binary, min_count)
