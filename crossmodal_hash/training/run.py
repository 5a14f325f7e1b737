"""The run folder: what a training leaves behind, and how it is found and opened again.

Reading one needs no torch; only its model does.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash import config
from crossmodal_hash.codes import Codes
from crossmodal_hash.components import BACKBONES, CLOSED_FORMS, CRITERIA, FUSIONS, LOSSES, READERS
from crossmodal_hash.config import Resolved
from crossmodal_hash.data import Dataset, Split, Vocabulary, read_split
from crossmodal_hash.errors import DataError, RunError
from crossmodal_hash.files import write_bytes, write_json
from crossmodal_hash.registry import BUILT_IN, Registry
from crossmodal_hash.settings import Named, Settings

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
        return config.from_entries(self.read("config.json", "settings"))

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
        from crossmodal_hash.model import load_weights

        model = build_model(self.settings(), self.inputs(), pretrained=False)
        load_weights(self.weights, model)
        return model.to(device).eval()

    def encode(self, dataset: Dataset, **options: Any) -> dict[str, Codes]:
        """Modality -> codes of every item; options as `training.encode.encode` takes them."""
        from crossmodal_hash.training.encode import encode

        return encode(self, dataset, **options)[0]

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
        import fcntl

        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"{self.path} is in use by another training; wait, or choose another --out") from None
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


def new_run(out: Path | None, settings: Settings) -> Run:
    """A fresh folder: `out`, or one under `runs/` named after the day, method (fusion and criterion) and bits.

    Raises:
        RunError: if `out` holds something already, or no folder can be made there.
    """
    try:
        return Run(_fresh_folder(settings) if out is None else _own_folder(out))
    except OSError as error:
        raise RunError(
            f"the run folder {error.filename} cannot be made ({error.strerror}); choose another --out"
        ) from error


def _own_folder(out: Path) -> Path:
    refuse_taken(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def _fresh_folder(settings: Settings) -> Path:
    tower = next(iter(settings.towers.values()))
    graded = [t.criterion.name for t in settings.terms.values() if t.graded and t.criterion and t.weight]
    method = [tower.fusion.name, *(graded or ["hard"])]
    if settings.closed_form is not None:
        method = [settings.closed_form.name]
    # A name may carry a value behind a colon, which may be a path.
    name = re.sub(r"[^\w.-]+", "_", "-".join([date.today().isoformat(), *method, str(settings.bits)]))
    RUNS.mkdir(exist_ok=True)
    i = 1
    while True:
        out = RUNS / (name if i == 1 else f"{name}-{i}")
        try:
            out.mkdir()
        except FileExistsError:
            i += 1
        else:
            return out


def refuse_taken(out: Path) -> None:
    """A run never writes over anything.

    Raises:
        RunError: if `out` holds something already.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    what = "something else"
    if (out / "config.json").exists():
        finished = (out / "weights.safetensors").exists()
        what = "a finished run" if finished else f"an unfinished run, which --resume {out} continues"
    raise RunError(f"--out {out} already holds {what}; choose another folder")


@contextmanager
def whole_or_absent(run: Run) -> Iterator[None]:
    """Take a fresh run folder away again if the block fails: half a description is nothing to go on from."""
    try:
        yield
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise


@contextmanager
def kept_if_anything_was_saved(run: Run) -> Iterator[None]:
    """Take the folder of a training away that failed before it saved anything, so that the next one may have its name.

    One that was interrupted, or that the disk stopped, stays: it is resumed from its start.
    """
    try:
        yield
    except OSError:
        raise
    except Exception:
        if not any(path.exists() for path in (run.checkpoint, run.metrics, run.weights)):
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def note_latest(run: Run) -> None:
    """Remember a run under `runs/` as the one that commands without RUN mean."""
    if run.path.parent == RUNS:
        write_bytes(RUNS / LATEST, run.path.name.encode())


def environment(resolved: Resolved, dataset: Dataset, device: torch.device) -> dict[str, Any]:
    """Versions, device, plug-ins and data: what a reader needs to get the same numbers."""
    import torch

    names = ("crossmodal-hash", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "safetensors", "pillow")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    settings = resolved.settings
    used: list[tuple[Registry[Any], Named]] = []
    for tower in settings.towers.values():
        used += [(BACKBONES, tower.backbone), (FUSIONS, tower.fusion)]
    for term in settings.terms.values():
        used += [(LOSSES, term.loss), *([(CRITERIA, term.criterion)] if term.criterion else [])]
    used += [(CLOSED_FORMS, settings.closed_form)] if settings.closed_form else []
    used += [(READERS, settings.data.reader)] if settings.data.reader else []
    plugins = {origin for registry, part in used if (origin := registry.find(part.name).origin) != BUILT_IN}
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "plugins": sorted(plugins),
        "device": str(device),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "seed": settings.seed,
        "data": {"name": dataset.name, "items": len(dataset), "fingerprint": dataset.fingerprint()},
    }


def write_description(
    run: Run, resolved: Resolved, dataset: Dataset, split: Split, inputs: dict[str, int], device: torch.device
) -> None:
    """Everything about a run that is known before training starts."""
    write_json(run.path / "environment.json", environment(resolved, dataset, device))
    write_json(run.path / "split.json", split.as_ids(dataset.ids))
    write_json(run.path / "model.json", {"inputs": inputs, "labels": list(dataset.label_names)})
    write_json(run.path / "config.json", {"recipe": resolved.recipe, "settings": resolved.entries()})
