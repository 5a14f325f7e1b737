"""The content of a run folder for a report: its scores, its training curve, its codes, its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal_hash.codes import Codes
from crossmodal_hash.evaluation import are_labeled, score, score_both
from crossmodal_hash.report.result import Record
from crossmodal_hash.runs.folder import Run, open_run, read_codes
from crossmodal_hash.runs.history import History, read_history

METRICS = ("map@all", "map@50", "P@50", "NDCG@50", "radius@2")
PAIRED = ("hit@1", "hit@5", "hit@10", "median-rank")
CURVES = ("pr@radius/micro", "pr@rank")


@dataclass(frozen=True)
class Scored:
    """A run and its scores.

    Attributes:
        run: the folder.
        record: its scores.
        codes: modality -> codes.
        losses: losses of training, by term.
        validation: scores of the validation part, by metric.
    """

    run: Run
    record: Record
    codes: Mapping[str, Codes]
    losses: History = field(default_factory=dict)
    validation: History = field(default_factory=dict)


def open_scored(
    path: Path | None,
    name: str | None = None,
    metrics: Sequence[str] = (*METRICS, *CURVES),
    paired: Sequence[str] = PAIRED,
) -> Scored:
    """Score a run.

    Args:
        path: the folder; None for the latest run.
        name: its name; None for the name of its folder.
        metrics: the metrics to compute.
        paired: those of paired retrieval beside them; none: `metrics` alone, by pairs where there are no labels.

    Raises:
        RunError: if there is no such run, or it has no codes.
    """
    run = open_run(path)
    codes = read_codes(run)
    losses, validation = read_history(run.metrics)
    if paired:
        scores = score_both(codes, metrics, paired)
    else:
        scores = score(codes, metrics, relevant="labels" if are_labeled(codes) else "pairs")
    return Scored(run, Record(name or run.path.name, scores, facts(run)), codes, losses, validation)


def facts(run: Run) -> dict[str, str]:
    """The facts about a run that are shown before its numbers."""
    settings = run.settings()
    data = run.read("environment.json", "data")
    criteria = [t.criterion.name for t in settings.terms.values() if t.criterion and t.weight]
    towers = settings.towers.items()
    known = {
        "recipe": str(run.read("config.json", "recipe")),
        "bits": str(settings.bits),
        "backbones": ", ".join(f"{name}: {tower.backbone.name}" for name, tower in towers),
        "seed": str(settings.seed),
        "data": f"{data['name']}, {data['items']} items",
    }
    method = settings.closed_form
    if method is not None:
        chosen = ", ".join(f"{key} {value}" for key, value in method.params().items())
        return known | {"closed form": f"{method.name} ({chosen})" if chosen else method.name}
    return known | {
        "fusion": ", ".join(dict.fromkeys(tower.fusion.name for _, tower in towers)),
        "similarity": ", ".join(dict.fromkeys(criteria)) or "none",
        "losses": ", ".join(dict.fromkeys(t.loss.name for t in settings.terms.values() if t.weight)),
        "epochs": str(settings.train.epochs),
    }


def different_names(paths: Sequence[Path]) -> list[str]:
    """Folder names, or whole paths if these are not different."""
    names = [path.name or str(path) for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
