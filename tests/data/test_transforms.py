import numpy as np
import pytest
from PIL import Image

from crossmodal_hash.data.transforms import RATIO, SCALE, fit_square, random_square


@pytest.fixture
def gradient():
    """40 wide, 20 high; red is the column times 6, green the row times 12."""
    y, x = np.mgrid[:20, :40]
    return Image.fromarray(np.stack([x * 6, y * 12, x * 0], axis=2).astype(np.uint8))


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (8, 8), (3, 500), (1, 1)])
def test_every_picture_becomes_the_square_asked_for(size):
    square = fit_square(Image.new("RGB", size, (10, 20, 30)), 16)
    assert square.shape == (3, 16, 16)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert (square == np.array([10, 20, 30]).reshape(3, 1, 1)).all()


def test_the_middle_is_kept_and_nothing_is_mirrored(gradient):
    assert np.array_equal(fit_square(gradient, 20), np.asarray(gradient).transpose(2, 0, 1)[:, :, 10:30])


def test_shrinking_averages_instead_of_dropping_rows():
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[::2] = 255
    middle = fit_square(Image.fromarray(stripes), 8)[:, 2:-2, 2:-2]
    assert np.abs(middle.astype(int) - 127).max() <= 8


def test_a_view_depends_on_seed_epoch_and_row_and_on_nothing_else(gradient):
    def view(seed, epoch, row):
        return random_square(gradient, 16, seed=seed, epoch=epoch, row=row)

    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    assert np.array_equal(view(1, 2, 3), view(1, 2, 3))
    others = [view(0, 2, 3), view(1, 0, 3), view(1, 2, 0), view(2, 1, 3)]
    assert not any(np.array_equal(view(1, 2, 3), other) for other in others)


def test_views_keep_their_share_of_the_picture_and_are_mirrored_half_of_the_time():
    y, x = np.mgrid[:120, :120]
    image = Image.fromarray(np.stack([x * 2, y * 2, x * 0], axis=2).astype(np.uint8))
    mirrored, shares = 0, []
    for row in range(300):
        view = random_square(image, 60, seed=0, epoch=0, row=row).astype(float)
        width = (view[0, 30, -1] - view[0, 30, 0]) / 2 * 60 / 59
        height = (view[1, -1, 30] - view[1, 0, 30]) / 2 * 60 / 59
        mirrored += width < 0
        shares.append(abs(width) * height / 120**2)
        assert RATIO[0] * 0.95 < abs(width) / height < RATIO[1] * 1.05
    assert 110 < mirrored < 190
    # A wide or tall view of nearly everything is cut at the edge, which lowers the bound a little.
    assert SCALE[0] * 0.85 < min(shares) < 0.6
    assert 0.9 < max(shares) <= SCALE[1] * 1.02


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_views_of_odd_pictures_have_the_right_shape(size):
    for row in range(20):
        assert random_square(Image.new("RGB", size), 16, seed=0, epoch=0, row=row).shape == (3, 16, 16)
