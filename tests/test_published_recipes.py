"""The numbers of recipes as published, against the public codes of their authors; on frozen features some differ."""

import pytest

from crossmodal_hash.settings.resolve import resolve

SCHEDULES = {
    "dcmh": ("linear", -1.5, -6, 500),  # jiangqy/DCMH-CVPR2017, DCMH_tensorflow/DCMH_demo.py
    "mlsph": ("linear", -1.5, -6, 100),  # SWU-CS-MediaLab/MLSPH, config.py and main.py
    "scahn": ("log-linear", -1.1, -5.6, 500),  # SWU-CS-MediaLab/SCAHN, torchcmh/training/SCAHN.py
}


def published(name):
    return resolve(name, frozen_by_default=False).settings


def frozen(name):
    return resolve(name, frozen_by_default=True).settings


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rate_falls_as_in_the_public_code(name):
    schedule, first, last, epochs = SCHEDULES[name]
    train = published(name).train
    assert (train.schedule, train.epochs, train.optimizer, train.momentum) == (schedule, epochs, "sgd", 0)
    assert (train.lr, train.lr_end) == pytest.approx((10**first, 10**last))


def test_the_weights_of_mlsph_are_ten_times_1_and_1_4_and_a_tenth():
    terms = published("mlsph").terms
    assert (terms["soft"].inter, terms["soft"].intra) == pytest.approx((10 * 1, 10 * 1.4))
    assert terms["quantization"].weight == pytest.approx(10 * 0.1)


def test_scahn_weighs_quantization_by_2_and_its_five_heads_alike():
    terms = published("scahn").terms
    assert terms["quantization"].weight == 2
    assert (terms["hard"].heads, terms["hard"].weight) == ("sum", 1 / 5)


def test_the_text_network_of_scahn_has_what_its_public_code_has():
    backbone = published("scahn").towers["text"].backbone.params()
    assert backbone == {
        "pool_sizes": [1, 5, 10, 15, 30, 50],
        "tail": "floor",
        "interpolation": "nearest",
        "affine": True,
        "stem": "conv",
        "level_width": 256,
    }
    assert frozen("scahn").towers["text"].backbone.params() == {
        "pool_sizes": [1, 5, 10, 15, 30, 50],
        "tail": "ceil",
        "interpolation": "linear",
        "affine": False,
        "stem": "linear",
        "level_width": 0,
        "dropout_input": 0.6,
    }


@pytest.mark.parametrize(("name", "weight"), [("scahn", 2), ("hsidhn", 2), ("ssah", 1)])
def test_quantization_weighs_less_on_frozen_features(name, weight):
    assert published(name).terms["quantization"].weight == weight
    assert frozen(name).terms["quantization"].weight < weight


def test_every_weight_of_ssah_is_1_and_its_slope_a_half():
    settings = published("ssah")
    assert {term.weight for term in settings.terms.values()} == {1}
    assert settings.terms["hard"].loss.params()["slope"] == "half"
    assert settings.train.epochs == 500
