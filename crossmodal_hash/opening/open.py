"""The one door to data for every command: what settings or options name, without what cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossmodal_hash.array_files import is_array_file, read_array
from crossmodal_hash.callbacks import Callback
from crossmodal_hash.components import BACKBONES, READERS
from crossmodal_hash.data import Dataset, Needs, Texts, load_pictures, load_texts, without_bad
from crossmodal_hash.data.matrix import as_matrix
from crossmodal_hash.errors import DataError, did_you_mean
from crossmodal_hash.opening.recognize import find_array, load_data
from crossmodal_hash.runs.folder import Run
from crossmodal_hash.settings.parts import make
from crossmodal_hash.settings.schema import DataSettings, Named

USUAL = Needs(labels=False)
"""Labels are asked for where something needs them."""
NOTHING = Needs(labels=False, texts=False, pictures=False)


def open_data(
    path: str | None,
    reader: Named | None = None,
    *,
    needs: Needs = USUAL,
    skip_bad: bool = False,
    callback: Callback | None = None,
) -> Dataset:
    """The data set at a path; with no reader named, its layout is recognized.

    Args:
        path: as `load_data` takes it.
        reader: the layout, with its parameters.
        needs: what must be there.
        skip_bad: look at every picture, and leave out items without text or whose picture cannot be read.
        callback: told what was left out.

    Raises:
        ChashError: for data or a reader that cannot be used.
    """
    chosen = None if reader is None else make(READERS, reader, "data.reader")
    if skip_bad:
        needs = needs._replace(texts=False, pictures=False)
    dataset = load_data(
        path, reader=chosen, need_labels=needs.labels, need_texts=needs.texts, need_pictures=needs.pictures
    )
    return _told(dataset, skip_bad, callback or Callback())


def open_own(
    data: DataSettings, path: str | None = None, *, needs: Needs = USUAL, callback: Callback | None = None
) -> Dataset:
    """The data set of some settings.

    Args:
        data: the table `[data]` of a run or recipe.
        path: where the data lie now, if they were moved.
        needs: what must be there.
        callback: told what was left out.

    Raises:
        ChashError: as `open_data`.
    """
    return open_data(path or data.path, data.reader, needs=needs, skip_bad=data.skip_bad, callback=callback)


def open_to_show(data: DataSettings) -> Dataset:
    """The data set of some settings, for what its items say and look like beside a result.

    Nothing is refused or left out, and no picture is looked at for being damaged.

    Raises:
        ChashError: if the data are not there.
    """
    return open_data(data.path, data.reader, needs=NOTHING)


def open_pictures(path: str, *, skip_bad: bool = False, callback: Callback | None = None) -> Dataset:
    """A picture, or all in a folder or archive, as items that have nothing else.

    Raises:
        DataError: as `load_pictures`, and for pictures that cannot be read unless they are left out.
    """
    return _told(load_pictures(path), skip_bad, callback or Callback())


def open_texts(source: str | Sequence[str]) -> Dataset:
    """One text a line of a file or of standard input (`-`), or the texts themselves.

    Raises:
        DataError: as `load_texts`.
    """
    if isinstance(source, str):
        return load_texts(source)
    return Dataset("texts", tuple(map(str, range(len(source)))), {"text": Texts(tuple(source))})


def open_inputs(run: Run, given: str, *, skip_bad: bool = False, callback: Callback | None = None) -> Dataset:
    """Items of one modality of a run, whatever it is called and made of.

    Args:
        run: its tower of that name says what they are: pictures where it reads pictures; otherwise rows of numbers if
            the file holds arrays (`FILE` or `FILE:KEY`) or the run knows no words, and texts, one a line, if not.
        given: `NAME=PATH`.
        skip_bad: leave out pictures that cannot be read.
        callback: told what was left out.

    Raises:
        DataError: if it is not of this form, the run has no such modality, or the items cannot be read.
    """
    name, equals, path = given.partition("=")
    read = {tower: BACKBONES.resolve(part.backbone.name).reads for tower, part in run.settings().towers.items()}
    known = [tower for tower, reads in read.items() if reads != "label"]
    if not equals or not path:
        raise DataError(f"{given!r} is not NAME=PATH; write {known[0]}=PATH, for the modalities are {', '.join(known)}")
    if name not in known:
        raise DataError(f"{run.path} has no modality {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")
    if read[name] == "image":
        return _told(load_pictures(path, name), skip_bad, callback or Callback())
    file = Path(path) if Path(path).exists() else Path(path.rpartition(":")[0] or path)
    if read[name] == "string" or not (is_array_file(file) or run.vocabulary() is None):
        return load_texts(path, name)
    matrix = as_matrix(read_array(find_array(path, name)), path)
    return Dataset(file.stem, tuple(map(str, range(len(matrix)))), {name: matrix})


def _told(dataset: Dataset, skip_bad: bool, callback: Callback) -> Dataset:
    """The data set, without its bad items if they are to be left out; the callback is told its notes."""
    if skip_bad:
        with callback.task(f"look at {len(dataset)} pictures", len(dataset)) as advance:
            dataset = without_bad(dataset, advance)
    for note in dataset.notes:
        callback.on_note(note)
    return dataset
