"""What a training gives to criteria: which evidence, of exactly which items; and what it does where some is missing."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import crossmodal_hash as ch
from crossmodal_hash.contracts import Criterion
from crossmodal_hash.data import Dataset, Matrix
from crossmodal_hash.errors import DataError, SettingsError
from crossmodal_hash.opening.recognize import load_data
from crossmodal_hash.training import gradient
from crossmodal_hash.training.feature_cache import cached_levels
from crossmodal_hash.training.inputs import Inputs, Streamed
from crossmodal_hash.training.training_evidence import gather_evidence

CPU = torch.device("cpu")
RECIPE = """
[towers.image]
backbone = { name = "efficientnet-lite0", size = 32, weights = "none" }
levels = [0, 2]
width = 8
level_heads = false
[towers.text]
backbone = { name = "bow-mlp", hidden = [8] }
levels = 1
width = 0
level_heads = false
[terms.near]
loss = "similarity-mse"
criterion = "near"
intra = 0.5
[data.vocabulary]
min_count = 1
[train]
batch = 8
epochs = 1
workers = 0
mirror = true
"""


class Near(Criterion):
    """Inner product of the features of both modalities, scaled to 0 to 1; remembers what it was given."""

    sees = "features"
    fitted: dict = {}  # noqa: RUF012 - one for all instances, as training makes its own
    given: list = []  # noqa: RUF012

    def fit(self, seen):
        self.fitted.update(seen)

    def compute(self, a, b):
        self.given.append((a, b))
        x, y = (torch.nn.functional.normalize(torch.cat(list(seen.values()), 1)) for seen in (a, b))
        return (x @ y.T).clamp(0, 1)


@pytest.fixture
def near(tmp_path, monkeypatch):
    """The criterion, and a recipe in which nothing else learns."""
    ch.register("criterion", "near", Near)
    monkeypatch.setattr(Near, "fitted", {})
    monkeypatch.setattr(Near, "given", [])
    path = tmp_path / "near.toml"
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture
def steps(monkeypatch):
    """Positions of the items of each step among the training items."""
    rows, real = [], gradient.train_step

    def step(model, objective, optimizer, evidence, batch, **options):
        rows.append(batch.rows)
        return real(model, objective, optimizer, evidence, batch, **options)

    monkeypatch.setattr(gradient, "train_step", step)
    return rows


def trained_on(run, dataset):
    """Rows of the training items, in the order of the file."""
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    return [row_of[name] for name in json.loads((run.path / "split.json").read_text())["train"]]


def equal(seen, expected, rows):
    """Whether it is the evidence of these items, exactly, in their order."""
    return list(seen) == list(expected) and all(torch.equal(seen[name], expected[name][rows]) for name in expected)


def of_pictures_and_words(run, dataset):
    """The global average of the highest chosen level by the backbone itself, and the counted words."""
    model = run.load_model(CPU)
    levels = cached_levels(model.tower("image").backbone, dataset.modalities["image"], grid=2, device=CPU)
    words = json.loads((run.path / "vocabulary.json").read_text())["words"]
    counts = [[float(word in text.split()) for word in words] for text in dataset.modalities["text"].items]
    return {"image": levels[2].mean().float(), "text": torch.tensor(counts)}


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_a_criterion_is_given_the_frozen_features_of_exactly_the_compared_items(near, steps, tiny, tmp_path, memory):
    dataset = load_data(tiny)
    method = ch.build(near, bits=8, sets=[f"train.memory={memory}"])
    run = ch.train(method, dataset, out=tmp_path / "run")
    features = of_pictures_and_words(run, dataset)
    assert features["image"].shape == (48, run.load_model(CPU).tower("image").backbone.levels[2].channels)
    train = torch.tensor(trained_on(run, dataset))
    assert equal(Near.fitted, features, train)
    assert len(Near.given) == len(steps) > 1
    for (a, b), positions in zip(Near.given, steps, strict=True):
        assert equal(a, features, train[positions])
        assert equal(b, features, train if memory == "full" else train[positions])


@pytest.mark.parametrize("memory", ["batch", "full"])
def test_rows_of_a_matrix_are_given_as_they_are(near, steps, tmp_path, memory):
    generator = np.random.default_rng(0)
    rows = {"image": 100 + 7 * generator.normal(size=(40, 6)), "text": 3.0 * (generator.random((40, 9)) < 0.3)}
    rows = {name: x.astype(np.float32) for name, x in rows.items()}
    dataset = Dataset("rows", tuple(map(str, range(40))), {name: Matrix(x) for name, x in rows.items()})
    run = ch.train(ch.build(near, bits=8, sets=[f"train.memory={memory}"]), dataset, out=tmp_path / "run")
    train = torch.tensor(trained_on(run, dataset))
    expected = {name: torch.from_numpy(x) for name, x in rows.items()}
    assert equal(Near.fitted, expected, train)
    for (a, b), positions in zip(Near.given, steps, strict=True):
        assert equal(a, expected, train[positions])
        assert equal(b, expected, train if memory == "full" else train[positions])


def test_the_second_pass_of_a_refit_sees_the_held_out_items_too(near, tiny, tmp_path):
    dataset, sizes = load_data(tiny), []
    Near.fit = lambda self, seen: sizes.append({name: len(x) for name, x in seen.items()})
    try:
        run = ch.train(ch.build(near, bits=8, sets=["train.refit=true"]), dataset, out=tmp_path / "run")
    finally:
        del Near.fit
    split = json.loads((run.path / "split.json").read_text())
    held_out = len(split["validation"])
    assert held_out > 0
    assert sizes == [dict.fromkeys(("image", "text"), len(split["train"]) + more) for more in (0, held_out)]


def test_features_of_a_backbone_that_learns_are_not_given_because_they_change(near, tiny, tmp_path):
    ch.train(ch.build(near, bits=8, freeze_backbone=False), load_data(tiny), out=tmp_path / "run")
    assert all(set(seen) == {"text"} for pair in Near.given for seen in pair)


def test_features_are_refused_where_every_backbone_learns():
    stream = Streamed(None, None)
    inputs = Inputs({"image": stream, "text": stream}, None)
    model = SimpleNamespace(modalities=("image", "text"))
    with pytest.raises(SettingsError, match=r"backbones of image, text are trained.*set train.freeze_backbone=true"):
        gather_evidence({"features"}, None, model, inputs, np.arange(3), CPU)


def of_rows(labels, modalities=("image", "text")):
    generator = np.random.default_rng(0)
    sources = {name: Matrix(generator.random((24, 5), dtype=np.float32)) for name in modalities}
    return Dataset("rows", tuple(map(str, range(24))), sources, labels, () if labels is None else tuple("abc"))


def recipe_with(near, *tables):
    """The recipe with other terms."""
    head, _, rest = RECIPE.partition("[terms.near]")
    Path(near).write_text(head + "\n".join(tables) + rest[rest.index("[data.vocabulary]") :])
    return ch.build(near, bits=8)


LABELS_TERM = '[terms.alike]\nloss = "similarity-mse"\ncriterion = "hard"\n'
PAIRS_TERM = '[terms.partners]\nloss = "info-nce"\ncriterion = "pairs"\n'
ITEMS_TERM = '[terms.classes]\nloss = "classify"\non = "features"\n'
CODES_TERM = '[terms.bits]\nloss = "quantization"\n'
NO_LABELS = {"none": None, "zeros": np.zeros((24, 3), np.uint8)}


@pytest.mark.parametrize("labels", NO_LABELS)
@pytest.mark.parametrize(("table", "term"), [(LABELS_TERM, "alike"), (ITEMS_TERM, "classes")])
def test_a_term_that_needs_labels_is_refused_where_no_item_has_one(near, tmp_path, labels, table, term):
    method = recipe_with(near, PAIRS_TERM, table)
    with pytest.raises(DataError) as error:
        ch.train(method, of_rows(NO_LABELS[labels]), out=tmp_path / "run")
    assert str(error.value) == (
        f"rows has no labels, and term {term!r} needs them; add labels, or train without them: --recipe default or "
        "pairs"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("labels", NO_LABELS)
def test_an_optional_term_is_left_out_where_no_item_has_a_label_and_noted(near, tmp_path, labels):
    notes = []

    class Notes(ch.Callback):
        def on_note(self, text):
            notes.append(text)

    method = recipe_with(near, PAIRS_TERM, LABELS_TERM + "optional = true\n", ITEMS_TERM + "optional = true\n")
    run = ch.train(method, of_rows(NO_LABELS[labels]), out=tmp_path / "run", callbacks=[Notes()])
    assert "the data has no labels, so the optional terms that need them are left out: alike, classes" in notes
    settings = json.loads((run.path / "config.json").read_text())["settings"]
    for term in ("alike", "classes"):
        assert settings[f"terms.{term}.weight"] == {"value": 0.0, "origin": "data: no labels"}
    logged = {json.loads(line)["metric"] for line in (run.path / "metrics.jsonl").read_text().splitlines()}
    assert {name for name in logged if name.startswith("loss/")} == {"loss/partners", "loss/total"}


def test_with_labels_an_optional_term_counts_like_any_other(near, tmp_path):
    labels = np.eye(3, dtype=np.uint8)[np.arange(24) % 3]
    weights = []
    for name, more in (("plain", ""), ("optional", "optional = true\n")):
        method = recipe_with(near, PAIRS_TERM, LABELS_TERM + more)
        run = ch.train(method, of_rows(labels), out=tmp_path / name)
        assert json.loads((run.path / "config.json").read_text())["settings"]["terms.alike.weight"]["value"] == 1.0
        weights.append(run.weights.read_bytes())
    assert weights[0] == weights[1]


def test_what_the_user_sets_in_a_term_that_the_data_leaves_out_is_no_mistake_and_its_weight_is_his_word(near):
    recipe_with(near, PAIRS_TERM, LABELS_TERM + "optional = true\n")
    data = of_rows(None)
    intra = ch.build(near, bits=8, sets=["terms.alike.intra=0.5"]).resolve(data).settings
    assert (intra.terms["alike"].weight, intra.terms["alike"].intra) == (0.0, 0.5)
    on = ch.build(near, bits=8, sets=["terms.alike.weight=2"])
    assert on.resolve(data).settings.terms["alike"].weight == 2.0
    with pytest.raises(DataError, match="term 'alike' needs them"):
        ch.train(on, data)
    off = ch.build(near, bits=8, sets=["terms.alike.weight=0", "terms.alike.intra=0.5"])
    assert off.resolve(data).settings.terms["alike"].weight == 0.0


def test_an_objective_that_sees_nothing_is_scored_by_labels_and_refused_without_them(near, tmp_path):
    method = recipe_with(near, CODES_TERM, LABELS_TERM + "optional = true\n")
    with pytest.raises(DataError, match="no labels, and no term that is left says which items are similar; add labels"):
        ch.train(method, of_rows(None))
    labels = np.eye(3, dtype=np.uint8)[np.arange(24) % 3]
    run = ch.train(recipe_with(near, CODES_TERM), of_rows(labels), out=tmp_path / "run")
    logged = {json.loads(line)["metric"] for line in (run.path / "metrics.jsonl").read_text().splitlines()}
    assert "image->text/unseen/map@all" in logged


def test_one_modality_has_no_pairs(near):
    recipe_with(near, PAIRS_TERM)
    text = Path(near).read_text()
    Path(near).write_text(text[: text.index("[towers.text]")] + text[text.index("[terms.partners]") :])
    with pytest.raises(DataError) as error:
        ch.train(ch.build(near, bits=8), of_rows(None, ["image"]))
    assert str(error.value) == (
        "rows has no pairs of a picture and a text, and term 'partners' needs them; give data with two modalities"
    )


@pytest.mark.parametrize(("name", "part"), [("ssah", "tower 'label'"), ("scm", "closed_form = 'scm'")])
def test_guides_and_closed_forms_need_labels(name, part):
    with pytest.raises(DataError, match=f"rows has no labels, and {part} needs them"):
        ch.train(ch.build(name, bits=8), of_rows(None))
