"""The run folder: what a training leaves behind, and how it is found and opened again.

Reading one needs no torch; only its model does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash.codes import Codes, load
from crossmodal_hash.data import Split, Vocabulary, read_split
from crossmodal_hash.errors import DataError, RunError
from crossmodal_hash.settings.resolve import from_entries
from crossmodal_hash.settings.schema import Settings

if TYPE_CHECKING:
    import torch

    from crossmodal_hash.model import HashModel

RUNS = Path("runs")
LATEST = ".latest"


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """What `--resume` needs."""
        return self.path / "checkpoint" / "state.safetensors"

    @property
    def metrics(self) -> Path:
        """One JSON object a line, written as training goes."""
        return self.path / "metrics.jsonl"

    @property
    def weights(self) -> Path:
        """The finished model."""
        return self.path / "weights.safetensors"

    @property
    def codes(self) -> Path:
        """Folder of the codes `chash encode` wrote."""
        return self.path / "codes"

    def is_finished(self) -> bool:
        """Whether training came to its end."""
        return self.weights.exists()

    def settings(self) -> Settings:
        """The settings it was made with."""
        return from_entries(self.read("config.json", "settings"))

    def inputs(self) -> dict[str, int]:
        """Modality name -> width of its input."""
        return {str(k): int(v) for k, v in self.read("model.json", "inputs").items()}

    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the label columns."""
        return tuple(self.read("model.json", "labels"))

    def split(self, ids: tuple[str, ...]) -> Split:
        """The split that was used, as rows of a data set with these ids."""
        return read_split(self.path / "split.json", ids)

    def vocabulary(self) -> Vocabulary | None:
        """The words of its text tower, if it counts words."""
        path = self.path / "vocabulary.json"
        try:
            return Vocabulary.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (DataError, UnicodeDecodeError) as error:
            raise RunError(f"{path} cannot be read ({error}); restore the file, or train again") from error

    def load_model(self, device: torch.device) -> HashModel:
        """The finished model in evaluation mode.

        Raises:
            RunError: if training has not finished or the weights are corrupt.
        """
        from crossmodal_hash.factory import build_model
        from crossmodal_hash.runs.weights import load_weights

        model = build_model(self.settings(), self.inputs(), pretrained=False)
        load_weights(self.weights, model)
        return model.to(device).eval()

    def read(self, name: str, key: str) -> Any:
        """One part of one of the JSON files.

        Raises:
            RunError: if it is missing or not JSON.
        """
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))[key]
        except FileNotFoundError:
            raise RunError(f"{self.path} is not a run folder: it has no {name}; make one with 'chash train'") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / name} cannot be read ({error}); restore the file, or train again") from error
        except (KeyError, TypeError):
            raise RunError(
                f"{self.path} is not a run folder: its {name} has no {key!r}; make one with 'chash train'"
            ) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second training out of this folder; the lock goes with the process, however it ends.

        Raises:
            RunError: if another process holds it.
        """
        from filelock import FileLock, Timeout

        try:
            lock = FileLock(self.path / ".lock").acquire(timeout=0)
        except Timeout:
            raise RunError(f"{self.path} is in use by another training; wait, or choose another --out") from None
        with lock:
            yield


def open_run(path: Path | None) -> Run:
    """The run at `path`, or the latest under `runs/`.

    Raises:
        RunError: if there is none.
    """
    if path is None:
        try:
            path = RUNS / (RUNS / LATEST).read_text(encoding="utf-8").strip()
        except OSError:
            raise RunError(f"no run under {RUNS}/ yet; make one with 'chash train', or name a run folder") from None
    if not path.is_dir():
        raise RunError(f"run folder {path} does not exist; {_runs_there_are()}")
    run = Run(path)
    run.read("config.json", "settings")
    return run


def _runs_there_are() -> str:
    """What to name instead: the newest runs first."""
    found = sorted(RUNS.glob("*/config.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    if not found:
        return f"there is no run under {RUNS}/ either, so make one with 'chash train'"
    named = ", ".join(file.parent.name for file in found[:5])
    return f"under {RUNS}/ there {'is' if len(found) == 1 else 'are'} {named}" + (", ..." if len(found) > 5 else "")


def read_codes(run: Run) -> dict[str, Codes]:
    """The codes in a run folder, by modality.

    Raises:
        RunError: if there are none.
    """
    files = sorted(run.codes.glob("*.safetensors"))
    if not files:
        raise RunError(f"{run.path} has no codes yet; write them with 'chash encode {run.path}'")
    return {codes.modality: codes for codes in map(load, files)}
