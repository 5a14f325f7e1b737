import crossmodal_hash as ch
from crossmodal_hash.config import parse_set


def test_five_lines_from_data_to_scores(tiny, small, tmp_path):
    data = ch.load_data(tiny)
    method = ch.build("default", bits=16, fusion="last", sim="fgsc", sets=small[1::2])
    run = ch.train(method, data, epochs=2, seed=0, out=tmp_path / "run")
    scores = ch.evaluate(run.encode(data), metrics=["map@all", "p@5"])
    assert set(scores) == {
        f"{a}->{b}/{metric}" for a in ("image", "text") for b in ("image", "text") for metric in ("map@all", "P@5")
    }
    assert all(0 <= value <= 1 for value in scores.values())
    settings = run.settings()
    assert settings.bits == 16
    assert settings.train.epochs == 2
    assert settings.towers["image"].fusion.name == "last"
    assert parse_set(small[1::2])["train"]["batch"] == settings.train.batch
    assert ch.open_run(run.path).path == run.path


def test_public_names_are_loaded_when_first_used():
    import subprocess
    import sys

    code = "import sys, crossmodal_hash as ch; assert 'torch' not in sys.modules; ch.load_data; print(len(ch.__all__))"
    assert int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout) == 5


def test_a_name_that_is_not_public_says_so():
    import pytest

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ch.nothing  # noqa: B018
