import pytest
import torch

from crossmodal_hash.backbones.bow_mlp import BowMLP
from crossmodal_hash.backbones.mlp import MLP
from crossmodal_hash.errors import SettingsError


@pytest.mark.parametrize("cls", [BowMLP, MLP])
def test_each_level_is_relu_of_the_normalized_linear_map_of_the_one_before(cls):
    backbone = cls(hidden=(6, 4))
    backbone.setup(5)
    backbone.eval()
    x = torch.randn(3, 5)
    with torch.no_grad():
        expected = x
        for layer, level in zip(backbone.layers, backbone(x), strict=True):
            z = expected @ layer[0].weight.T + layer[0].bias
            expected = (z / (1 + 1e-5) ** 0.5).clamp(min=0)
            torch.testing.assert_close(level.x, expected)


def test_text_loses_words_in_training_and_vectors_lose_nothing():
    texts, vectors = BowMLP(dropout_input=0.5), MLP()
    for backbone in (texts, vectors):
        backbone.setup(1000)
    ones = torch.ones(1, 1000)
    assert 300 < (texts.drop(ones) == 0).sum() < 700
    assert torch.equal(vectors.drop(ones), ones)


@pytest.mark.parametrize("hidden", [(), (8, 0)])
def test_hidden_layers_without_units_are_refused(hidden):
    with pytest.raises(SettingsError, match="hidden="):
        MLP(hidden=hidden)


@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"dropout_input": -0.1}])
def test_dropping_everything_or_less_than_nothing_is_refused(wrong):
    with pytest.raises(SettingsError, match=r"must be in \[0, 1\)"):
        BowMLP(**wrong)
