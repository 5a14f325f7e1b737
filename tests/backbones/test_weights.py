import pytest
import torch
from torch import nn

from crossmodal_hash.backbones._weights import load_weights, read_weights
from crossmodal_hash.errors import WeightsError


class Dangerous:
    def __reduce__(self):
        return (pytest.fail, ("code in a weights file was run",))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at '.*absent.pth'"):
        read_weights(tmp_path / "absent.pth")


@pytest.mark.parametrize("name", ["rubbish.pth", "rubbish.safetensors"])
def test_a_file_that_is_no_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / name)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.pth").touch()
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / "empty.pth")


def test_a_file_with_code_in_it_is_refused_and_the_code_not_run(tmp_path):
    torch.save({"weight": Dangerous()}, tmp_path / "code.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / "code.pth")


def test_a_training_checkpoint_is_refused_with_what_to_save_instead(tmp_path):
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match=r"save only model.state_dict\(\)"):
        read_weights(tmp_path / "checkpoint.pth")


def test_a_tensor_of_another_shape_is_named_and_nothing_is_copied():
    layer = nn.Linear(2, 3)
    before = layer.bias.clone()
    with pytest.raises(WeightsError, match="'mine' does not fit Linear: it has another shape for weight"):
        load_weights(layer, {"weight": torch.zeros(3, 4), "bias": torch.zeros(3)}, "mine")
    assert torch.equal(layer.bias, before)


def test_names_to_ignore_are_left_out():
    layer = nn.Linear(1, 1, bias=False)
    load_weights(layer, {"weight": torch.full((1, 1), 7.0), "fc.weight": torch.zeros(9)}, "mine", ignore=("fc.",))
    assert layer.weight.item() == 7
