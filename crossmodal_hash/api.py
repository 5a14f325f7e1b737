"""The command line's work as functions: load, build, train, encode, evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, cast

from crossmodal_hash.callbacks import Callback, Callbacks
from crossmodal_hash.codes import Codes
from crossmodal_hash.data import Dataset
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.evaluation import PARTNERS, score
from crossmodal_hash.factory import check_parts
from crossmodal_hash.metrics import Empty, Ties
from crossmodal_hash.runs import folder
from crossmodal_hash.runs.log import Logging
from crossmodal_hash.settings.flags import Flags, TrainFlags
from crossmodal_hash.settings.layers import Layer
from crossmodal_hash.settings.resolve import Resolved, resolve
from crossmodal_hash.training import trainer
from crossmodal_hash.training.encode import encode
from crossmodal_hash.training.fit_to_data import data_layers, frozen_by_default


class Run(folder.Run):
    """A run folder whose model can encode data."""

    def encode(self, dataset: Dataset, **options: Any) -> dict[str, Codes]:
        """Encode every item.

        Args:
            dataset: N items with any of the model's modalities; labels may be missing.
            options: `device` (auto, cpu, cuda, cuda:N), `modalities` (names; None: all), `labels` (whether they are
                stored with the codes; true), `known_labels` (whether items that were trained on get a code made from
                their labels; false), `callback` (receives the progress).

        Returns:
            Modality -> codes (N items).

        Raises:
            DataError: for a modality that the data does not have, a label that the run has never seen, or no known
                labels.
            RunError: for a run that is not finished.
        """
        return encode(self, dataset, **options)[0]


@dataclass(frozen=True)
class Method:
    """A recipe with some of its settings changed; widths and weights come with the data.

    Attributes:
        recipe: name of a shipped recipe, or path of a TOML file.
        file: a TOML file of settings over the recipe's.
        sets: `KEY=VALUE` texts.
        flags: the flags of `chash train` without their dashes.
    """

    recipe: str
    file: Path | None
    sets: tuple[str, ...]
    flags: Flags

    def resolve(self, data: Dataset | None = None, **flags: Unpack[TrainFlags]) -> Resolved:
        """The settings; those that are not set explicitly may depend on the data."""
        given = cast(Flags, {**self.flags, **flags})
        frozen = frozen_by_default(given.get("device"))
        first = self._resolved(given, frozen, [])
        layers = [] if data is None else data_layers(first, data)
        return self._resolved(given, frozen, layers) if layers else first

    def _resolved(self, flags: Flags, frozen: bool, extra: list[Layer]) -> Resolved:
        return resolve(self.recipe, file=self.file, sets=self.sets, flags=flags, frozen_by_default=frozen, extra=extra)


def build(
    recipe: str = "default", *, file: Path | None = None, sets: Sequence[str] = (), **flags: Unpack[Flags]
) -> Method:
    """Choose a method; every name and setting is checked immediately.

    Args:
        recipe: as in `chash train --recipe`.
        file: as in `--config`.
        sets: as in `--set`.
        flags: the other flags, such as `bits=64, fusion="bbi", sim="mmd"`.

    Raises:
        ChashError: for names and settings that do not exist.

    Example:
        >>> build("hsidhn", bits=32, sim="fgsc").resolve().settings.bits
        32
    """
    method = Method(recipe, file, tuple(sets), flags)
    check_parts(method.resolve().settings)
    return method


def train(
    method: Method,
    data: Dataset,
    *,
    out: Path | str | None = None,
    callbacks: Sequence[Callback] = (),
    **flags: Unpack[TrainFlags],
) -> Run:
    """Train a method on a data set and write a run folder, `runs/...` unless `out` is given.

    The logger `crossmodal_hash` is told of it at level INFO: `logging.basicConfig(level="INFO")` shows a line an epoch.

    Args:
        method: from `build`.
        data: items, with labels if the method needs them.
        out: a new folder.
        callbacks: called in this order, after the logger.
        flags: flags that override the method's, such as `epochs=5, seed=0`.

    Raises:
        ChashError: as for `chash train`.
    """
    path = None if out is None else Path(out)
    told = Callbacks([Logging(), *callbacks])
    return Run(trainer.train(method.resolve(data, **flags), data, out=path, callback=told).path)


def open_run(path: Path | str | None = None) -> Run:
    """The run at `path`, or the latest under `runs/`.

    Raises:
        RunError: if there is no such run.
    """
    return Run(folder.open_run(None if path is None else Path(path)).path)


def evaluate(
    codes: Mapping[str, Codes],
    metrics: Sequence[str] = ("map@all",),
    *,
    database: str = "all",
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> dict[str, float]:
    """Score codes in every direction.

    Args:
        codes: modality -> codes of the same items, as `Run.encode` returns them.
        metrics: names that `crossmodal_hash.metrics.parse` accepts.
        database: by shared labels: `all`, the papers' database, or `unseen`, without the items trained on;
            `known-labels` is `all` of codes that were encoded with `known_labels=True`. By belonging together, like a
            picture and its text: `query`, the queries' partners alone, `untrained`, every item that was not trained
            on, or `whole`, every item.
        ties: order among items at the same distance: `expected`, `stable`, `optimistic` or `pessimistic`, as
            `crossmodal_hash.metrics.evaluate` explains them.
        empty: how a query without a relevant item counts: `zero`, `skip`, `one` or `error`.

    Returns:
        Names such as `image->text/map@all` -> value.

    Raises:
        ChashError: for codes that do not fit together, and for a metric or a database that does not exist.
    """
    found = score(codes, metrics, ties=ties, empty=empty, relevant="pairs" if database in PARTNERS else "labels")
    of = [part for part in found if part.database == database]
    if not of:
        there = ", ".join(dict.fromkeys(part.database for part in found))
        raise SettingsError(f"database '{database}' does not exist for these codes; there is: {there}")
    return {f"{part.direction}/{name}": value for part in of for name, value in part.result.values.items()}
