"""Figures by matplotlib: precision and recall, code length, training, and the bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes, unpack
from crossmodal_hash.report.run import Scored
from crossmodal_hash.runs.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Text and axes: black on paper; the page replaces this color by its own."""
GRAY = "#7a7a7a"
"""In its place for pictures that cannot know the page's color: readable on white and on near-black."""
COLORS = ("#2f87d6", "#d9762b", "#2b9d68", "#c0529f", "#8a76d8", "#a8862c")
"""Distinguishable on white and on near-black, and by readers with red-green color blindness."""
STYLES = ("-", "--", "-.", ":")
STYLE: Any = {
    "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "grid.color": "#888888",
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
    "font.family": "sans-serif", "font.size": 11, "svg.fonttype": "none", "lines.linewidth": 1.8,
}  # fmt: skip
RANKS = 200


@dataclass(frozen=True)
class Picture:
    """One figure with its texts.

    Attributes:
        name: name of files and anchors, lower case and hyphens.
        title: heading.
        alt: description for readers who cannot see it.
        draw: draws on the given axes.
        size: size in inches.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[Axes], None]
    size: tuple[float, float] = (5.2, 3.6)

    def figure(self) -> Figure:
        """The figure, newly drawn."""
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context(STYLE):
            figure = Figure(figsize=self.size, layout="constrained")
            self.draw(figure.add_subplot())
        return figure


def ranking_pictures(scored: Sequence[Scored]) -> Iterator[Picture]:
    """Precision over recall and precision over rank, one of each per direction across modalities."""
    shown = [(s.direction, s.database) for s in scored[0].record.scores if s.is_cross_modal and s.is_whole]
    for direction, database in shown:
        said, slug = direction.replace("->", " to "), direction.replace("->", "-to-")
        found = [(x.record.name, s.result) for x in scored if (s := x.record.score(direction, database))]
        radius = [(name, r.curves["pr@radius/micro"]) for name, r in found]
        ends = "; ".join(
            f"{name} has precision {_first(c.precision, c.recall):.2f} at its first hits" for name, c in radius
        )

        def over_recall(axes: Axes, radius: Any = radius) -> None:
            for i, (name, curve) in enumerate(radius):
                some = curve.recall > 0
                axes.plot(curve.recall[some], curve.precision[some], label=_label(name), marker=".", **_line(i))
            _finish(axes, "recall", "precision", legend=len(radius) > 1)
            axes.set(xlim=(0, 1.02), ylim=(0, 1.02))

        alt = f"Precision over recall for {said}, pairs of all queries pooled, one point per Hamming radius: {ends}."
        yield Picture(f"pr-{slug}", f"Precision and recall, {said}", alt, over_recall)

        ranks = [(name, r.curves["pr@rank"]) for name, r in found]
        _, asked = found[0]
        chance = asked.relevant_pairs / max(1, asked.queries * asked.database - asked.left_out)
        ends = "; ".join(f"{name} falls from {c.precision[0]:.2f} to {c.precision[-1]:.2f}" for name, c in ranks)

        def over_rank(axes: Axes, ranks: Any = ranks, chance: float = chance) -> None:
            for i, (name, curve) in enumerate(ranks):
                at = np.unique(np.geomspace(1, len(curve.at), min(RANKS, len(curve.at))).astype(int)) - 1
                axes.plot(curve.at[at], curve.precision[at], label=_label(name), **_line(i))
            axes.axhline(chance, color="#888888", linewidth=1, linestyle=":")
            axes.set_xscale("log")
            _finish(axes, "N, items retrieved", "precision of the first N", legend=len(ranks) > 1)
            axes.set_ylim(0, 1.02)

        alt = f"Precision of the first N items over N for {said}, mean over queries: {ends}; dotted: a random order."
        yield Picture(f"precision-at-n-{slug}", f"Precision at N, {said}", alt, over_rank)


def length_picture(scored: Sequence[Scored], level: float) -> Picture | None:
    """map@all over bits with intervals; None unless there are at least two code lengths."""
    points: dict[str, list[tuple[int, float, float, float]]] = {}
    for each in scored:
        for line in each.record.lines(level):
            if line.metric == "map@all" and line.database == "all" and line.low is not None and line.high is not None:
                points.setdefault(line.direction, []).append((line.bits, line.value, line.low, line.high))
    crossing = {s.direction for each in scored for s in each.record.scores if s.is_cross_modal}
    points = {direction: sorted(rows) for direction, rows in points.items() if direction in crossing}
    lengths = sorted({row[0] for rows in points.values() for row in rows})
    if len(lengths) < 2:
        return None

    def draw(axes: Axes) -> None:
        for i, (direction, rows) in enumerate(points.items()):
            bits, value, low, high = np.array(rows).T
            axes.errorbar(bits, value, [value - low, high - value], **length_line(i, direction))
        length_axes(axes, lengths, "map@all")

    ends = "; ".join(
        f"{d} {rows[0][1]:.3f} at {rows[0][0]} bits, {rows[-1][1]:.3f} at {rows[-1][0]}" for d, rows in points.items()
    )
    return Picture(
        "map-by-bits", "Score by code length", f"map@all over code length with {level:.0%} intervals: {ends}.", draw
    )


def length_line(i: int, name: str) -> dict[str, Any]:
    """Style of the i-th line over code length."""
    return {"label": _label(name), "marker": "o", "capsize": 3, **_line(i)}


def length_axes(axes: Axes, lengths: Sequence[int], metric: str) -> None:
    """Axes of a metric over code length."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    _finish(axes, "bits", metric, legend=True)


def history_picture(name: str, title: str, what: str, histories: Sequence[tuple[str, History]]) -> Picture | None:
    """A quantity over epochs; None if nothing was recorded."""
    lines = [(run, key, points) for run, history in histories for key, points in history.items() if points]
    if not lines:
        return None
    runs, keys = (list(dict.fromkeys(names)) for names in zip(*((run, key) for run, key, _ in lines), strict=True))
    several = len(runs) > 1
    deep = (len(lines) + 1) // 2

    def draw(axes: Axes) -> None:
        for run, key, points in lines:
            epoch, value = zip(*points, strict=True)
            label = f"{run}: {key}" if several else key
            marker = "o" if len(points) == 1 else None
            # Of several runs, each has a color and each curve a style.
            look = _look(runs.index(run), keys.index(key)) if several else _line(keys.index(key))
            axes.plot(epoch, value, label=_label(label.removesuffix("/map@all")), marker=marker, **look)
        _finish(axes, "epoch", what, legend=False)
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2, "fontsize": "x-small"}
        axes.legend(**below) if len(lines) > 4 else axes.legend(fontsize="small")

    said = "; ".join(
        f"{run + ' ' if several else ''}{key.removesuffix('/map@all')} from {points[0][1]:.3f} to {points[-1][1]:.3f}"
        for run, key, points in lines
    )
    return Picture(
        name, title, f"{what} over epochs: {said}.", draw, (5.2, 3.6 + (0.2 * deep if len(lines) > 4 else 0.0))
    )


def bit_pictures(name: str, slug: str, codes: Codes) -> Iterator[Picture]:
    """How often each bit is set, and the correlation of the bits of one modality."""
    signs = unpack(codes.packed, codes.bits)
    share = (signs > 0).mean(axis=0)

    def balance(axes: Axes) -> None:
        axes.bar(np.arange(codes.bits), share, color=COLORS[0], width=0.8)
        axes.axhline(0.5, color="#888888", linewidth=1, linestyle=":")
        _finish(axes, "bit", "share of items with this bit set", legend=False)
        axes.set_ylim(0, 1)

    dead = int(((share == 0) | (share == 1)).sum())
    alt = (
        f"Share of items with each of {codes.bits} bits set, {codes.modality} codes of {name}: {share.min():.2f} to "
        f"{share.max():.2f}, where 0.5 is balanced; bits that never change: {dead}."
    )
    yield Picture(f"balance-{slug}-{codes.modality}", f"Balance of the bits, {codes.modality}, {name}", alt, balance)

    correlation = bit_correlation(signs)

    def together(axes: Axes) -> None:
        image = axes.imshow(correlation, cmap="coolwarm", vmin=-1, vmax=1, interpolation="nearest")
        axes.grid(visible=False)
        axes.set(xlabel="bit", ylabel="bit")
        axes.figure.colorbar(image, ax=axes, shrink=0.85, label="correlation")

    apart = np.abs(correlation[~np.eye(codes.bits, dtype=bool)])
    mean = float(apart.mean()) if len(apart) else 0.0
    alt = (
        f"Correlation of each pair of bits, {codes.modality} codes of {name}: {mean:.2f} on average off the diagonal "
        "in absolute value, where 0 is independent."
    )
    title = f"Correlation of the bits, {codes.modality}, {name}"
    yield Picture(f"correlation-{slug}-{codes.modality}", title, alt, together)


def bit_correlation(signs: NDArray[Any]) -> NDArray[np.float64]:
    """Pearson correlation of the columns, (K, K); 0 for a bit that never changes, 1 on the diagonal."""
    centered = signs - signs.mean(axis=0)
    length = np.linalg.norm(centered, axis=0)
    out = np.divide(centered, length, out=np.zeros_like(centered, dtype=np.float64), where=length > 0)
    found = out.T @ out
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _first(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    return float(precision[np.argmax(recall > 0)])


def _label(name: str) -> str:
    """A literal name: no mathematics between dollar signs, and not hidden by a leading underscore."""
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def _line(i: int) -> dict[str, Any]:
    return _look(i, i // len(COLORS))


def _look(color: int, style: int) -> dict[str, Any]:
    return {"color": COLORS[color % len(COLORS)], "linestyle": STYLES[style % len(STYLES)]}


def _finish(axes: Axes, x: str, y: str, *, legend: bool) -> None:
    axes.set(xlabel=x, ylabel=y)
    if legend:
        axes.legend(fontsize="small")
