"""Everything built in keeps what the kit asks of a plug-in."""

import pytest
import torch

from crossmodal_hash.components import KINDS, LOSSES
from crossmodal_hash.testing import RULES, assert_conforms
from crossmodal_hash.testing.loss import example

pytestmark = pytest.mark.filterwarnings("ignore:decorrelation of")
PARAMS = {"bow-resnet": {"depth": 18}, "resnet18": {"size": 32}, "resnet34": {"size": 32}, "resnet50": {"size": 32}}
"""What makes the large ones quick to try."""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in RULES for name in KINDS[kind].builtin])
def test_every_built_in_keeps_the_rules_of_its_kind(kind, name):
    assert_conforms(kind, name, **PARAMS.get(name, {}))


@pytest.mark.parametrize("name", list(LOSSES.builtin))
def test_no_built_in_loss_is_negative(name):
    loss = LOSSES.make(name)
    loss.setup(5, 3)
    out = loss(*example(loss))
    for part in out.values() if isinstance(out, dict) else [out]:
        assert isinstance(part, torch.Tensor)
        assert part >= 0
