"""The whole pipeline in one command; a small data set takes the place of the drawings."""

import json
from pathlib import Path

import pytest

from crossmodal_hash.cli import quickstart, train
from crossmodal_hash.cli.main import main


@pytest.fixture
def asked(tiny, small, tmp_path, monkeypatch):
    """Queries for the small data set, which the command trains on in place of the drawings."""
    prepare = train.prepare
    sets = [*small[1::2], f"data.path={json.dumps(str(tiny))}", "train.epochs=25", "bits=16"]
    monkeypatch.setattr(train, "prepare", lambda recipe, file, _, *rest: prepare("labels", file, sets, *rest))
    monkeypatch.setattr(quickstart, "QUERIES", ("red thing", "blue stuff"))
    monkeypatch.chdir(tmp_path)
    return quickstart.QUERIES


def test_it_ends_with_a_search_in_words_as_the_command_it_names_prints_it(asked, capsys):
    assert main(["quickstart", "run"]) == 0
    out, err = capsys.readouterr()
    command = "chash search run --text 'red thing' --text 'blue stuff' -k 5"
    assert f"4. {command}\n" in err
    assert "24 of the 48 drawings searched were kept for scores" in err
    rows = [line for line in out.splitlines() if line.startswith(asked)]
    assert len(rows) == 10
    for query, color in zip(asked, ("red", "blue"), strict=True):
        found = [row.split("\t")[-1] for row in rows if row.startswith(query)]
        assert sum(color in text for text in found) >= 4
    assert main(["search", "run", "--text", asked[0], "--text", asked[1], "-k", "5"]) == 0
    assert out.endswith(capsys.readouterr().out)


def test_as_json_scores_and_search_are_one_document(asked, capsys):
    assert main(["quickstart", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert Path(document["run"]).is_dir()
    assert {row["direction"] for row in document["scores"]} >= {"image->text", "text->image"}
    assert [answer["query"] for answer in document["search"]] == list(asked)
    assert all({"item", "distance", "text"} == set(x) for answer in document["search"] for x in answer["results"])
