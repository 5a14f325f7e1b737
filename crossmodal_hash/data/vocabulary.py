"""Bag of words: the vocabulary, and texts as rows of counts.

Counted words are sorted by descending frequency, ties alphabetically; given words keep their order. The order is part
of the method: multi-scale text pooling averages neighboring columns, so that neighbors have a similar frequency, or
are next to each other in the given list.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

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


Weighting = Literal["binary", "count", "tf-idf"]


@dataclass(frozen=True)
class Vocabulary:
    """The words that are counted, and how.

    Attributes:
        words: L distinct words, most frequent first and ties in alphabetical order, or in the given order.
        weighting: whether a word counts once per text, as often as it occurs, or by tf-idf: its count times `idf`, with
            rows scaled to length 1.
        min_count: number of fitted texts in which a word must occur, >= 1.
        idf: for tf-idf, L inverse document frequencies of the fitted texts; otherwise empty.
    """

    words: tuple[str, ...]
    weighting: Weighting = "binary"
    min_count: int = 1
    idf: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.words)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Texts as weights of words.

        A text without any of the words, or an empty text, gives a row of zeros.

        Args:
            texts: N texts.

        Returns:
            (N, L) CSR, uint8 in {0, 1} if `binary`, otherwise float32.
        """
        import numpy as np
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.preprocessing import normalize

        binary = self.weighting == "binary"
        dtype = np.uint8 if binary else np.float32
        counter = CountVectorizer(analyzer=tokens, vocabulary=self.words, binary=binary, dtype=dtype)
        counts = csr_matrix(counter.transform(texts))
        if self.weighting == "tf-idf":
            counts.data *= np.array(self.idf, dtype=np.float32)[counts.indices]
            normalize(counts, copy=False)
        return counts

    def to_json(self) -> str:
        """The vocabulary as a JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Vocabulary:
        """The vocabulary written by `to_json`, also in the old form with `binary` instead of the weighting.

        Raises:
            DataError: if the text is not a vocabulary.
        """
        try:
            given = json.loads(text)
            words, min_count, idf = given["words"], given["min_count"], given.get("idf", [])
            weighting: Any = given.get("weighting")
            if weighting is None and isinstance(given["binary"], bool):
                weighting = "binary" if given["binary"] else "count"
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"a vocabulary is a JSON object with words, weighting and min_count, not {text[:60]!r}"
            ) from error
        strings = isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)
        if (
            not strings
            or len(set(words)) < len(words)
            or weighting not in get_args(Weighting)
            or not isinstance(min_count, int)
            or not isinstance(idf, list)
            or not all(isinstance(x, float) for x in idf)
            or len(idf) != (len(words) if weighting == "tf-idf" else 0)
        ):
            raise DataError(f"a vocabulary is a list of distinct words with weighting and min_count, not {text[:60]!r}")
        return Vocabulary(tuple(words), weighting, min_count, tuple(idf))


def fit_vocabulary(
    texts: Sequence[str],
    *,
    max_words: int = 2000,
    min_count: int = 2,
    weighting: Weighting = "binary",
    words: Sequence[str] | None = None,
) -> Vocabulary:
    """The most frequent words of some texts, or the given words.

    Args:
        texts: N texts of the training items, so that nothing is learned from queries.
        max_words: largest L, >= 1.
        min_count: number of texts in which a word must occur, >= 1; the frequency of a word is also a number of texts.
        weighting: the weighting of `transform`; the inverse document frequencies of tf-idf are learned here.
        words: the words to count, as `read_words` reads them, for any number and frequency, in this order; words that
            occur in no text have columns, too.

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
    if words is None:
        ranked = sorted((w for w in frequency if frequency[w] >= min_count), key=lambda w: (-frequency[w], w))
        chosen = tuple(ranked[:max_words])
    else:
        chosen = tuple(words)
    if not frequency.keys() & set(chosen):
        raise DataError(
            f"no word occurs in at least {min_count} of the {len(texts)} texts; lower min_count or give more texts"
            if words is None
            else f"none of the {len(words)} given words occurs in any of the {len(texts)} texts; give other words"
        )
    idf: tuple[float, ...] = ()
    if weighting == "tf-idf":
        # scikit-learn's smoothed form, as if one more text had every word.
        idf = tuple(math.log((1 + len(texts)) / (1 + frequency[word])) + 1 for word in chosen)
    return Vocabulary(chosen, weighting, min_count if words is None else 1, idf)


def read_words(path: str | Path) -> tuple[str, ...]:
    """The words of a file, one per line, normalized like the words of texts; blank lines are skipped.

    Raises:
        DataError: if it cannot be read, a line is not one word, or a word occurs twice.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(
            f"cannot read the words in {str(path)!r} ({error.strerror or error}); give a file with one word per line"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    words: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        found = tokens(line)
        if not line.strip():
            continue
        if len(found) != 1:
            raise DataError(
                f"line {number} of {str(path)!r} is not one word: {line.strip()!r:.60}; give one word per line"
            )
        if found[0] in words:
            raise DataError(f"line {number} of {str(path)!r} repeats the word of line {words[found[0]]}: {found[0]!r}")
        words[found[0]] = number
    if not words:
        raise DataError(f"{str(path)!r} has no words; give one word per line")
    return tuple(words)
