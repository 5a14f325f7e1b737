"""Creates a run folder: names it, describes it, keeps or removes it, and records it as the latest."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash.atomic import write_bytes, write_json
from crossmodal_hash.components import BACKBONES, CLOSED_FORMS, CRITERIA, FUSIONS, LOSSES, READERS
from crossmodal_hash.data import Dataset, Split
from crossmodal_hash.errors import RunError
from crossmodal_hash.registry import BUILT_IN, Registry
from crossmodal_hash.runs.folder import LATEST, RUNS, Run
from crossmodal_hash.settings.resolve import Resolved
from crossmodal_hash.settings.schema import Named, Settings

if TYPE_CHECKING:
    import torch


def new_run(out: Path | None, settings: Settings) -> Run:
    """A new folder: `out`, or one under `runs/` named after the day, method (fusion and criterion) and bits.

    Raises:
        RunError: if `out` is not empty, or the folder cannot be created.
    """
    try:
        return Run(_fresh_folder(settings) if out is None else _own_folder(out))
    except OSError as error:
        raise RunError(
            f"the run folder {error.filename} cannot be created ({error.strerror}); choose another --out"
        ) from error


def _own_folder(out: Path) -> Path:
    refuse_taken(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def _fresh_folder(settings: Settings) -> Path:
    tower = next(iter(settings.towers.values()))
    method = [tower.fusion.name, *_similarities(settings)]
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


def _similarities(settings: Settings) -> list[str]:
    """What a run is named after: the criteria of its graded terms, or what its first term learns from."""
    learning = [term for term in settings.terms.values() if term.weight > 0]
    graded = [term.criterion.name for term in learning if term.graded and term.criterion]
    compared = [term.criterion.name for term in learning if term.criterion]
    return graded or compared[:1] or [term.loss.name for term in learning][:1]


def refuse_taken(out: Path) -> None:
    """Reject a folder that is not empty: a run never overwrites anything.

    Raises:
        RunError: if `out` is not empty.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    what = "something else"
    if (out / "config.json").exists():
        finished = (out / "weights.safetensors").exists()
        what = "a finished run" if finished else f"an unfinished run, which --resume {out} continues"
    raise RunError(f"--out {out} already holds {what}; choose another folder")


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Lock a new run folder, and remove it if the block fails and leaves nothing that can be resumed.

    The next training can then use its name. If it was interrupted, or stopped by a disk error, a folder with a complete
    description is kept, and training can be resumed from the start.

    Raises:
        RunError: if another process holds the lock.
    """
    useless = False
    try:
        with run.lock():
            try:
                yield
            except BaseException as error:
                useless = not _can_go_on(run, error)
                raise
    finally:
        # Not before the lock is given back: Windows removes no file that is open.
        if useless:
            shutil.rmtree(run.path, ignore_errors=True)


def _can_go_on(run: Run, error: BaseException) -> bool:
    """Whether a new run that ended with `error` can be resumed."""
    if not (run.path / "config.json").exists():  # written last
        return False
    if isinstance(error, OSError) or not isinstance(error, Exception):
        return True
    return any(path.exists() for path in (run.checkpoint, run.metrics, run.weights))


def note_latest(run: Run) -> None:
    """Record a run under `runs/` as the default of commands without RUN."""
    if run.path.parent == RUNS:
        write_bytes(RUNS / LATEST, run.path.name.encode())


def environment(resolved: Resolved, dataset: Dataset, device: torch.device) -> dict[str, Any]:
    """Versions, device, plug-ins and data: what is needed to reproduce the numbers."""
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
