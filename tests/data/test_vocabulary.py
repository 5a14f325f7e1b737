import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.data import Vocabulary, fit_vocabulary
from crossmodal_hash.data.vocabulary import read_words, tokens
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
    counted = fit_vocabulary(TEXTS, weighting="count").transform(["the bus the THE dog"])
    assert counted.dtype == np.float32
    assert counted.toarray().tolist() == [[1.0, 0.0, 3.0]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="ab \u00e4", max_size=12), max_size=6))
def test_transform_agrees_with_counting_by_hand(texts):
    vocabulary = Vocabulary(("a", "b", "ab", "\u00e4"), weighting="count")
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
    vocabulary = fit_vocabulary(TEXTS, min_count=1, weighting="count")
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
    '{"words": ["a"], "weighting": "tfidf", "min_count": 1}',
    '{"words": ["a"], "weighting": "tf-idf", "min_count": 1}',
    '{"words": ["a"], "weighting": "tf-idf", "min_count": 1, "idf": ["x"]}',
    '{"words": ["a"], "weighting": "binary", "min_count": 1, "idf": [1.0]}',
    '{"words": ["a"], "weighting": "binary", "min_count": 1, "idf": 3}',
]


@pytest.mark.parametrize("text", NO_VOCABULARY)
def test_what_is_no_vocabulary_is_refused(text):
    with pytest.raises(DataError, match="a vocabulary is a"):
        Vocabulary.from_json(text)


def test_a_vocabulary_without_words_is_refused():
    with pytest.raises(DataError, match="no word occurs in at least 3 of the 2 texts; lower min_count"):
        fit_vocabulary(["a b", "a"], min_count=3)
    with pytest.raises(SettingsError, match="max_words=0 and min_count=2"):
        fit_vocabulary(["a"], max_words=0)
    with pytest.raises(SettingsError, match="min_count=0"):
        fit_vocabulary(["a"], min_count=0)


def test_the_inverse_frequencies_of_given_words_stand_in_their_order():
    given = fit_vocabulary(TEXTS, words=["zoo", "bus", "cat"], weighting="tf-idf")
    counted = fit_vocabulary(TEXTS, min_count=1, weighting="tf-idf")
    of_word = dict(zip(counted.words, counted.idf, strict=True))
    assert given.idf == tuple(of_word[word] for word in ("zoo", "bus", "cat"))


def test_a_saved_vocabulary_keeps_its_order_whatever_its_frequencies():
    for words in ("b", "a", "c"), ("c", "b", "a"):
        saved = Vocabulary(words).to_json()
        assert Vocabulary.from_json(saved).words == words


def test_a_vocabulary_of_a_run_made_before_weightings_is_read():
    old = '{"words": ["a"], "binary": false, "min_count": 2}'
    assert Vocabulary.from_json(old) == Vocabulary(("a",), "count", 2)
    assert Vocabulary.from_json(old.replace("false", "true")).weighting == "binary"


def test_tf_idf_is_that_of_scikit_learn_learned_on_the_training_texts():
    from sklearn.feature_extraction.text import TfidfVectorizer

    vocabulary = fit_vocabulary(TEXTS, min_count=1, weighting="tf-idf")
    theirs = TfidfVectorizer(analyzer=tokens, vocabulary=vocabulary.words).fit(TEXTS)
    new = ["the bus the THE dog", "", "dog", *TEXTS]
    rows = vocabulary.transform(new)
    assert rows.dtype == np.float32
    assert np.allclose(rows.toarray(), theirs.transform(new).toarray(), atol=1e-6)
    assert np.allclose(vocabulary.idf, theirs.idf_)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_the_words_that_count_can_be_given(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeffZoo\n\nBUS\nunheard\ncat\n", encoding="utf-8")
    words = read_words(path)
    assert words == ("zoo", "bus", "unheard", "cat")
    vocabulary = fit_vocabulary(TEXTS, words=words, max_words=1, min_count=9)
    # In the order of the file, on which multi-scale pooling depends; a word that no text has keeps its column.
    assert vocabulary.words == ("zoo", "bus", "unheard", "cat")
    assert vocabulary.transform(["cat bus", "zoo"]).toarray().tolist() == [[0, 1, 0, 1], [1, 0, 0, 0]]
    with pytest.raises(DataError, match="none of the 1 given words occurs in any of the 4 texts"):
        fit_vocabulary(TEXTS, words=["unheard"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"new york\n", "line 1 of .* is not one word: 'new york'"),
        (b"a\n...\n", r"line 2 of .* is not one word: '...'"),
        (b"Bus\na\nbus\n", "line 3 of .* repeats the word of line 1: 'bus'"),
        (b"\n \n", "has no words"),
        (b"\xe9", r"is not UTF-8 \(byte 0\)"),
    ],
)
def test_a_file_that_is_not_words_is_refused(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_words(path)
    with pytest.raises(DataError, match=r"cannot read the words in .*No such file.*; give a file with one word"):
        read_words(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u6771\u4eac \u30bf\u30ef\u30fc\u306e\u591c\u666f", ["\u6771\u4eac", "\u30bf\u30ef\u30fc\u306e\u591c\u666f"]),
        (
            "\u0642\u0637\u0629 \u0639\u0644\u0649 \u0627\u0644\u0633\u0637\u062d\u060c",
            ["\u0642\u0637\u0629", "\u0639\u0644\u0649", "\u0627\u0644\u0633\u0637\u062d"],
        ),
        ("Stra\u00dfenbahn, M\u00fcnchen-Ost", ["stra\u00dfenbahn", "m\u00fcnchen", "ost"]),
        ("\U0001f408\u2728caf\u00e9\U0001f600", ["\U0001f408", "\u2728", "caf\u00e9", "\U0001f600"]),
        ("  \t\n", []),
    ],
)
def test_words_of_other_languages_and_emoji_are_found(text, words):
    assert tokens(text) == words


def test_a_very_long_text_is_counted_whole():
    long = " ".join(f"word{i % 1000}" for i in range(200_000)) + " last"
    row = Vocabulary(("last", "word999"), "count").transform([long]).toarray()
    assert row.tolist() == [[1.0, 200.0]]
