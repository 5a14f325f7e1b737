"""The installed plug-in, found by name and tried by the kit."""

import pytest
import torch
from chash_gated import Gated

from crossmodal_hash.components import FUSIONS
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.testing import assert_conforms
from crossmodal_hash.types import LevelInfo


def test_the_name_leads_to_the_class() -> None:
    assert FUSIONS.resolve("gated") is Gated
    assert FUSIONS.find("gated").origin == "chash-gated 0.1"


def test_it_keeps_what_every_fusion_block_promises() -> None:
    assert_conforms("fusion", "gated", width=16)


def test_an_open_gate_lets_its_level_through_alone() -> None:
    fusion = Gated(width=3)
    fusion.setup([LevelInfo("lower", 4, 0), LevelInfo("upper", 5, 0)], bits=8)
    assert fusion.gates is not None
    torch.nn.init.zeros_(fusion.gates.weight)
    fusion.gates.bias.data = torch.tensor([100.0, 0.0])
    lower, upper = torch.randn(2, 4), torch.randn(2, 5)
    torch.testing.assert_close(fusion([lower, upper]).features, torch.tanh(fusion.projections[0](lower)))


def test_a_width_below_1_is_refused() -> None:
    with pytest.raises(SettingsError, match="width is 0"):
        Gated(width=0)
