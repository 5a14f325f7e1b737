import pytest
import torch

from crossmodal_hash.components import register
from crossmodal_hash.contracts import Component, Pooling
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.factory import build_tower
from crossmodal_hash.settings.schema import TowerSettings


class First(Pooling):
    def width(self, info):
        return 1

    def forward(self, level):
        return level.mean()[:, :1]


class Widthless(Component):
    def forward(self, level):
        return level.mean()


def test_a_pooling_that_does_not_say_its_width_is_refused_where_it_is_registered():
    with pytest.raises(SettingsError, match=r"does not subclass crossmodal_hash\.contracts\.Pooling"):
        register("pooling", "widthless", Widthless)


def test_a_tower_pools_as_its_settings_say():
    register("pooling", "first", First)
    settings = TowerSettings(backbone="bow-mlp", levels=1, pooling="first")
    tower = build_tower(settings, 20, 8, where="towers.text").eval()
    levels = tower.levels(torch.rand(3, 20))
    assert isinstance(tower.pooling, First)
    assert tower.pooling(levels[0]).shape == (3, 1)
    assert tower(levels[-1:]).u.shape == (3, 8)
