import pytest
import torch

from crossmodal_hash.errors import SettingsError, ShapeError
from crossmodal_hash.pooling.pyramid import Pyramid, pyramid
from crossmodal_hash.types import Level, LevelInfo

SHAPES = {0: (3, 5), 1: (3, 5, 9), 2: (3, 5, 7, 6)}


def edges(length, side, i):
    """Adaptive cells overlap: from floor(i L / side) to ceil((i + 1) L / side)."""
    return i * length // side, -(-(i + 1) * length // side)


def slow_map(x, bins, reduce):
    out = []
    for side in bins:
        for channel in range(x.shape[0]):
            for i in range(side):
                for j in range(side):
                    (top, bottom), (left, right) = edges(x.shape[1], side, i), edges(x.shape[2], side, j)
                    out.append(reduce(x[channel, top:bottom, left:right]))
    return torch.stack(out)


@pytest.mark.parametrize(("mode", "reduce"), [("average", torch.mean), ("max", torch.max)])
def test_cells_of_a_map_equal_a_loop_over_grids(mode, reduce):
    x = torch.randn(SHAPES[2])
    pooled = pyramid(Level(x), (1, 2, 3), mode)
    for row, item in zip(pooled, x, strict=True):
        torch.testing.assert_close(row, slow_map(item, (1, 2, 3), reduce))


def test_cells_of_a_sequence_lie_along_its_only_axis():
    x = torch.arange(8.0).reshape(1, 2, 4)
    assert pyramid(Level(x), (1, 2)).tolist() == [[1.5, 5.5, 0.5, 2.5, 4.5, 6.5]]
    assert pyramid(Level(x), (1, 2), "max").tolist() == [[3, 7, 1, 3, 5, 7]]


@pytest.mark.parametrize("axes", [0, 1, 2])
@pytest.mark.parametrize("bins", [(1,), (1, 2), (1, 2, 4)])
@pytest.mark.parametrize("mode", ["average", "max"])
def test_the_declared_width_is_the_width_produced(axes, bins, mode):
    pool = Pyramid(bins=bins, mode=mode)
    assert pool(Level(torch.randn(SHAPES[axes]))).shape == (3, pool.width(LevelInfo("level", 5, axes)))


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_a_condensed_level_pools_to_the_same_as_its_map(axes):
    level = Level(torch.randn(SHAPES[axes]))
    torch.testing.assert_close(pyramid(level.condense(2), (1, 2)), pyramid(level, (1, 2)))
    torch.testing.assert_close(pyramid(level.condense(2), (1,), "max"), pyramid(level, (1,), "max"))


def test_a_condensed_level_refuses_what_it_no_longer_holds():
    level = Level(torch.randn(SHAPES[2])).condense(2)
    with pytest.raises(ShapeError, match="grid of side 4 was requested from features stored with side 2"):
        pyramid(level, (1, 4))
    with pytest.raises(ShapeError, match="only the global maximum"):
        pyramid(level, (1, 2), "max")


@pytest.mark.parametrize("wrong", [{"bins": ()}, {"bins": (1, 0)}, {"mode": "median"}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Pyramid(**wrong)


def test_shapes_flow_on_the_meta_device():
    assert Pyramid()(Level(torch.zeros(SHAPES[2], device="meta"))).device.type == "meta"
