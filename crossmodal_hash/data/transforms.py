"""Pictures of any size as squares of one size, whole or as random views."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SCALE = (0.5, 1.0)
"""Share of the area that a random view keeps. Classification uses down to 0.08, but then a picture with several labels
loses too many of them."""
RATIO = (3 / 4, 4 / 3)


def fit_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Center of a picture: its short side is resized to `size`, antialiased, and its long side cropped on both ends.

    A picture smaller than `size` is enlarged.

    Args:
        image: RGB.
        size: side in pixels, > 0.

    Returns:
        (3, size, size) in 0 to 255.

    Example:
        >>> fit_square(Image.new("RGB", (40, 20), "red"), 8)[:, 0, 0].tolist()
        [255, 0, 0]
    """
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return _resize(image, (left, top, left + side, top + side), size)


def random_square(image: Image.Image, size: int, *, seed: int, epoch: int, row: int) -> NDArray[np.uint8]:
    """A random view of a picture: a crop of random size and shape, mirrored half of the time.

    The same seed, epoch and row always give the same view, for any number of workers.

    Args:
        image: RGB.
        size: side in pixels, > 0.
        seed: >= 0.
        epoch: >= 0.
        row: row of the picture in its data set, >= 0.

    Returns:
        (3, size, size) in 0 to 255.

    Source: Szegedy et al., CVPR 2015, section 6 (crops of random area and aspect ratio), with SCALE for the area.
    """
    random = np.random.default_rng((seed, epoch, row))
    area = image.width * image.height * random.uniform(*SCALE)
    shape = math.exp(random.uniform(*np.log(RATIO)))
    width, height = min(math.sqrt(area * shape), image.width), min(math.sqrt(area / shape), image.height)
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    view = _resize(image, (left, top, left + width, top + height), size)
    return np.ascontiguousarray(view[:, :, ::-1]) if random.random() < 0.5 else view


def _resize(image: Image.Image, box: tuple[float, float, float, float], size: int) -> NDArray[np.uint8]:
    # Pillow's filters widen with the reduction, so shrinking is antialiased; bicubic is how EfficientNet's weights were
    # evaluated.
    square = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))
