"""Losses and scores of a training, for TensorBoard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from crossmodal_hash.callbacks import Callback, EpochRecord


class TensorBoard(Callback):
    """Writes the results of every epoch as TensorBoard events.

    Args:
        folder: parent folder, in which a folder is named like the run; empty: `tensorboard/` in the run folder.
    """

    argument = "folder"

    def __init__(self, *, folder: str = "") -> None:
        self.folder = folder
        self._writer: Any = None

    def on_run_start(self, run: Path) -> None:
        """Open the event file; a resumed run gets another one."""
        from torch.utils.tensorboard import SummaryWriter

        where = Path(self.folder) / run.name if self.folder else run / "tensorboard"
        self._writer = SummaryWriter(str(where))

    def on_epoch_end(self, record: EpochRecord) -> None:
        """One point per curve, written to disk immediately, because a training may be killed."""
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
