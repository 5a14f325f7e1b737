"""One search with one budget for the frozen settings of every recipe that is trained.

    python benchmarks/search.py DATA --query 1250 --train 4800 --out DIR --jobs 2

Every method starts from the same point and takes the knobs of one common list in the same order: each value of a knob
is tried with the others at their best so far, and where the best lies at the end of the values one more is tried beyond
it. The first knob, which was turned with the others at their start, is turned once more at the end. What a method does
not have (a slope, words to drop) it skips. A trial is scored by the items held out for validation: the mean over both
directions of mAP@all among those items, which nothing was trained on. Queries are never looked at. 64 bits, one seed.

Every trial is a run under DIR and a line of a log; the command goes on where the log ends, and prints it as Markdown.
The one that was made is benchmarks/search.jsonl (`--log`). DATA is `-` for the embedded drawings.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Point = dict[str, float]
"""Knob -> value."""


@dataclass(frozen=True)
class Knob:
    """What is turned, and how far.

    Attributes:
        name: for the log.
        start: where every method starts.
        values: tried in this order, the start among them.
        beyond: one more value below and above, where the best is the smallest or the largest; none: there is none.
    """

    name: str
    start: float
    values: tuple[float, ...]
    beyond: tuple[float | None, float | None]


KNOBS = (
    Knob("words", 0.2, (0.2, 0.4, 0.6), (0.0, 0.8)),
    Knob("levels", 0.0, (0.0, 0.3, 0.5), (None, 0.7)),
    Knob("features", 0.5, (0.3, 0.5, 0.7), (0.1, None)),
    Knob("slope", 8, (4, 8, 16), (2, 32)),
    Knob("lr", 0.001, (0.001, 0.003), (0.0003, 0.01)),
    Knob("epochs", 25, (15, 25, 40), (8, None)),  # more would take too long to be anybody's default
    Knob("weight_decay", 0.01, (0.01, 0.1), (None, 0.3)),
)
"""Share of words, of the pooled levels of pictures and of the features that are fused, which dropout takes; slope of
the likelihood, in 1/K at 64 bits; largest learning rate; epochs; weight decay."""
BITS = 64
METHODS = ("scahn", "dspah", "hsidhn", "ssah", "labels", "mlsph", "tdh", "prdh", "dcmh", "chn", "cmhh")
"""Those that are trained, the slowest first; the ablations of HSIDHN take its settings, as an ablation must."""
DIRECTIONS = ("image->text", "text->image")


def changes(recipe: str, point: Mapping[str, float]) -> list[str]:
    """The settings that put a recipe at a point, as `--set` takes them; knobs it does not have are left out."""
    from crossmodal_hash.components import BACKBONES, FUSIONS, LOSSES
    from crossmodal_hash.registry import parameters
    from crossmodal_hash.settings.resolve import resolve

    settings = resolve(recipe, sets=[f"bits={BITS}"], frozen_by_default=True).settings
    found: dict[str, Any] = {}
    for modality in ("image", "text"):
        tower, where = settings.towers[modality], f"towers.{modality}"
        backbone, fusion = (
            parameters(registry.resolve(part.name))
            for registry, part in ((BACKBONES, tower.backbone), (FUSIONS, tower.fusion))
        )
        if modality == "text" and "dropout_input" in backbone:
            found[f"{where}.backbone.dropout_input"] = point["words"]
        if modality == "image":
            found[f"{where}.input_dropout"] = point["levels"]
        # The vectors that are fused: attended levels, projected levels, or the hidden layers themselves.
        if "dropout" in fusion:
            found[f"{where}.fusion.dropout"] = point["features"]
        elif tower.width:
            found[f"{where}.dropout"] = point["features"]
        elif "dropout" in backbone:
            found[f"{where}.backbone.dropout"] = point["features"]
    for name, term in settings.terms.items():
        slope = term.loss.params().get("slope", "")
        # Cosines need a slope of their own, whatever the number of bits.
        turned = "slope" in parameters(LOSSES.resolve(term.loss.name)) and not term.loss.params().get("normalize")
        if term.weight and turned:
            is_fixed = slope == "half" or slope.startswith("fixed")
            value = f"fixed:{point['slope'] / BITS:g}" if is_fixed else f"scaled:{point['slope']:g}"
            value = "half" if value == "fixed:0.5" else value  # as recipes call it
            found[f"terms.{name}.loss.slope"] = value
    found["train.lr"] = point["lr"]
    found["train.epochs"] = int(point["epochs"])
    found["train.weight_decay"] = point["weight_decay"]
    return [f"{key}={value}" for key, value in found.items()]


def has(recipe: str, knob: Knob) -> bool:
    """Whether a recipe has what the knob turns."""
    start = {k.name: k.start for k in KNOBS}
    other = next(value for value in knob.values if value != knob.start)
    return changes(recipe, start) != changes(recipe, start | {knob.name: other})


@cache
def opened(data: str) -> Any:
    """The data set, once a process."""
    import crossmodal_hash as ch

    return ch.load_data(None if data == "-" else data)


def trial(data: str, recipe: str, sets: list[str], folder: Path) -> dict[str, Any]:
    """Train, or go on, and read what the validation items say at the epoch that was kept."""
    import crossmodal_hash as ch
    from crossmodal_hash.runs.best_epoch import kept_scores
    from crossmodal_hash.runs.history import training_cost
    from crossmodal_hash.training.trainer import resume

    if (folder / "config.json").exists():
        run = ch.open_run(folder)
        if not run.is_finished():
            resume(run, opened(data))
    else:
        shutil.rmtree(folder, ignore_errors=True)
        run = ch.train(ch.build(recipe, sets=sets), opened(data), out=folder)
    # A finished run goes on with nothing, and its checkpoint is most of its disk.
    shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
    kept = kept_scores(run.metrics, "best")
    scores = {name.removesuffix("/map@all"): round(value, 5) for name, value in kept["scores"].items()}
    return {"epoch": kept["epoch"], **scores, "seconds": round(training_cost(run.metrics)["seconds"], 1)}


def score(found: Mapping[str, Any]) -> float:
    """What decides: the mean over both directions among held-out items."""
    return sum(float(found[f"{direction}/unseen"]) for direction in DIRECTIONS) / len(DIRECTIONS)


def search(recipe: str, run: Callable[[Point], dict[str, Any]]) -> tuple[Point, list[dict[str, Any]]]:
    """Turn one knob after the other, and the first once more; the best point, and every trial in order."""
    best: Point = {knob.name: knob.start for knob in KNOBS}
    found = run(best)
    rows = [{"knob": "start", "point": best, **found}]
    for knob in (*KNOBS, KNOBS[0]):
        if not has(recipe, knob):
            continue
        winner = best[knob.name]
        made = {winner: found}
        values = [value for value in knob.values if value not in made]
        ends = {min(knob.values): knob.beyond[0], max(knob.values): knob.beyond[1]}
        while values:
            for value in values:
                made[value] = run(best | {knob.name: value})
                rows.append({"knob": knob.name, "point": best | {knob.name: value}, **made[value]})
            winner = max(made, key=lambda value: score(made[value]))
            further = ends.pop(winner, None)
            values = [] if further is None or further in made else [further]
        best, found = best | {knob.name: winner}, made[winner]
    return best, rows


def table(recipe: str, best: Point, log: Iterable[Mapping[str, Any]]) -> str:
    """The trials of a method as Markdown, the one that was taken in bold, and its settings."""
    rows = list({tuple(row["point"].items()): row for row in log}.values())  # the last turn may meet known points
    own = [knob for knob in KNOBS if has(recipe, knob)]
    lines = [
        f"### `{recipe}`: {len(rows)} trials, {sum(row['seconds'] for row in rows):.0f} s\n",
        "| turned | " + " | ".join(knob.name for knob in own) + " | seen | unseen | mean unseen | epoch | s |",
        "|---" * (len(own) + 6) + "|",
    ]
    for row in rows:
        seen, unseen = (
            "/".join(f"{row[direction + part]:.3f}" for direction in DIRECTIONS) for part in ("", "/unseen")
        )
        mean = f"{score(row):.4f}"
        cells = [row["knob"], *(f"{row['point'][knob.name]:g}" for knob in own), seen, unseen]
        cells += [f"**{mean}**" if row["point"] == best else mean, str(row["epoch"]), f"{row['seconds']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"    {change}" for change in changes(recipe, best)), ""])


def summary(found: Mapping[str, tuple[Point, list[dict[str, Any]]]]) -> str:
    """One line a method as Markdown: where it started, what was taken, and what that gained in points."""
    names = [knob.name for knob in KNOBS]
    lines = [
        "| method | trials | start: unseen | taken: unseen | gain | taken: seen | " + " | ".join(names) + " |",
        "|---" * (6 + len(names)) + "|",
    ]
    taken = {recipe: next(row for row in rows if row["point"] == best) for recipe, (best, rows) in found.items()}
    for recipe, row in sorted(taken.items(), key=lambda item: -score(item[1])):
        rows = found[recipe][1]
        start, trials = rows[0], len({tuple(row["point"].items()) for row in rows})

        def pair(trial: Mapping[str, Any], part: str) -> str:
            return "/".join(f"{trial[direction + part]:.3f}" for direction in DIRECTIONS)

        cells = [f"`{recipe}`", str(trials), pair(start, "/unseen"), pair(row, "/unseen")]
        cells += [f"{100 * (score(row) - score(start)):.1f}", pair(row, "")]
        cells += [f"{row['point'][knob.name]:g}" if has(recipe, knob) else "" for knob in KNOBS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Search for every method, several at a time, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--query", type=int)
    parser.add_argument("--train", type=int)
    parser.add_argument("--validation", type=float, default=0.2, help="share or count of the training items held out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="DIR/log.jsonl by default")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    log = options.log or options.out / "log.jsonl"
    options.out.mkdir(parents=True, exist_ok=True)
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    done = {(row["method"], *row["point"].items()): row for row in map(json.loads, lines)}
    fixed = [f"data.{part}={getattr(options, part)}" for part in ("query", "train") if getattr(options, part)]
    fixed += [
        f"data.validation={options.validation:g}",
        f"seed={options.seed}",
        f"bits={BITS}",
        "train.validate_every=5",
    ]
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // options.jobs, 1)))

    with (
        ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool,
        ThreadPoolExecutor(options.jobs) as threads,
    ):

        def found(recipe: str) -> tuple[Point, list[dict[str, Any]]]:
            def run(point: Point) -> dict[str, Any]:
                if (known := done.get((recipe, *point.items()))) is None:
                    sets = [*fixed, *changes(recipe, point)]
                    folder = options.out / recipe / "-".join(f"{value:g}" for value in point.values())
                    known = {
                        "method": recipe,
                        "point": point,
                        **pool.submit(trial, options.data, recipe, sets, folder).result(),
                    }
                    with log.open("a", encoding="utf-8", newline="\n") as file:
                        file.write(json.dumps(known) + "\n")
                return {key: value for key, value in known.items() if key not in ("method", "point")}

            return search(recipe, run)

        methods = options.methods.split(",")
        everything = {}
        for recipe, (best, rows) in zip(methods, threads.map(found, methods), strict=True):
            everything[recipe] = best, rows
            print(table(recipe, best, rows), flush=True)
        print(summary(everything))


if __name__ == "__main__":
    main()
