"""Bags of words by file and weighting, from the settings to the codes."""

import json

import pytest

from crossmodal_hash.cli.main import main
from crossmodal_hash.runs.folder import Run


def train(tmp_path, tiny, small, *sets):
    run = tmp_path / "run"
    if any(value.startswith("data.vocabulary.file") for value in sets):
        # A file says which words count, whatever their number of texts. `small` is pairs of --set and a setting.
        small = [x for pair in zip(small[::2], small[1::2], strict=True) if "min_count" not in pair[1] for x in pair]
    argv = ["train", "--data", str(tiny), "--out", str(run), "--epochs", "1", "--bits", "8", "-q", *small]
    return main([*argv, *(x for value in sets for x in ("--set", value))]), run


@pytest.mark.parametrize("weighting", ["count", "tf-idf"])
def test_the_weighting_is_kept_with_the_run(tmp_path, tiny, small, weighting):
    code, run = train(tmp_path, tiny, small, f"data.vocabulary.weighting={weighting}")
    assert code == 0
    kept = json.loads((run / "vocabulary.json").read_text())
    assert kept["weighting"] == weighting
    assert len(kept["idf"]) == (len(kept["words"]) if weighting == "tf-idf" else 0)
    assert main(["encode", str(run), "-q"]) == 0


def test_a_file_of_words_is_needed_only_once(tmp_path, tiny, small):
    words = tmp_path / "words.txt"
    words.write_text("blue\nred\nviolet\n")
    code, run = train(tmp_path, tiny, small, f"data.vocabulary.file='{words}'")
    assert code == 0
    words.unlink()
    assert set(Run(run).vocabulary().words) == {"blue", "red", "violet"}
    assert main(["encode", str(run), "-q"]) == 0


def test_texts_without_a_known_word_are_counted_aloud(tmp_path, tiny, small, capsys):
    code, run = train(tmp_path, tiny, small)
    assert code == 0
    texts = tmp_path / "texts.txt"
    texts.write_text("red thing\n\n\u6771\u4eac\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["encode", str(run), "--texts", str(texts), "--out", str(tmp_path / "codes")]) == 0
    assert "2 of 3 texts have none of the" in capsys.readouterr().err


def test_a_weighting_or_file_that_is_none_is_refused(tmp_path, tiny, small, capsys):
    assert train(tmp_path, tiny, small, "data.vocabulary.weighting=bm25")[0] == 2
    assert "data.vocabulary.weighting = 'bm25'" in capsys.readouterr().err
    assert train(tmp_path, tiny, small, "data.vocabulary.file=none.txt")[0] == 2
    assert "cannot read the words in 'none.txt'" in capsys.readouterr().err
