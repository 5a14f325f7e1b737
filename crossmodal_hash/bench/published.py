"""Figures printed in papers, from `published.toml`: context for the measured ones, not targets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from crossmodal_hash.errors import DataError

NOTE = (
    "printed figures are context, not targets: the papers fine-tune a ResNet-34 on whole data sets and draw other "
    "splits. The two papers print the same twelve figures, digit for digit, for two different methods, HSIDHN [1] and "
    "DSPAH [2], and the same figures for the seven methods both compare with (SCM, SePH, DCMH, CHN, PRDH, SSAH, CMHH)"
)


@dataclass(frozen=True)
class Printed:
    """One row of a paper's table.

    Attributes:
        sources: numbers of the papers that print exactly these figures, with their table.
        values: direction -> bits -> mAP.
    """

    sources: tuple[str, ...]
    values: Mapping[str, Mapping[int, float]]

    @property
    def papers(self) -> str:
        """Their numbers: `[1][2]`."""
        return "".join(dict.fromkeys(source.partition(" ")[0] for source in self.sources))


@cache
def content() -> dict[str, Any]:
    """The content of the file."""
    return tomllib.loads(files(__package__).joinpath("published.toml").read_text("utf-8"))


def data_sets() -> list[str]:
    """Names of the data sets that have figures."""
    return list(dict.fromkeys(table["data"] for table in content()["tables"]))


def data_set(name: str) -> str:
    """The papers' data set that the data set of this name is, or is a part of.

    Raises:
        DataError: if the name contains no such data set.

    Example:
        >>> data_set("MIRFlickr25K-dev")
        'mirflickr25k'
    """
    plain = "".join(c for c in name.lower() if c.isalnum())
    found = [known for known in data_sets() if plain.startswith(known)]
    if not found:
        raise DataError(
            f"the papers print no figures for data set {name!r}, only for {' and '.join(data_sets())}; if it is one of "
            "these, name it so in the grid: [[data]] name = 'mirflickr25k-mine'"
        )
    return found[0]


def printed(method: str, data: str) -> list[Printed]:
    """The papers' figures for a method; equal rows of two papers are merged.

    Args:
        method: name of a recipe.
        data: as `data_set` returns it.
    """
    found: list[Printed] = []
    for table in content()["tables"]:
        row = table["methods"].get(method)
        if row is None or table["data"] != data:
            continue
        values = {direction: dict(zip(table["bits"], numbers, strict=True)) for direction, numbers in row.items()}
        source = f"[{content()['papers'][table['paper']]['number']}] Table {table['table']}"
        if any(_holds(old.values, values) for old in found):
            found = [
                Printed((*old.sources, source), old.values) if _holds(old.values, values) else old for old in found
            ]
        else:
            found.append(Printed((source,), values))
    return found


def _holds(old: Mapping[str, Mapping[int, float]], new: Mapping[str, Mapping[int, float]]) -> bool:
    return all(old.get(d, {}).get(bits) == value for d, by_bits in new.items() for bits, value in by_bits.items())


def notes() -> Sequence[str]:
    """The papers, and what readers must know about their figures."""
    papers = [f"[{p['number']}] {p['title']}, {p['tables']}, doi {p['doi']}" for p in content()["papers"].values()]
    return [*papers, NOTE]
