import torch

from crossmodal_hash.fusion.concat import Concat
from crossmodal_hash.fusion.last import Last
from crossmodal_hash.types import LevelInfo

INFOS = [LevelInfo("low", 2, 0), LevelInfo("high", 1, 0)]
LEVELS = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])]


def test_concat_keeps_the_order_of_the_levels():
    fusion = Concat()
    fusion.setup(INFOS, bits=8)
    assert fusion(LEVELS).features.tolist() == [[1, 2, 3]]


def test_last_ignores_the_lower_levels():
    fusion = Last()
    fusion.setup(INFOS, bits=8)
    assert fusion(LEVELS).features.tolist() == [[3]]
