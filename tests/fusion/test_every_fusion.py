"""What every fusion block keeps."""

import pytest
import torch

from crossmodal_hash.fusion.attention_matrix import AttentionMatrix
from crossmodal_hash.fusion.bbi import BBI
from crossmodal_hash.fusion.bi import BI
from crossmodal_hash.fusion.cbam import CBAM
from crossmodal_hash.fusion.concat import Concat
from crossmodal_hash.fusion.last import Last
from crossmodal_hash.pooling.pyramid import Pyramid
from crossmodal_hash.types import Level, LevelInfo

BITS = 12
BACKBONE = [LevelInfo("map", 4, 2), LevelInfo("sequence", 6, 1), LevelInfo("vector", 5, 0)]
FUSIONS = {
    "attention-matrix": lambda: AttentionMatrix(),
    "bbi": lambda: BBI(rank=7),
    "bbi shared": lambda: BBI(rank=7, share="levels", norm="signed-sqrt-l2"),
    "bbi plain": lambda: BBI(rank=7, norm="none"),
    "bi": lambda: BI(rank=7),
    "cbam": lambda: CBAM(),
    "cbam open": lambda: CBAM(outer="none"),
    "cbam concat": lambda: CBAM(combine="concat"),
    "concat": lambda: Concat(),
    "last": lambda: Last(),
}


@pytest.fixture(params=list(FUSIONS))
def name(request):
    torch.manual_seed(0)
    return request.param


def live(batch):
    return [Level(torch.randn(batch, 4, 5, 5)), Level(torch.randn(batch, 6, 7)), Level(torch.randn(batch, 5))]


def prepared(name, infos):
    """A fusion that is set up, and the function that turns levels into what it takes."""
    fusion, pool = FUSIONS[name](), Pyramid()
    if fusion.takes == "levels":
        fusion.setup(infos, BITS)
        return fusion, list
    fusion.setup([LevelInfo(info.name, pool.width(info), 0) for info in infos], BITS)
    return fusion, lambda levels: [pool(level) for level in levels]


@pytest.mark.parametrize("chosen", [[0], [2], [0, 1], [0, 1, 2]])
def test_the_declared_width_is_produced_from_one_level_and_from_many(name, chosen):
    fusion, take = prepared(name, [BACKBONE[i] for i in chosen])
    levels = live(4)
    fused = fusion(take([levels[i] for i in chosen]))
    assert fused.features.shape == (4, fusion.out_features)
    assert all(values.shape == (4, BITS) for values in fused.per_level)
    assert fused.features.isfinite().all()


def test_condensed_levels_are_accepted(name):
    fusion, take = prepared(name, BACKBONE)
    fused = fusion(take([level.condense(2) for level in live(4)]))
    assert fused.features.isfinite().all()


def test_a_gradient_reaches_every_parameter_and_every_level(name):
    for count in (1, 2, 3):
        fusion, take = prepared(name, BACKBONE[-count:])
        levels = live(6)[-count:]
        for level in levels:
            level.x.requires_grad_()
        fused = fusion(take(levels))
        (torch.randn(fused.features.shape) * fused.features).sum().backward()
        silent = [key for key, p in fusion.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert silent == []
        used = levels[-1:] if name == "last" else levels
        assert all(level.x.grad.abs().sum() > 0 for level in used)


def test_eval_mode_is_deterministic_and_independent_of_the_batch(name):
    fusion, take = prepared(name, BACKBONE)
    fusion.eval()
    levels = live(5)
    together, again = fusion(take(levels)), fusion(take(levels))
    alone = fusion(take([Level(level.x[:1]) for level in levels]))
    assert torch.equal(together.features, again.features)
    torch.testing.assert_close(together.features[:1], alone.features)


def test_shapes_flow_on_the_meta_device(name):
    with torch.device("meta"):
        fusion, take = prepared(name, BACKBONE)
        assert fusion(take(live(3))).features.device.type == "meta"


def test_config_rebuilds_the_block(name):
    fusion = FUSIONS[name]()
    assert type(fusion)(**fusion.config()).config() == fusion.config()


def test_a_saved_block_loads_into_a_new_one_and_gives_the_same(name):
    (fusion, take), (again, _) = prepared(name, BACKBONE), prepared(name, BACKBONE)
    again.load_state_dict(fusion.state_dict())
    inputs = take(live(3))
    assert torch.equal(fusion.eval()(inputs).features, again.eval()(inputs).features)
