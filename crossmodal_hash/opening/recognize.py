"""`load_data`: whatever a user calls a data set, as a `Dataset`."""

from __future__ import annotations

import atexit
import warnings
from contextlib import ExitStack
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from crossmodal_hash.array_files import SUFFIXES, ArrayAt, list_keys
from crossmodal_hash.components import READERS
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import ARCHIVES, open_files
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.matrices.assemble import assemble
from crossmodal_hash.data.matrices.key_sets import KEYS
from crossmodal_hash.data.metadata import METADATA, find_metadata, read_metadata
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.errors import BrokenPluginError, DataError, SettingsError

EMBEDDED = "openclipart.zip"


def load_data(
    path: str | Path | None = None,
    *,
    reader: str | Reader | None = None,
    images: str | Path | None = None,
    text: str | Path | None = None,
    labels: str | Path | None = None,
    need_labels: bool = True,
    need_texts: bool = True,
    need_pictures: bool = True,
) -> Dataset:
    """Read a data set from a folder, an archive or a file; with nothing given, the embedded one.

    The layout is recognized by the names of the files; `chash list reader` names all that are known. Where several
    would do, the one that is surest wins, and two that are equally sure are refused. Pictures are decoded only when
    they are used.

    Args:
        path: the folder, archive or file.
        reader: name of a reader, or one made elsewhere, instead of recognizing the layout.
        images: instead of `path`, the matrix of image features, as `FILE` or `FILE:KEY`.
        text: likewise the matrix of words or text features.
        labels: likewise the 0/1 matrix of labels.
        need_labels: whether data without labels are refused; otherwise they get `labels=None`.
        need_texts: whether items without a text are refused; otherwise `without_bad` leaves them out.
        need_pictures: whether pictures that are missing are refused; `without_bad` leaves their items out.

    Returns:
        The data set, with the modalities "image" and "text".

    Raises:
        DataError: if anything is missing, damaged or does not fit together.
        SettingsError: if `path` and single matrices are both given, or a reader and nothing to read.
        UnknownComponentError: for a reader that nobody provides.

    Example:
        >>> data = load_data()
        >>> sorted(data.modalities)
        ['image', 'text']
    """
    single = {"image": images, "text": text, "labels": labels}
    if any(spec is not None for spec in single.values()):
        return _load_single(path, single, need_labels=need_labels)
    if path is None:
        if reader is not None:
            raise SettingsError(f"reader {reader!r} has nothing to read; give the path of a data set with it")
        return load_embedded()
    place, needs = find_place(path), Needs(need_labels, need_texts, need_pictures)
    chosen = READERS.make(reader) if reader is not None else recognize(place)
    return replace(complete(chosen.read(place, needs), needs), reader=name_of(chosen))


def name_of(reader: Reader) -> str:
    """What a reader is called in `chash list reader`; one of a program's own by its class."""
    target = f"{type(reader).__module__}:{type(reader).__name__}"
    return next((found.name for found in READERS.found() if found.target == target), target)


def find_place(path: str | Path) -> Place:
    """The place a user means; the metadata in a folder mean the folder.

    Raises:
        DataError: if there is none, or nothing in it but hidden files.
    """
    path = Path(path)
    if path.name in METADATA:
        path = path.parent
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist; give a folder, an archive or a file of matrices")
    place = Place(path)
    if place.holds_files and not place.names:
        raise DataError(f"{str(path)!r} is empty; put pictures and a {METADATA[0]} in it, or give another path")
    return place


def recognize(place: Place) -> Reader:
    """The reader that is surest that `place` is of its layout.

    Raises:
        DataError: if none is, or two are equally sure.
    """
    found: dict[str, tuple[Match, Reader]] = {}
    for name in READERS:
        try:
            reader = READERS.make(name)
        except BrokenPluginError as error:
            # Somebody's broken plug-in must not stand in the way of data that others read.
            warnings.warn(str(error), stacklevel=2)
            continue
        match = reader.matches(place)
        if match is Match.SURE:
            return reader
        if match:
            found[name] = match, reader
    surest = max((match for match, _ in found.values()), default=Match.NO)
    names = [name for name, (match, _) in found.items() if match is surest]
    if len(names) > 1:
        raise DataError(f"{str(place.path)!r} can be read by {' and '.join(names)}; choose one with --reader NAME")
    if names:
        return found[names[0]][1]
    if place.holds_files:
        raise DataError(
            f"{str(place.path)!r} has neither {' nor '.join(METADATA)}, nor files of matrices, nor another layout of "
            f"'chash list reader'; add a {METADATA[0]}"
        )
    raise DataError(
        f"{str(place.path)!r} is not a data set; give a folder, an archive ({', '.join(ARCHIVES)}), a file of matrices "
        f"({', '.join(SUFFIXES)}), or another layout of 'chash list reader'"
    )


def complete(dataset: Dataset, needs: Needs) -> Dataset:
    """The data set, if it has what is needed.

    Raises:
        DataError: naming what is missing, how often, and the first items.
    """
    if needs.labels and (dataset.labels is None or not dataset.labels.any()):
        raise DataError(
            f"{dataset.name!r} has no labels on any of its {len(dataset)} items; add labels, or load it with "
            f"need_labels=False"
        )
    for texts in dataset.texts.values() if needs.texts else ():
        blank = [dataset.ids[row] for row in texts.blank()]
        if blank:
            raise DataError(
                f"{len(blank)} of {len(dataset)} items of {dataset.name!r} have no text ({first(blank)}); fill them, "
                f"or leave them out with --skip-bad"
            )
    for pictures in dataset.of(Pictures).values() if needs.pictures else ():
        absent = [name for name in pictures.names if name not in pictures.files]
        if absent:
            raise DataError(
                f"{len(absent)} of {len(pictures)} pictures of {dataset.name!r} are missing ({first(absent)}); put "
                f"them below {str(pictures.files.path)!r}, or leave their items out with --skip-bad"
            )
    return dataset


def load_embedded() -> Dataset:
    """The small real data set that comes with the package."""
    place = ExitStack()
    atexit.register(place.close)
    path = place.enter_context(as_file(files("crossmodal_hash.data") / "embedded" / EMBEDDED))
    members = open_files(path)
    return read_metadata(members, find_metadata(members) or METADATA[0])


def find_array(spec: str | Path, role: str) -> ArrayAt:
    """The array named by `FILE:KEY`; or by `FILE`, if it holds one array or one known key for the role.

    Raises:
        DataError: if there is no such file, or the key is not clear; lists the keys.
    """
    text = str(spec)
    if not Path(text).exists() and ":" in text:
        file, key = text.rsplit(":", 1)
        if Path(file).is_file():
            return ArrayAt(Path(file), key)
    path = Path(text)
    if not path.is_file():
        raise DataError(f"{text!r} does not exist; give FILE or FILE:KEY for the matrix of {role}")
    keys = list_keys(path)
    if len(keys) == 1:
        return ArrayAt(path, keys[0])
    by_case = {key.casefold(): key for key in keys}
    known = next((by_case[key.casefold()] for key in KEYS.get(role, ()) if key.casefold() in by_case), None)
    if known is None:
        raise DataError(
            f"{text!r} holds {', '.join(keys) or 'no array'}; say which is the matrix of {role} as {path.name}:KEY"
        )
    return ArrayAt(path, known)


def _load_single(path: str | Path | None, single: dict[str, str | Path | None], *, need_labels: bool) -> Dataset:
    if path is not None:
        raise SettingsError(f"{str(path)!r} was given together with single matrices; give one or the other")
    chosen = {role: find_array(spec, role) for role, spec in single.items() if spec is not None}
    missing = [role for role in single if role not in chosen and (need_labels or role != "labels")]
    if missing:
        raise SettingsError(f"no matrix of {' and '.join(missing)} was given; give images, text and labels together")
    return complete(assemble(chosen, next(iter(chosen.values())).path.stem), Needs(labels=need_labels))
