"""The definition of a bench, from a TOML file and flags: methods, bits, seeds, data sets; and the cells of the grid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from crossmodal_hash.errors import SettingsError, did_you_mean
from crossmodal_hash.settings.flags import Flags
from crossmodal_hash.settings.layers import read_toml
from crossmodal_hash.settings.schema import Part, Strict

NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
"""Names of methods and data sets are names of folders."""


class GridMethod(Strict):
    """A recipe under a name, with some of its settings changed."""

    name: str = Field(pattern=NAME, description="name in tables and folders")
    recipe: str = Field("", description="name of a shipped recipe or path of a TOML file; empty: same as name")
    sets: list[str] = Field([], description="KEY=VALUE, as in chash train --set")
    backbone: str | None = None
    text: str | None = None
    weights: str | None = None
    fusion: str | None = None
    sim: str | None = None
    loss: str | None = None
    epochs: int | None = Field(None, ge=1)
    freeze_backbone: bool | None = None

    @model_validator(mode="after")
    def _named_like_its_recipe(self) -> GridMethod:
        self.recipe = self.recipe or self.name
        return self


def as_method(value: Any) -> Any:
    """A recipe name as the table that it abbreviates."""
    if not isinstance(value, str):
        return value
    return {"name": Path(value).stem, "recipe": value} if value.endswith(".toml") else {"name": value}


class GridData(Strict):
    """A data set and its split."""

    name: str = Field("", description="name in tables and folders; empty: the file's name")
    path: str | None = Field(None, description="folder, archive or matrix file; none: the embedded drawings")
    reader: Part | None = Field(None, description="layout of the files; none: recognized")
    skip_bad: bool = Field(False, description="leave out items without text or with a picture that cannot be read")
    query: int | None = Field(None, ge=1)
    train: int | None = Field(None, ge=2)
    split: str | None = None

    @model_validator(mode="after")
    def _named_like_its_file(self) -> GridData:
        file = "drawings" if self.path is None else re.sub(r"(\.tar)?\.\w+$", "", Path(self.path).name)
        self.name = self.name or re.sub(r"[^A-Za-z0-9._+-]+|^[._+-]+", "-", file).strip("-")
        if not re.match(NAME, self.name):
            raise ValueError(f"data set name {self.name!r} names a folder; use only letters, digits and . _ + -")
        return self


class Grid(Strict):
    """A whole bench."""

    title: str = ""
    methods: list[Annotated[GridMethod, BeforeValidator(as_method)]] = Field(min_length=1)
    bits: list[Annotated[int, Field(ge=1, le=4096)]] = Field([16, 32, 64], min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0, 1, 2], min_length=1)
    data: list[GridData] = Field([GridData()], min_length=1)
    metrics: list[str] = Field(["map@all"], min_length=1, description="the first one is shown in the table")
    databases: list[str] = Field(["all", "unseen"], description="which tables are shown")
    show: list[str] = Field([], description="facts shown beside the method's name, such as fusion and similarity")
    against: str | None = Field(None, description="also show each method's difference to this one")
    sets: list[str] = Field([], description="KEY=VALUE for every method")
    device: str | None = None

    @model_validator(mode="after")
    def _nothing_twice(self) -> Grid:
        methods = [method.name for method in self.methods]
        lists: dict[str, list[Any]] = {"method": methods, "data set": [data.name for data in self.data]}
        for what, found in {**lists, "bits": self.bits, "seed": self.seeds}.items():
            twice = [x for i, x in enumerate(found) if x in found[:i]]
            if twice:
                raise ValueError(f"{what} {twice[0]} occurs twice; give each a different name")
        if self.against is not None and self.against not in methods:
            raise ValueError(f"against = {self.against!r} is not one of the methods {', '.join(methods)}")
        return self


@dataclass(frozen=True)
class Cell:
    """One training: a method, a code length, a seed and a data set.

    Attributes:
        method: the recipe and its changes.
        bits: K.
        seed: of split, initial weights and order.
        data: the data set.
        sets: `KEY=VALUE` texts of the whole grid, below the method's own.
        metrics: the computed metrics.
        device: as in `chash train --device`.
    """

    method: GridMethod
    bits: int
    seed: int
    data: GridData
    sets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("map@all",)
    device: str | None = None

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return f"{self.method.name}-{self.bits}-{self.seed}"

    def folder(self, out: Path) -> Path:
        """The run folder."""
        return out / self.data.name / self.name

    def failure(self, out: Path) -> Path:
        """File with the reason if it fails; not in the run folder, which may never be created."""
        return out / self.data.name / f"{self.name}.failed.json"

    def all_sets(self) -> tuple[str, ...]:
        """`--set` options, those of the method last."""
        return (*self.sets, *self.method.sets)

    def flags(self) -> Flags:
        """Flags of `chash train` without their dashes; None means not given."""
        method, data = self.method, self.data
        return {
            "backbone": method.backbone, "text": method.text, "weights": method.weights, "fusion": method.fusion,
            "sim": method.sim, "loss": method.loss, "epochs": method.epochs, "freeze_backbone": method.freeze_backbone,
            "data": data.path, "reader": data.reader.model_dump() if data.reader else None,
            "skip_bad": data.skip_bad or None, "query": data.query, "train": data.train, "split": data.split,
            "bits": self.bits, "seed": self.seed, "device": self.device,
        }  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """JSON for the process that runs it."""
        return {
            "method": self.method.model_dump(), "bits": self.bits, "seed": self.seed, "data": self.data.model_dump(),
            "sets": list(self.sets), "metrics": list(self.metrics), "device": self.device,
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Cell:
        """A cell from the output of `to_json`."""
        method, data = GridMethod(**values["method"]), GridData(**values["data"])
        lists = {"sets": tuple(values["sets"]), "metrics": tuple(values["metrics"])}
        return cls(method, values["bits"], values["seed"], data, device=values["device"], **lists)


def cells(grid: Grid) -> Iterator[Cell]:
    """Every cell; a seed is finished before the next one starts, so that a complete table is available early.

    Example:
        >>> grid = read_grid(None, {"methods": ["default", "hsidhn"], "bits": [16], "seeds": [0, 1]})
        >>> [cell.name for cell in cells(grid)]
        ['default-16-0', 'hsidhn-16-0', 'default-16-1', 'hsidhn-16-1']
    """
    for data in grid.data:
        for seed in grid.seeds:
            for bits in grid.bits:
                for method in grid.methods:
                    yield Cell(method, bits, seed, data, tuple(grid.sets), tuple(grid.metrics), grid.device)


def read_grid(file: Path | None, over: Mapping[str, Any] | None = None) -> Grid:
    """A grid from a TOML file, with fields replaced by flags.

    Args:
        file: TOML with the fields of `Grid`; None: only flags.
        over: field -> value; None means not given. A method that the file names keeps the file's settings, and the
            differences to a method of the file are left out if it is not among those that are given; `query`, `train`,
            `split` and `skip_bad` apply to every data set.

    Raises:
        SettingsError: with all problems in one message.
    """
    values = read_toml(file) if file else {}
    given = {key: value for key, value in (over or {}).items() if value is not None}
    named = {m["name"]: m for m in map(as_method, _list(values.get("methods"))) if isinstance(m, dict) and "name" in m}
    parts = {key: given.pop(key) for key in ("query", "train", "split", "skip_bad") if key in given}
    if "methods" in given:
        if values.get("against") in named and values["against"] not in given["methods"]:
            del values["against"]  # some of the file's methods, and not the one that it compares with
        given["methods"] = [named.get(method, method) for method in given["methods"]]
    given["sets"] = [*_list(values.get("sets")), *given.get("sets", [])]
    values = {**values, **given}
    if parts:
        data = _list(values.get("data")) or [{}]
        values["data"] = [{**each, **parts} if isinstance(each, dict) else each for each in data]
    if "methods" not in values:
        raise SettingsError(f"{file or 'the grid'} names no methods; give --methods, such as --methods default,hsidhn")
    try:
        return Grid.model_validate(values)
    except ValidationError as error:
        where = f"{file}: " if file else ""
        raise SettingsError(where + "; ".join(map(_problem, error.errors()))) from None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _problem(detail: Any) -> str:
    path = [part for part in detail["loc"] if not str(part).startswith("function-")]
    if path and path[0] in ("bits", "seeds"):
        # The value says which of them; its place in the list is nothing that anybody wrote.
        path = path[:1]
    key = ".".join(map(str, path))
    if detail["type"] == "extra_forbidden":
        models: dict[Any, type[BaseModel]] = {"methods": GridMethod, "data": GridData}
        known = list(models.get(path[0] if len(path) > 1 else None, Grid).model_fields)
        return f"unknown key {key!r}{did_you_mean(str(path[-1]), known)}; known here: {', '.join(known)}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    said = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{key} = {detail['input']!r}: {said.replace('input ', '')}"
