import pytest
import torch

from crossmodal_hash.backbones.raw import Raw
from crossmodal_hash.errors import ShapeError


def test_the_input_is_the_one_level():
    backbone = Raw()
    backbone.setup(4)
    x = torch.tensor([[0, 3, -1, 2]], dtype=torch.int64)
    (level,) = backbone(x)
    assert torch.equal(level.x, x.float())
    assert not list(backbone.parameters())


def test_counts_are_made_binary():
    backbone = Raw(binary=True)
    backbone.setup(4)
    assert backbone(torch.tensor([[0.0, 3.0, -1.0, 0.2]]))[0].x.tolist() == [[0, 1, 0, 1]]


def test_rows_of_another_width_are_refused():
    backbone = Raw()
    backbone.setup(4)
    with pytest.raises(ShapeError, match=r"expected \(B, 4\)"):
        backbone(torch.zeros(2, 3))
