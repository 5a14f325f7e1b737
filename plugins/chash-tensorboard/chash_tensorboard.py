"""Losses and scores of a training, for TensorBoard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from crossmodal_hash.callbacks import Callback, EpochRecord


class TensorBoard(Callback):
    """Writes what every epoch came to as TensorBoard events.

    Args:
        folder: where to, in a folder named like the run; empty: `tensorboard/` in the run folder.
    """

    argument = "folder"

    def __init__(self, *, folder: str = "") -> None:
        self.folder = folder
        self._writer: Any = None

    def on_run_start(self, run: Path) -> None:
        """Open the file of events; a resumed run gets one more beside the first."""
        from torch.utils.tensorboard import SummaryWriter

        where = Path(self.folder) / run.name if self.folder else run / "tensorboard"
        self._writer = SummaryWriter(str(where))

    def on_epoch_end(self, record: EpochRecord) -> None:
        """One point a curve, on disk at once: a training may be killed."""
        values = {f"loss/{name}": value for name, value in record.losses.items()}
        values |= {f"validation/{name}": value for name, value in record.scores.items()}
        values["cost/seconds"] = record.seconds
        if not math.isnan(record.memory):
            values["cost/memory GB"] = record.memory
        for name, value in values.items():
            self._writer.add_scalar(name, value, record.epoch)
        self._writer.flush()

    def on_run_end(self, run: Path) -> None:
        """Close the file."""
        self._writer.close()
