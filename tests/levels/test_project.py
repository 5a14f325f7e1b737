import pytest
import torch

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.levels.project import Projection


def test_it_is_relu_of_the_batch_normalized_linear_map():
    torch.manual_seed(0)
    project, x = Projection(3, 4, dropout=0.0), torch.randn(5, 3)
    with torch.no_grad():
        linear = next(layer for layer in project.layers if isinstance(layer, torch.nn.Linear))
        z = x @ linear.weight.T + linear.bias
        expected = ((z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()).clamp(min=0)
        torch.testing.assert_close(project(x), expected)


@pytest.mark.parametrize("where", ["dropout", "input_dropout"])
def test_dropout_acts_in_training_only(where):
    project, x = Projection(3, 400, **{"dropout": 0.0, where: 0.5}), torch.randn(8, 3)
    assert not torch.equal(project(x), project(x))
    project.eval()
    assert torch.equal(project(x), project(x))


@pytest.mark.parametrize(("width", "dropout"), [(0, 0.0), (4, 1.0), (4, -0.1)])
def test_values_outside_their_range_are_refused(width, dropout):
    with pytest.raises(SettingsError, match=f"width={width} .*dropout={dropout}"):
        Projection(3, width, dropout)
