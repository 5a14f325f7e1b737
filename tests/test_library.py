import importlib.metadata

import pytest

import crossmodal_hash as ch
from crossmodal_hash.components import CRITERIA
from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import SettingsError, UnknownComponentError
from crossmodal_hash.evaluation import score_both
from crossmodal_hash.settings.flags import parse_set


def test_five_lines_from_data_to_scores(tiny, small, tmp_path):
    data = ch.load_data(tiny)
    method = ch.build("default", bits=16, fusion="last", sim="fgsc", sets=small[1::2])
    run = ch.train(method, data, epochs=2, seed=0, out=tmp_path / "run")
    scores = ch.evaluate(run.encode(data), metrics=["map@all", "p@5"])
    assert set(scores) == {
        f"{a}->{b}/{metric}" for a in ("image", "text") for b in ("image", "text") for metric in ("map@all", "P@5")
    }
    assert all(0 <= value <= 1 for value in scores.values())
    paired = ch.evaluate(run.encode(data), metrics=["hit@10"], database="untrained")
    by_command = score_both(run.encode(data))
    assert paired == {
        f"{s.direction}/hit@10": s.result.values["hit@10"] for s in by_command if s.database == "untrained"
    }
    with pytest.raises(SettingsError, match="database 'unsen' does not exist for these codes; there is: all, unseen"):
        ch.evaluate(run.encode(data), database="unsen")
    settings = run.settings()
    assert settings.bits == 16
    assert settings.train.epochs == 2
    assert settings.towers["image"].fusion.name == "last"
    assert parse_set(small[1::2])["train"]["batch"] == settings.train.batch
    assert ch.open_run(run.path).path == run.path


def test_a_class_of_ones_own_is_chosen_by_name(tiny, small, tmp_path):
    class Shared(Criterion):
        """Share of the first item's labels that the second has."""

        symmetric = False

        def compute(self, a, b):
            return a @ b.T / a.sum(1, keepdim=True).clamp(min=1)

    ch.register("sim", "My_Own", Shared)
    ch.register("criterion", "my-own", Shared)
    with pytest.raises(SettingsError, match="does not subclass"):
        ch.register("criterion", "my-own", dict)  # what was there stays
    method = ch.build("default", bits=8, sim="my-own", sets=small[1::2])
    run = ch.train(method, ch.load_data(tiny), epochs=1, out=tmp_path / "run")
    assert run.settings().terms["soft"].criterion.name == "my-own"
    assert run.read("environment.json", "plugins") == ["this program"]
    CRITERIA.added.clear()
    assert len(ch.open_run(run.path).encode(ch.load_data(tiny))["image"]) == 48
    with pytest.raises(UnknownComponentError, match="my-own"):
        ch.build("default", sim="my-own")


def test_a_name_or_class_that_cannot_be_registered_is_refused():
    with pytest.raises(SettingsError, match="criterion 'hard' already exists, from crossmodal-hash"):
        ch.register("criterion", "hard", CRITERIA.resolve("mmd"))
    with pytest.raises(SettingsError, match="criterion 'cosine' already exists"):
        ch.register("criterion", "cosine", CRITERIA.resolve("mmd"))
    with pytest.raises(SettingsError, match="does not subclass"):
        ch.register("criterion", "mine", dict)
    with pytest.raises(UnknownComponentError, match="kind"):
        ch.register("thing", "mine", dict)
    assert CRITERIA.added == {}


def test_public_names_are_loaded_when_first_used():
    import subprocess
    import sys

    code = "import sys, crossmodal_hash as ch; assert 'torch' not in sys.modules; ch.load_data; print(*dir(ch))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {*ch.__all__, "__version__"} <= set(shown)
    for name in ch.__all__:
        assert getattr(ch, name).__name__ == name
    assert ch.__version__ == importlib.metadata.version("crossmodal-hash")


def test_a_name_that_is_not_public_says_so():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ch.nothing  # noqa: B018
