import torch

from crossmodal_hash.levels.shortcut import Shortcut


def test_it_is_the_projection_of_centered_features_at_the_given_scale():
    torch.manual_seed(0)
    x, projection = torch.randn(50, 4) + 3, torch.randn(4, 6)
    z = (x - x.mean(0)) @ projection
    shortcut = Shortcut(4, 6, scale=0.5)
    shortcut.fit(x.mean(0), projection, z.square().mean().sqrt().item())
    torch.testing.assert_close(shortcut(x), z * 0.5 / z.square().mean().sqrt())
    torch.testing.assert_close(shortcut(x).square().mean().sqrt().item(), 0.5)


def test_nothing_in_it_is_trained_and_all_of_it_is_saved():
    shortcut = Shortcut(4, 6, scale=1.0)
    assert not list(shortcut.parameters())
    assert set(shortcut.state_dict()) == {"weight", "bias"}


def test_before_it_is_fitted_and_where_all_items_are_alike_it_adds_nothing():
    shortcut = Shortcut(4, 6, scale=1.0)
    assert not shortcut(torch.ones(2, 4)).any()
    shortcut.fit(torch.ones(4), torch.ones(4, 6), 0.0)
    assert not shortcut(torch.randn(2, 4)).any()
