"""Extract the features of a data set once, before the cells that need them run in parallel.

    python -m crossmodal_hash.bench.features CELL...      (one cell per method; CELL: JSON as `Cell.to_json` writes it)

Otherwise each of the first cells would do the same hours of work, and the peak memory of a method would depend on
whether it ran first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from crossmodal_hash.api import build
from crossmodal_hash.bench.cell import JsonLines
from crossmodal_hash.bench.grid import Cell
from crossmodal_hash.bench.process import guarded, stop_with_the_bench, tell
from crossmodal_hash.callbacks import Callback
from crossmodal_hash.data import Dataset
from crossmodal_hash.device import pick_device
from crossmodal_hash.errors import ChashError, DataError
from crossmodal_hash.factory import build_model
from crossmodal_hash.opening.open import open_data
from crossmodal_hash.settings.schema import Settings
from crossmodal_hash.training.inputs import prepare
from crossmodal_hash.training.setup import input_widths, split_of, vocabulary_of


def extract_features(cells: Sequence[Cell], callback: Callback) -> None:
    """Fill the cache for these cells, which share a data set; a cell that cannot be built reports that when it runs.

    Raises:
        ChashError: if the data cannot be used by any cell, for example because of a damaged picture.
    """
    data = cells[0].data
    dataset = open_data(data.path, data.reader, skip_bad=data.skip_bad)
    for settings in different(cells, dataset):
        try:
            vocabulary = vocabulary_of(dataset, settings, split_of(dataset, settings))
            device = pick_device(settings.device)
            model = build_model(settings, input_widths(settings, dataset, vocabulary)).to(device)
        except ChashError:
            continue
        try:
            prepare(dataset, model, vocabulary, device, mirror=settings.train.mirror, callback=callback)
        except DataError:
            raise
        except ChashError:
            continue


def different(cells: Sequence[Cell], dataset: Dataset) -> Iterator[Settings]:
    """The settings with a frozen backbone, one for each set of different features."""
    seen = set()
    for cell in cells:
        try:
            method = build(cell.method.recipe, sets=cell.all_sets(), **cell.flags())
            settings = method.resolve(dataset).settings
        except ChashError:
            continue
        backbones = {name: tower.backbone.model_dump() for name, tower in settings.towers.items()}
        key = json.dumps([backbones, settings.train.cache_grid, settings.train.mirror], sort_keys=True, default=str)
        if settings.train.freeze_backbone and key not in seen:
            seen.add(key)
            yield settings


def main(argv: Sequence[str]) -> int:
    """Extract; the exit code is that of `chash`."""
    stop_with_the_bench()
    tell(doing="features")
    return guarded(lambda: extract_features([Cell.from_json(json.loads(text)) for text in argv], JsonLines()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
