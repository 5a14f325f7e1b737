import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.data import Vocabulary, fit_vocabulary
from crossmodal_hash.data.vocabulary import tokens
from crossmodal_hash.errors import DataError, SettingsError

TEXTS = ["The red bus", "the bus, the bus!", "Cat \U0001f408 and bus", "cat zoo"]


def test_words_are_ordered_by_the_number_of_texts_then_by_the_alphabet():
    assert fit_vocabulary(TEXTS, min_count=1).words == ("bus", "cat", "the", "and", "red", "zoo", "\U0001f408")
    assert fit_vocabulary(TEXTS).words == ("bus", "cat", "the")
    assert fit_vocabulary(TEXTS, max_words=2).words == ("bus", "cat")


def test_a_text_becomes_its_words_present_or_counted():
    vocabulary = fit_vocabulary(TEXTS)
    rows = vocabulary.transform(["the bus the THE dog", "", "dog"])
    assert rows.format == "csr"
    assert rows.dtype == np.uint8
    assert rows.toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    counted = fit_vocabulary(TEXTS, binary=False).transform(["the bus the THE dog"])
    assert counted.dtype == np.float32
    assert counted.toarray().tolist() == [[1.0, 0.0, 3.0]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="ab \u00e4", max_size=12), max_size=6))
def test_transform_agrees_with_counting_by_hand(texts):
    vocabulary = Vocabulary(("a", "b", "ab", "\u00e4"), binary=False)
    expected = [[text.split().count(word) for word in vocabulary.words] for text in texts]
    assert vocabulary.transform([*texts, ""]).toarray().tolist() == [*expected, [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("plant_life 400D", ["plant_life", "400d"]),
        ("\uff22us \u00c4rger e\u0301", ["bus", "\u00e4rger", "\u00e9"]),
        ("\u72ac \u043a\u043e\u0448\u043a\u0430 ...", ["\u72ac", "\u043a\u043e\u0448\u043a\u0430"]),
        ("I\u2764\ufe0fNY\U0001f408\U0001f408", ["i", "\u2764", "ny", "\U0001f408", "\U0001f408"]),
        ("don't 'quote' it\u2019s", ["don't", "quote", "it\u2019s"]),
    ],
)
def test_words_of_any_script_are_found(text, words):
    assert tokens(text) == words


def test_a_vocabulary_survives_json():
    vocabulary = fit_vocabulary(TEXTS, min_count=1, binary=False)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert len(vocabulary) == 7


NO_VOCABULARY = [
    "",
    "[]",
    "{}",
    "null",
    '{"words": [], "binary": true, "min_count": 1}',
    '{"words": [1], "binary": true, "min_count": 1}',
    '{"words": ["a", "a"], "binary": true, "min_count": 1}',
    '{"words": ["a"], "binary": 1, "min_count": 1}',
    '{"words": "ab", "binary": true, "min_count": 1}',
]


@pytest.mark.parametrize("text", NO_VOCABULARY)
def test_what_is_no_vocabulary_is_refused(text):
    with pytest.raises(DataError, match="a vocabulary is a"):
        Vocabulary.from_json(text)


def test_a_vocabulary_without_words_is_refused():
    with pytest.raises(DataError, match="no word is in at least 3 of the 2 texts; lower min_count"):
        fit_vocabulary(["a b", "a"], min_count=3)
    with pytest.raises(SettingsError, match="max_words=0 and min_count=2"):
        fit_vocabulary(["a"], max_words=0)
    with pytest.raises(SettingsError, match="min_count=0"):
        fit_vocabulary(["a"], min_count=0)
