"""How well people's own words find the embedded drawings: the share of the first five whose title fits the query.

    python benchmarks/free_text.py RUN
    python benchmarks/free_text.py RUN --split unseen --queries other.toml

The queries and what fits each are in free_text.toml, with the rules by which they were written. RUN must be trained on
drawings that have titles, and encoded with `chash encode RUN`. A query is encoded as a text and searched for among the
codes of the pictures as `chash search` does it: the nearest are ordered again by the query before the sign. With
`--rescore 0` they are not, and items at the same distance come in database order. `--split unseen` searches only what
the run was neither trained on nor validated or queried with.

Prints one row for each query as Markdown, then the mean over queries, how many of them find nothing that fits, what a
random order would score, and the best that could be reached.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash import open_run
from crossmodal_hash.codes import Codes, load
from crossmodal_hash.codes.rescore import FIRST as AGAIN
from crossmodal_hash.data import Needs
from crossmodal_hash.engines.answers import answers
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.opening.open import open_own, open_texts
from crossmodal_hash.settings.schema import DataSettings
from crossmodal_hash.training.encode import encode

FIRST = 5
"""Drawings looked at for each query: about what fits on a screen."""
SHOWN = 3
"""Titles printed for each query."""
QUERIES = Path(__file__).with_suffix(".toml")
TITLES_ONLY = Needs(labels=False, texts=False, pictures=False)


@dataclass(frozen=True)
class Query:
    """Words, and what they are meant to find.

    Attributes:
        text: as somebody types it.
        fits: found in the id or text of what fits.
        unless: found in those of what does not fit all the same, or None.
    """

    text: str
    fits: re.Pattern[str]
    unless: re.Pattern[str] | None = None

    def is_fitted_by(self, words: str) -> bool:
        """Whether an item with these words fits.

        Example:
            >>> query = Query("a cat", whole_words("cats?"), whole_words("tiger"))
            >>> [query.is_fitted_by(words) for words in ("Two Cats", "caterpillar", "Tiger. cat, feline")]
            [True, False, False]
        """
        return bool(self.fits.search(words)) and not (self.unless and self.unless.search(words))


def whole_words(pattern: str) -> re.Pattern[str]:
    """The pattern, found only as whole words and in any case."""
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


def read_queries(path: Path) -> list[Query]:
    """The queries of a TOML file: an array of tables `queries` with `text`, `fits` and, where needed, `except`."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["queries"]
    return [
        Query(row["text"], whole_words(row["fits"]), whole_words(row["except"]) if "except" in row else None)
        for row in rows
    ]


def fitting(queries: Sequence[Query], words: Sequence[str]) -> NDArray[np.bool_]:
    """Which items fit which queries.

    Args:
        queries: Q of them.
        words: the id and text of each of N items.

    Returns:
        bool (Q, N).
    """
    found = [[query.is_fitted_by(item) for item in words] for query in queries]
    return np.array(found, dtype=bool).reshape(len(queries), len(words))


def shares(fits: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of the items found that fit, for each query.

    Args:
        fits: as `fitting` returns it, bool (Q, N).
        rows: what each query found, as rows of the N items, int (Q, k).

    Returns:
        Shares in 0..1, (Q,).
    """
    found: NDArray[np.float64] = np.take_along_axis(fits, rows, axis=1).mean(axis=1)
    return found


def best_possible(fits: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """The share of k items that fit if all that do come first, for each query: (Q, N) -> (Q,)."""
    best: NDArray[np.float64] = np.minimum(fits.sum(axis=1), k) / k
    return best


def searched(run: Path, database: str, split: str) -> Codes:
    """The codes of one modality of a run, or of those items among them that the run has not seen."""
    codes = load(run / "codes" / f"{database}.safetensors")
    if split == "all":
        return codes
    parts = codes.parts
    return codes.select(parts["database"] & ~parts["train"] & ~parts["validation"])


def titles_of(data: DataSettings) -> dict[str, str]:
    """The text of every item of a run's data, by id; empty where it has none."""
    dataset = open_own(data, needs=TITLES_ONLY)
    texts = dataset.modalities["text"]
    return {name: texts.text(row) or "" for row, name in enumerate(dataset.ids)}


def report(
    queries: Sequence[Query],
    database: Codes,
    rows: NDArray[np.int64],
    fits: NDArray[np.bool_],
    titles: Mapping[str, str],
) -> None:
    """Print the table and what it comes to."""
    k = rows.shape[1]
    found, best, at_random = shares(fits, rows), best_possible(fits, k), fits.mean(axis=1)
    print(f"| query | fits, of {k} | there are | first |\n|---|---|---|---|")
    for query, share, there_are, first in zip(queries, found, fits.sum(axis=1), rows[:, :SHOWN], strict=True):
        shown = "; ".join(_short(titles[item] or item) for item in database.ids[first].tolist())
        print(f"| {query.text} | {round(share * k)} | {there_are} | {shown} |")
    print(
        f"\nmean of {len(queries)} queries among {len(database)} items: {found.mean():.3f}\n"
        f"queries with none that fits: {(found == 0).sum()}\n"
        f"a random order: {at_random.mean():.3f}\n"
        f"best possible: {best.mean():.3f}"
    )


def _short(title: str, width: int = 40) -> str:
    line = " ".join(title.replace("|", "/").split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def main() -> None:
    """Encode the queries, search, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--queries", type=Path, default=QUERIES, help="default: free_text.toml beside this file")
    parser.add_argument("--split", choices=("all", "unseen"), default="all", help="what is searched")
    parser.add_argument("--database", default="image", metavar="MODALITY", help="whose codes; default: image")
    parser.add_argument("--rescore", type=int, default=AGAIN, help="as for chash search; default: %(default)s")
    options = parser.parse_args()

    run, queries = open_run(options.run), read_queries(options.queries)
    database = searched(run.path, options.database, options.split)
    every, real = encode(run, open_texts([query.text for query in queries]))
    asked = every["text"]
    if asked.fingerprint != database.fingerprint:
        sys.exit(f"the codes in {run.codes} are of another model; encode again with 'chash encode {run.path}'")
    titles = titles_of(run.settings().data)
    fits = fitting(queries, [f"{item}\n{titles[item]}" for item in database.ids.tolist()])
    row_of = {item: row for row, item in enumerate(database.ids.tolist())}
    found = answers(InMemory(database), asked.packed, real["text"], FIRST, options.rescore)
    rows = np.array([[row_of[item] for item in hits.ids[:FIRST].tolist()] for hits in found])
    report(queries, database, rows, fits, titles)


if __name__ == "__main__":
    main()
