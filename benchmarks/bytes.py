"""How many partners are found with how many bytes an item: learned codes beside the simple ways to shorten vectors.

    python benchmarks/bytes.py DATA --query 1250 --train 4800 --out bench/bytes
    python benchmarks/bytes.py vectors.npz --embedded --query 1000 --train 5000 --out bench/bytes

An embedding of pictures and texts is learned from the training pairs (recipe `embedding`). Its vectors are shortened
to a few bytes: the leading principal components in half precision (`float16`), the closed forms `sign`, `pca` and
`itq`, and product quantization, plain (`pq`) and rotated (`opq`), if faiss is installed (the extra `faiss`). Other
names are recipes, trained on DATA for each code length. `--embedded` takes the vectors of DATA, of one width in all
modalities, as the embedding; recipes then learn from these. The recipes named in the grid file that is shipped do not
use labels. A grid file names methods, bytes, seeds and settings (default: bytes.toml).

The score is hit@10: the share of queries whose own partner, in the other modality, is among the first ten of the items
that were neither trained on nor validated with, the partners of the queries included. Items are ranked by the inner
product with the query: `real`, as the vector it is, or `code`, shortened as the items are. Ties are in expected order.

Prints one Markdown table, means over the seeds, and writes bytes.json and the same as a picture, bytes.svg and
bytes.png, beside the runs in --out. Finished runs there are used again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

import crossmodal_hash as ch
from crossmodal_hash.closed_forms._one_space import common_width
from crossmodal_hash.closed_forms._unit_rows import unit_rows
from crossmodal_hash.closed_forms.pca import principal_directions
from crossmodal_hash.components import CLOSED_FORMS
from crossmodal_hash.contracts import HashFunction
from crossmodal_hash.data import Captions, Dataset, Matrix, Needs, Split
from crossmodal_hash.errors import ChashError, DataError, SettingsError
from crossmodal_hash.metrics.paired import hit_at
from crossmodal_hash.metrics.real_valued import by_inner_product
from crossmodal_hash.metrics.relevance import Pairs
from crossmodal_hash.opening.open import open_data
from crossmodal_hash.report.curves import COLORS, GRAY, STYLES, Picture
from crossmodal_hash.report.images import save_figures
from crossmodal_hash.settings.layers import read_toml
from crossmodal_hash.settings.schema import Strict, problems
from crossmodal_hash.training.encode import encode
from crossmodal_hash.training.setup import split_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST = 10
GRID = Path(__file__).with_suffix(".toml")
SHALLOW = ("sign", "pca", "itq")
FAISS = ("pq", "opq")
ROTATIONS = 10
"""Steps of OPQ; the 50 of faiss take ten minutes at 64 bytes."""
Vectors = Mapping[str, NDArray[Any]]
"""Modality -> (N, D)."""
Query = Literal["real", "code"]


class Embedding(Strict):
    """How the embedding is learned."""

    recipe: str = "embedding"
    bits: int = Field(256, ge=1, description="its width")
    sets: list[str] = Field([], description="KEY=VALUE over its settings")


class Grid(Strict):
    """What is compared."""

    methods: list[str] = Field(min_length=1)
    bytes: list[int] = Field([4, 8, 16, 32, 64], min_length=1)
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    queries: list[Query] = Field(["real", "code"], min_length=1)
    embedding: Embedding = Embedding()
    trained: dict[str, list[str]] = Field({}, description="recipe -> KEY=VALUE over its settings")


def read_grid(path: Path) -> Grid:
    """The grid of a TOML file.

    Raises:
        SettingsError: for what is not one.
    """
    values = read_toml(path)
    try:
        return Grid.model_validate(values)
    except ValidationError as error:
        raise SettingsError(problems(error, Grid, values, f"{path}: ")) from None


class Shortened(NamedTuple):
    """The same items twice.

    Attributes:
        real: modality -> what a real-valued query is, (N, K).
        code: modality -> what its few bytes say, (N, K).
    """

    real: Vectors
    code: Vectors


def centered(vectors: Vectors, train: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Directions less the mean of those of the modality's training items."""
    unit = {name: unit_rows(x) for name, x in vectors.items()}
    return {name: x - x[train].mean(0) for name, x in unit.items()}


def whole(vectors: Vectors, train: NDArray[np.int64]) -> Shortened:
    """Nothing shortened."""
    x = {name: unit_rows(z) for name, z in centered(vectors, train).items()}
    return Shortened(x, x)


def float16(vectors: Vectors, train: NDArray[np.int64], size: int) -> Shortened:
    """The leading principal components, two bytes each, scaled to length 1 again."""
    x = centered(vectors, train)
    w = principal_directions(np.concatenate([x[name][train] for name in x]), min(size // 2, common_width(widths(x))))
    real = {name: unit_rows(x[name] @ w) for name in x}
    return Shortened(real, {name: z.astype(np.float16).astype(np.float64) for name, z in real.items()})


def closed_form(name: str, vectors: Vectors, train: NDArray[np.int64], size: int, seed: int) -> Shortened:
    """A closed form that needs no labels, fitted to the training items."""
    method = CLOSED_FORMS.make(name)
    fitted = method.fit(
        {m: np.asarray(x[train], np.float64) for m, x in vectors.items()},
        np.zeros((len(train), 0), np.uint8),
        8 * size,
        np.random.default_rng(seed),
    )
    real = {m: _applied(fitted[m], x) for m, x in vectors.items()}
    return Shortened(real, signs(real))


def _applied(function: HashFunction, x: NDArray[Any]) -> NDArray[np.float32]:
    import torch

    with torch.no_grad():
        values: NDArray[np.float32] = function([torch.from_numpy(np.asarray(x))]).features.numpy()
    return values


def signs(real: Vectors) -> dict[str, NDArray[np.float64]]:
    """Codes as they are stored: a value of 0 counts as positive."""
    return {name: np.where(u >= 0, 1.0, -1.0) for name, u in real.items()}


def product_quantization(
    vectors: Vectors, train: NDArray[np.int64], size: int, *, optimized: bool = False
) -> Shortened:
    """Product quantization of all modalities together (Jegou et al., TPAMI 2011): 256 centers for each byte.

    Args:
        vectors: modality -> (N, D).
        train: rows it is fitted to.
        size: bytes an item. Zeros are appended to vectors whose width it does not divide.
        optimized: first project to 8 columns a byte, at most D, and rotate these so that little is lost (OPQ; Ge et
            al., CVPR 2013).
    """
    import faiss

    x = centered(vectors, train)
    width = common_width(widths(x))
    if optimized:
        w = principal_directions(np.concatenate([x[name][train] for name in x]), min(8 * size, width))
        x = {name: z @ w for name, z in x.items()}
        width = w.shape[1]
    columns = -(-width // size) * size
    narrow = {name: np.pad(z, ((0, 0), (0, columns - width))).astype(np.float32) for name, z in x.items()}
    sample = np.concatenate([z[train] for z in narrow.values()])
    if optimized:
        rotate = faiss.OPQMatrix(columns, size)
        rotate.niter = ROTATIONS
        inner = faiss.ProductQuantizer(columns, size, 8)
        inner.cp.min_points_per_centroid = 1
        rotate.pq = inner
        rotate.train(sample)
        narrow = {name: rotate.apply(z) for name, z in narrow.items()}
        sample = rotate.apply(sample)
    index = faiss.IndexPQ(columns, size, 8, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # fewer than 39 make faiss warn, once for each byte and step
    index.train(sample)
    return Shortened(narrow, {name: index.sa_decode(index.sa_encode(z)) for name, z in narrow.items()})


def widths(vectors: Vectors) -> dict[str, int]:
    """Modality -> D."""
    return {name: x.shape[1] for name, x in vectors.items()}


def hits(
    queries: NDArray[Any], items: NDArray[Any], partner: NDArray[np.int64], first: int = FIRST
) -> NDArray[np.float64]:
    """`hit@first` of each query, expected over ties.

    Args:
        queries: (Q, K).
        items: (N, K), ranked by the inner product.
        partner: the row of each query's own partner among the items, (Q,).
        first: last rank that counts.

    Example:
        >>> hits(np.array([[1.0]]), np.array([[1.0], [1.0], [0.0]]), np.array([0]), first=1).tolist()
        [0.5]
    """
    relevance = Pairs(np.arange(len(queries)), partner, len(queries), len(items))
    return np.concatenate([hit_at(counts, first) for counts in by_inner_product(queries, items, relevance)])


def scored(short: Shortened, split: Split, kinds: Sequence[Query]) -> dict[Query, dict[str, float]]:
    """Kind of query -> direction -> hit@10 among the items that were not trained on."""
    asked = split.query
    items = np.union1d(split.unseen, asked)
    partner = np.searchsorted(items, asked)
    out: dict[Query, dict[str, float]] = {}
    for kind in kinds:
        sides: Vectors = getattr(short, kind)
        out[kind] = {
            f"{a}->{b}": float(hits(sides[a][asked], short.code[b][items], partner).mean())
            for a in short.real
            for b in short.real
            if a != b
        }
    return out


def vectors_of(dataset: Dataset) -> dict[str, NDArray[Any]]:
    """The vectors of data that are embedded already.

    Raises:
        DataError: for anything else.
    """
    found = dataset.of(Matrix)
    if len(found) < len(dataset.modalities) or len(found) < 2:
        raise DataError(
            f"{dataset.name} has no vectors for {', '.join(dataset.modalities)}; give matrices, or leave --embedded out"
        )
    dense = {name: np.asarray(m.values if isinstance(m.values, np.ndarray) else m.values.toarray(), np.float32)
             for name, m in found.items()}  # fmt: skip
    common_width(widths(dense))
    return dense


def real_codes(dataset: Dataset, recipe: str, sets: Sequence[str], bits: int, out: Path) -> tuple[ch.Run, Vectors]:
    """A recipe's run in `out`, trained unless it is finished, and the real codes of all items before the head."""
    if out.exists():
        run = ch.open_run(out)
    else:
        print(f"{out} ...", file=sys.stderr)
        run = ch.train(ch.build(recipe, sets=sets, bits=bits), dataset, out=out)
    towers = run.settings().towers
    found = encode(run, dataset, labels=False)[1]
    return run, {name: before_tanh(u) if towers[name].head.name == "tanh" else u for name, u in found.items()}


def before_tanh(u: NDArray[Any]) -> NDArray[np.float64]:
    """What tanh was applied to: half the log odds of each bit, which add up over bits as the values of tanh do not.

    Example:
        >>> before_tanh(np.tanh([[0.5, -2.0]])).round(4).tolist()
        [[0.5, -2.0]]
    """
    limit = 1 - 1e-6  # beyond, float32 has few values
    return np.asarray(np.arctanh(np.clip(np.asarray(u, np.float64), -limit, limit)))


def of_one_seed(
    grid: Grid, dataset: Dataset, sizes: Sequence[str], seed: int, out: Path, *, embedded: bool
) -> Iterator[tuple[str, int, dict[Query, dict[str, float]]]]:
    """Method, bytes an item, and its scores.

    Args:
        grid: what to compare.
        dataset: N items, one text each.
        sizes: settings of the data: where they are and how they are split.
        seed: draws the split and everything else.
        out: where runs are.
        embedded: whether the data are vectors to be used as they are.
    """
    common = [*sizes, f"seed={seed}"]
    if embedded:
        vectors: Vectors = vectors_of(dataset)
        settings = ch.build(sets=common).resolve(dataset).settings
        split = split_of(dataset, settings)
    else:
        wanted = grid.embedding
        run, vectors = real_codes(
            dataset, wanted.recipe, [*common, *wanted.sets], wanted.bits, out / f"embedding-seed{seed}"
        )
        split = run.split(dataset.ids)
    train = split.train
    width = common_width(widths(vectors))
    yield f"the embedding, {width} x float32", 4 * width, scored(whole(vectors, train), split, ["real"])
    for method in grid.methods:
        for size in grid.bytes:
            if method in ("pca", "itq") and 8 * size > width:
                continue
            if method in FAISS and size > width:
                continue
            if method == "float16":
                short = float16(vectors, train, size)
            elif method in FAISS:
                short = product_quantization(vectors, train, size, optimized=method == "opq")
            elif method in SHALLOW:
                short = closed_form(method, vectors, train, size, seed)
            else:
                sets = [*common, *grid.trained.get(method, [])]
                _, real = real_codes(dataset, method, sets, 8 * size, out / f"{method}-{8 * size}-seed{seed}")
                short = Shortened(real, signs(real))
            yield method, size, scored(short, split, grid.queries)


Row = tuple[str, Query]
Table = dict[Row, dict[int, dict[str, list[float]]]]
"""Method and kind of query -> bytes -> direction -> hit@10 of each seed."""


def means_of(cell: Mapping[str, Sequence[float]]) -> str:
    """`.104/.100`: the directions, means over the seeds."""
    return "/".join(f"{np.mean(values):.3f}".removeprefix("0") for values in cell.values())


def markdown(table: Table, sizes: Sequence[int]) -> str:
    """Rows of method and query, columns of bytes; each cell both directions, means over the seeds."""
    lines = ["| codes | query | " + " | ".join(f"{size} bytes" for size in sizes) + " |"]
    lines.append("|---|---|" + "---:|" * len(sizes))
    for (method, kind), cells in table.items():
        if not set(cells) <= set(sizes):
            continue
        shown = [means_of(cells[size]) if size in cells else "" for size in sizes]
        lines.append(f"| `{method}` | {kind} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def draw(table: Table, sizes: Sequence[int], axes: Axes) -> None:
    """hit@10 over bytes, mean of both directions: a color for each method, dashes for queries that are codes."""
    methods = list(dict.fromkeys(method for method, _ in table))
    for (method, kind), cells in table.items():
        means = {size: float(np.mean(list(cells[size].values()))) for size in cells}
        again, color = divmod(methods.index(method), len(COLORS))
        if set(cells) <= set(sizes):
            style = STYLES[0 if kind == "real" else 1]
            axes.plot(
                list(means),
                list(means.values()),
                style,
                color=COLORS[color],
                marker=".D^"[again % 3],
                markersize=5,
                label=f"{method}, {kind}",
            )
        else:
            axes.axhline(next(iter(means.values())), color="#888888", linewidth=1, linestyle=":", label=method)
    axes.set_xscale("log", base=2)
    axes.set(xticks=list(sizes), xticklabels=list(map(str, sizes)), xlabel="bytes an item", ylabel=f"hit@{FIRST}")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def compare(grid: Grid, dataset: Dataset, sizes: Sequence[str], out: Path, *, embedded: bool) -> Table:
    """The scores of every method, as `of_one_seed`, over all seeds.

    Raises:
        DataError: for data with several texts an item.
        SettingsError: for a method that is not a recipe either.
    """
    if dataset.of(Captions):
        raise DataError(
            f"{dataset.name} has several texts an item; this benchmark needs one, so that a query has one partner"
        )
    trained = {m: grid.trained.get(m, []) for m in grid.methods if m not in ("float16", *SHALLOW, *FAISS)}
    for recipe, sets in [*trained.items(), (grid.embedding.recipe, grid.embedding.sets)]:
        ch.build(recipe, sets=sets)  # what does not exist is said before an hour of training
    table: Table = {}
    for seed in grid.seeds:
        for method, size, scores in of_one_seed(grid, dataset, sizes, seed, out, embedded=embedded):
            for kind, both in scores.items():
                cell = table.setdefault((method, kind), {}).setdefault(size, {})
                for direction, value in both.items():
                    cell.setdefault(direction, []).append(value)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print and save; 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA", help="folder, archive or matrix file")
    parser.add_argument("--query", type=int, help="number of queries; default: a tenth")
    parser.add_argument("--train", type=int, help="number of training items; default: half")
    parser.add_argument("--embedded", action="store_true", help="DATA holds vectors in one space")
    parser.add_argument("--grid", type=Path, default=GRID, help="default: bytes.toml beside this file")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs, table and picture")
    options = parser.parse_args(argv)
    try:
        grid = read_grid(options.grid)
        dataset = open_data(options.data, needs=Needs(labels=False))
        given = {"path": json.dumps(options.data), "query": options.query, "train": options.train}
        sizes = [f"data.{key}={value}" for key, value in given.items() if value is not None]
        if set(FAISS) & set(grid.methods) and importlib.util.find_spec("faiss") is None:
            print("pq and opq are left out, because faiss is not installed: pip install 'crossmodal-hash[faiss]'")
            grid = grid.model_copy(update={"methods": [m for m in grid.methods if m not in FAISS]})
        table = compare(grid, dataset, sizes, options.out, embedded=options.embedded)
    except ChashError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {"method": method, "query": kind, "bytes": size, "direction": direction, "hit@10": values}
        for (method, kind), cells in table.items()
        for size, cell in cells.items()
        for direction, values in cell.items()
    ]
    (options.out / "bytes.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    picture = Picture("bytes", "hit@10 by bytes an item", "", lambda axes: draw(table, grid.bytes, axes), (7, 4.2))
    save_figures(options.out, [picture], ink=GRAY)
    report(table, grid)
    return 0


def report(table: Table, grid: Grid) -> None:
    """Print what was found."""
    first = next(iter(next(iter(table.values())).values()))
    print(f"hit@{FIRST}, {' / '.join(first)}, mean of {len(grid.seeds)} seeds\n\n{markdown(table, grid.bytes)}")
    for (method, _), cells in table.items():
        if not set(cells) <= set(grid.bytes):
            for size, cell in cells.items():
                print(f"\n{method} ({size} bytes): {means_of(cell)}")


if __name__ == "__main__":
    sys.exit(main())
