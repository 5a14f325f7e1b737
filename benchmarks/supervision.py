"""Draw what labels and pairs give, and what each costs the other, from the finished cells of a bench.

    chash bench benchmarks/supervision.toml --data DATA --query 1250 --train 4800 --out bench/supervision
    python benchmarks/supervision.py bench/supervision --save figures

Prints a row for each method, means over its seeds. First the validation scores of the kept epochs, the mean of both
directions, by which a weight is to be chosen: mean average precision by shared labels, and the mean reciprocal rank of
the own partner. Then scores of items that were neither trained on nor validated with, image->text / text->image.
Queries against the others of them: mean average precision by shared labels. Then the share whose own partner is among
the first ten: of the queries among the queries' partners, of the queries among all such items, and of the items that
are no query among themselves. `--save` draws the first and the third of these four.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from crossmodal_hash.bench.done import Done, find_done
from crossmodal_hash.bench.grid import read_grid
from crossmodal_hash.bench.table import spread
from crossmodal_hash.codes import load
from crossmodal_hash.evaluation import score_pair
from crossmodal_hash.report.curves import COLORS, GRAY, Picture
from crossmodal_hash.report.images import save_figures
from crossmodal_hash.runs.best_epoch import kept_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = Path(__file__).with_suffix(".toml")
DIRECTIONS = ("image->text", "text->image")
APART = "labels"
LABELS, FEW, PAIRS = ("unseen", "map@all"), ("query", "hit@10"), ("untrained", "hit@10")


@dataclass(frozen=True)
class Point:
    """The finished cells of one method.

    Attributes:
        name: of the method.
        cells: one a seed.
        folders: their run folders.
    """

    name: str
    cells: Sequence[Done]
    folders: Sequence[Path]

    def score(self, direction: str, where: tuple[str, str]) -> float:
        """Mean over the seeds of a score of the queries, against a database and by a metric."""
        return mean(self._scores(direction, where))

    def text(self, where: tuple[str, str]) -> str:
        """`.545/.556 ± .003/.002`: both directions, with their sample standard deviations over the seeds."""
        return _both([self._scores(direction, where) for direction in DIRECTIONS])

    def unseen(self) -> str:
        """Like `text`, of hit@10 of the unseen items among themselves, by the codes in the folders."""
        found = [_among_themselves(folder) for folder in self.folders]
        return _both(list(zip(*found, strict=True)))

    def validation(self, part: str) -> float:
        """Mean of those validation scores of the kept epochs whose names have the part."""
        kept = [kept_scores(folder / "metrics.jsonl", "best")["scores"] for folder in self.folders]
        values: list[float] = [value for scores in kept for name, value in scores.items() if part in name]
        return mean(values) if values else math.nan

    def _scores(self, direction: str, where: tuple[str, str]) -> list[float]:
        return [value for cell in self.cells if (value := cell.value(direction, *where)) is not None]


def points(out: Path, data: str) -> list[Point]:
    """The methods of the grid that have finished cells on a data set, in its order."""
    cells = [done for done in find_done(out) if done.cell.data.name == data]
    names = [method.name for method in read_grid(GRID).methods]
    of = {name: [done for done in cells if done.cell.method.name == name] for name in names}
    return [Point(name, found, [done.cell.folder(out) for done in found]) for name, found in of.items() if found]


def table(found: Sequence[Point]) -> str:
    """The points as Markdown."""
    heads = ("weight of pairs", "validation mAP", "MRR", "unseen mAP@all", "hit@10 of partners", "of all", "of unseen")
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for point in found:
        chosen = [_short(point.validation(part)) for part in ("/unseen/", "/partners/")]
        rows.append(f"| {' | '.join([point.name, *chosen, *map(point.text, (LABELS, FEW, PAIRS)), point.unseen()])} |")
    return "\n".join(rows)


def draw(found: Sequence[Point], axes: Axes) -> None:
    """A line for each direction through the points from labels alone to pairs alone."""
    for direction, color in zip(DIRECTIONS, COLORS, strict=False):
        x, y = ([point.score(direction, where) for point in found] for where in (PAIRS, LABELS))
        apart = int(found[0].name == APART)  # another text network: not on the way from labels to pairs
        axes.plot(x[apart:], y[apart:], color=color, marker="o", label=direction.replace("->", " to "))
        axes.plot(x[:apart], y[:apart], color=color, marker="o", fillstyle="none")
        for point, *where in zip(found, x, y, strict=True):
            axes.annotate(
                point.name,
                (where[0], where[1]),
                xytext=(5, -12 if point.name == APART else 4),
                textcoords="offset points",
                fontsize=9,
            )
    axes.set(xlabel="own partner among the first 10 of all untrained items", ylabel="mAP by labels, unseen items")
    axes.legend()


def _among_themselves(folder: Path) -> tuple[float, float]:
    """hit@10 of both directions: items that were not trained on, validated or queried with, among themselves."""
    codes = [load(folder / "codes" / f"{name}.safetensors") for name in ("image", "text")]
    parts = codes[0].parts
    rows = np.flatnonzero(parts["database"] & ~(parts["train"] | parts["validation"] | parts["query"]))
    image, text = (each.select(rows) for each in codes)
    found = [score_pair(*sides, ["hit@10"], relevant="pairs") for sides in ((image, text), (text, image))]
    return found[0].result.values["hit@10"], found[1].result.values["hit@10"]


def _both(scores: Sequence[Sequence[float]]) -> str:
    over_seeds = [spread(values) for values in scores]
    means = "/".join(_short(found.mean) for found in over_seeds)
    deviations = [_short(found.spread) for found in over_seeds if found.spread is not None]
    return f"{means} ± {'/'.join(deviations)}" if deviations else means


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}".removeprefix("0")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the bench")
    parser.add_argument("--data", default="drawings", help="name of the data set in it (default: %(default)s)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="folder for the picture, as PNG and SVG")
    args = parser.parse_args(argv)
    found = points(args.out, args.data)
    if not found:
        parser.error(f"{args.out} has no finished cell on {args.data}")
    print(table(found))
    if args.save:
        name = f"supervision-{args.data}"
        picture = Picture(name, "Labels and pairs", "", lambda axes: draw(found, axes))
        save_figures(args.save, [picture], ink=GRAY)


if __name__ == "__main__":
    main()
