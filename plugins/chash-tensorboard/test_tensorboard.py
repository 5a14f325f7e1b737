"""The installed plug-in, found by name, told of a training, and read back with TensorBoard's own reader."""

from pathlib import Path

import pytest
from chash_tensorboard import TensorBoard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crossmodal_hash.callbacks import EpochRecord
from crossmodal_hash.components import CALLBACKS


def test_the_name_leads_to_the_class_and_a_colon_to_its_folder() -> None:
    assert CALLBACKS.resolve("tensorboard") is TensorBoard
    made = CALLBACKS.make("tensorboard:logs")
    assert isinstance(made, TensorBoard)
    assert made.folder == "logs"


@pytest.mark.parametrize("folder", ["", "logs"])
def test_every_epoch_is_a_point_of_every_curve(tmp_path: Path, folder: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    board = TensorBoard(folder=str(tmp_path / folder) if folder else "")
    board.on_run_start(run)
    for epoch, loss in ((1, 0.5), (2, 0.25)):
        board.on_epoch_end(EpochRecord(epoch, 2, 1.0, 0.1, {"hard": loss}, {"image->text/map@all": 0.5 + epoch / 10}))
    board.on_run_end(run)
    events = EventAccumulator(str(tmp_path / "logs" / "run" if folder else run / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss/hard")] == [(1, 0.5), (2, 0.25)]
    scores = [e.value for e in events.Scalars("validation/image->text/map@all")]
    assert scores == pytest.approx([0.6, 0.7])
