"""Pictures as batches of tensors, decoded by several processes in the requested order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.data.transforms import fit_square, random_square
from crossmodal_hash.errors import DataError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

FEW = 200
"""Up to this number of pictures, starting workers takes longer than the time they save."""
MAX_WORKERS = 8


class Readable(Protocol):
    """N pictures, such as `Pictures`."""

    def __len__(self) -> int:
        """N."""

    def read(self, row: int, *, side: int | None = None) -> Image.Image:
        """One of them, whose sides may be smaller than stored but not below `side`."""


def picture_batches(
    pictures: Readable,
    batches: Sequence[NDArray[np.integer]],
    size: int,
    *,
    augment: tuple[int, int] | None = None,
    workers: int | None = None,
    pin_memory: bool = False,
) -> Iterator[Tensor]:
    """Read pictures in batches, as squares.

    Args:
        pictures: N pictures.
        batches: rows (B,) of each batch, in the requested order.
        size: side in pixels, > 0.
        augment: (seed, epoch), both >= 0, for random views (`random_square`); None for the whole picture.
        workers: processes that decode, 0 for this process; by default one per core (at most 8), or 0 for up to 200
            pictures.
        pin_memory: whether batches are in pinned memory, for copying to a GPU.

    Yields:
        uint8 (B, 3, size, size), one for each entry of `batches`.

    Raises:
        DataError: if a picture cannot be decoded.
    """
    from torch.utils.data import DataLoader

    if workers is None:
        workers = min(_cores(), MAX_WORKERS) if sum(len(rows) for rows in batches) > FEW else 0
    loader: DataLoader[Tensor | str] = DataLoader(
        _Squares(pictures, size, augment),  # type: ignore[arg-type]
        sampler=list(batches),
        batch_size=None,
        num_workers=workers,
        pin_memory=pin_memory,
    )
    for batch in loader:
        if isinstance(batch, str):
            raise DataError(batch)
        yield batch


class _Squares:
    """Rows of a batch -> its tensor, or the message of a `DataError`, which torch would hide in a traceback."""

    def __init__(self, pictures: Readable, size: int, augment: tuple[int, int] | None) -> None:
        self.pictures, self.size, self.augment = pictures, size, augment

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: NDArray[np.integer]) -> Tensor | str:
        import torch

        try:
            return torch.from_numpy(np.stack([self._square(int(row)) for row in rows]))
        except DataError as error:
            return str(error)

    def _square(self, row: int) -> NDArray[np.uint8]:
        if self.augment is None:
            return fit_square(self.pictures.read(row, side=self.size), self.size)
        seed, epoch = self.augment
        # A view keeps half of the area or more, in a shape up to 4:3, so its sides are over half of the picture's.
        return random_square(self.pictures.read(row, side=2 * self.size), self.size, seed=seed, epoch=epoch, row=row)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
