"""What holds for every method on the map, because it is on the map."""

import tracemalloc

import numpy as np
import pytest
import torch

from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.types import LevelInfo

METHODS = list(CLOSED_FORMS.builtin)


def fit(name, features, labels, bits=8, **params):
    if "pairs" in CLOSED_FORMS.make(name).config():
        params.setdefault("pairs", 200)
    return CLOSED_FORMS.make(name, **params).fit(features, labels, bits, np.random.default_rng(0))


def encode(function, x):
    return function([torch.from_numpy(x).float()]).features


@pytest.mark.parametrize("name", METHODS)
def test_special_labels_give_finite_codes(name, special):
    features, labels = special
    for modality, function in fit(name, features, labels).items():
        u = encode(function, features[modality])
        assert u.shape == (30, 8)
        assert torch.isfinite(u).all()


@pytest.mark.parametrize("name", METHODS)
def test_copied_items_have_equal_codes(name, features, labels):
    double = {m: np.concatenate([x, x]) for m, x in features.items()}
    for modality, function in fit(name, double, np.concatenate([labels, labels])).items():
        u = encode(function, double[modality])
        assert torch.isfinite(u).all()
        torch.testing.assert_close(u[:60], u[60:])


@pytest.mark.parametrize("name", METHODS)
def test_related_items_of_two_modalities_are_nearer_than_unrelated_ones(name, features, labels):
    functions = fit(name, features, labels, bits=16)
    signs = {m: np.where(encode(f, features[m]).numpy() >= 0, 1, -1) for m, f in functions.items()}
    product = signs["image"] @ signs["text"].T
    by_pairs = CLOSED_FORMS.resolve(name).sees == "pairs"
    alike = np.eye(len(labels), dtype=bool) if by_pairs else labels.astype(int) @ labels.T > 0
    assert product[alike].mean() > product[~alike].mean() + 2


@pytest.mark.parametrize("name", METHODS)
def test_a_saved_function_is_loaded_into_one_that_was_only_set_up(name, features, labels):
    method = CLOSED_FORMS.make(name)
    for modality, function in fit(name, features, labels).items():
        again = method.function(modality)
        again.setup([LevelInfo("features", features[modality].shape[1], 0)], 8)
        again.load_state_dict(function.state_dict())
        x = features[modality]
        assert torch.equal(encode(again, x), encode(function, x))


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_codes(name, features, labels):
    first, second = fit(name, features, labels), fit(name, features, labels)
    for modality, x in features.items():
        assert torch.equal(encode(first[modality], x), encode(second[modality], x))


@pytest.mark.parametrize("name", METHODS)
def test_settings_rebuild_the_method_and_memory_grows_with_items(name):
    method = CLOSED_FORMS.make(name)
    assert type(method)(**method.config()).config() == method.config()
    widths = {"image": 32, "text": 32}
    assert 0 < method.memory(100, widths, 8) < method.memory(10_000, widths, 8)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("scm", "variant"),
        ("cmssh", "update"),
        ("cmssh", "thresholds"),
        ("seph", "anchors"),
        ("seph", "codes"),
        ("gsph", "anchors"),
        ("gsph", "codes"),
        ("gsph", "targets"),
    ],
)
def test_words_that_mean_nothing_are_refused(name, key):
    with pytest.raises(SettingsError, match=f"{key}='diagonal' is not one of "):
        CLOSED_FORMS.make(name, **{key: "diagonal"})


@pytest.mark.parametrize("name", METHODS)
def test_memory_is_an_upper_bound_of_what_numpy_takes(name):
    labels = np.random.default_rng(0).integers(0, 2, (600, 6)).astype(np.uint8)
    generator = np.random.default_rng(0)
    widths = {"image": 64, "text": 64 if CLOSED_FORMS.resolve(name).sees == "pairs" else 200}
    features = {modality: generator.normal(size=(600, width)) for modality, width in widths.items()}
    params = {"count": 100} if "count" in CLOSED_FORMS.make(name).config() else {}
    method = CLOSED_FORMS.make(name, **params)
    method.fit(features, labels, 8, generator)  # imports, which are not the fit's
    tracemalloc.start()
    method.fit(features, labels, 8, generator)
    peak = tracemalloc.get_traced_memory()[1] + sum(x.nbytes for x in features.values())
    tracemalloc.stop()
    promised = method.memory(600, widths, 8)
    assert peak <= promised <= 6 * peak, (peak, promised)
