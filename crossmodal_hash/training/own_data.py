"""The data that settings name, opened the same way by every command that works on a run."""

from __future__ import annotations

from crossmodal_hash.components import READERS
from crossmodal_hash.data import Dataset, load_data, without_bad
from crossmodal_hash.settings.parts import make
from crossmodal_hash.settings.schema import DataSettings, Named
from crossmodal_hash.training.listener import Listener


def own_data(
    data: DataSettings, path: str | None = None, *, need_labels: bool = True, listener: Listener | None = None
) -> Dataset:
    """The data set of some settings.

    Args:
        data: the table `[data]` of a run or recipe.
        path: where the data lie now, if they were moved.
        need_labels: whether data without labels are refused.
        listener: hears what the reader left out.

    Raises:
        ChashError: for data or a reader that cannot be used.
    """
    return open_data(path or data.path, data.reader, need_labels=need_labels, skip_bad=data.skip_bad, listener=listener)


def open_data(
    path: str | None,
    reader: Named | None = None,
    *,
    need_labels: bool = True,
    skip_bad: bool = False,
    listener: Listener | None = None,
) -> Dataset:
    """The data set at a path; with no reader named, its layout is recognised.

    With `skip_bad` every picture is looked at, and items without text or whose picture cannot be read are left out, and
    noted.
    """
    listener = listener or Listener()
    chosen = None if reader is None else make(READERS, reader, "data.reader")
    dataset = load_data(
        path, reader=chosen, need_labels=need_labels, need_texts=not skip_bad, need_pictures=not skip_bad
    )
    return heard(dataset, skip_bad=skip_bad, listener=listener)


def heard(dataset: Dataset, *, skip_bad: bool, listener: Listener) -> Dataset:
    """The data set, without its bad items if they are to be left out; the listener hears its notes."""
    if skip_bad:
        with listener.task(f"look at {len(dataset)} pictures", len(dataset)) as advance:
            dataset = without_bad(dataset, advance)
    for note in dataset.notes:
        listener.note(note)
    return dataset
