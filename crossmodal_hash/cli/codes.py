"""The codes that a command scores: those of a run, or of any files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import CodesError, SettingsError

if TYPE_CHECKING:
    from crossmodal_hash.codes import Codes
    from crossmodal_hash.runs.folder import Run


def open_scored(path: Path | None, output: Output) -> Run:
    """The run to score; its name is printed if it was not given."""
    from crossmodal_hash.runs.folder import open_run

    run = open_run(path)
    if path is None:
        output.say(f"run {run.path}")
    return run


def encoded(run: Run, device: str | None, output: Output) -> tuple[dict[str, Codes], dict[str, Any]]:
    """Codes of the run's own data, and the codes before the sign; from known labels if the run's codes files are."""
    from crossmodal_hash.codes import load
    from crossmodal_hash.opening.open import open_own
    from crossmodal_hash.training.encode import encode

    console = ConsoleCallback(output)
    known = any("known_labels" in load(path).parts for path in run.codes.glob("*.safetensors"))
    data = open_own(run.settings().data, callback=console)
    return encode(run, data, device=device or "auto", known_labels=known, callback=console)


def read_files(
    paths: list[str],
    labels: str | None,
    bits: int | None,
    like: Mapping[str, Codes] | None = None,
    ids: Sequence[str] = (),
    texts_per_picture: int | None = None,
) -> dict[str, Codes]:
    """Codes from any files; the name of a modality is the given one, the one in the file, or the file name.

    With `like`, row i is the same item as there, and the codes get its ids, labels and split. For `ids` and
    `texts_per_picture` see `with_ids`; labels of the pictures are then those of their texts as well.

    Raises:
        CodesError: for files that are not codes, or have the same name.
    """
    found: dict[str, Codes] = {}
    for path in paths:
        codes = read_file(path, None, bits)
        if like is not None:
            codes = _alike(codes, like, path)
        if codes.modality in found:
            raise CodesError(
                f"{path} holds {codes.modality} codes, and so does another file; name one, such as text={path}"
            )
        found[codes.modality] = codes
    found = with_ids(found, ids, texts_per_picture)
    return found if labels is None else _labeled(found, labels)


def _labeled(codes: Mapping[str, Codes], labels: str) -> dict[str, Codes]:
    """The codes with a row of labels each: that of their own number, or of the item that has their id."""
    from dataclasses import replace

    import numpy as np

    from crossmodal_hash.array_files import load_matrix

    matrix = load_matrix(*_at(labels))
    out = {}
    for name, each in codes.items():
        own = matrix
        # Of codes without ids it is not known whose labels are theirs: those must fit by their number.
        if len(each) != len(matrix) and not each.numbered:
            for other in codes.values():
                order = np.argsort(other.ids)
                at = np.searchsorted(other.ids, each.ids, sorter=order).clip(max=len(other) - 1)
                if len(other) == len(matrix) and (other.ids[order[at]] == each.ids).all():
                    own = matrix[order[at]]
        out[name] = replace(each, labels=own, label_names=None)
    return out


def read_file(spec: str, labels: str | None, bits: int | None) -> Codes:
    """Codes from one file, with labels from another.

    Raises:
        CodesError: for files that do not hold codes.
    """
    from dataclasses import replace

    from crossmodal_hash.codes import load, load_matrix

    name, equals, rest = spec.partition("=")
    named = name if equals and name.isidentifier() and not Path(spec).is_file() else None
    path, key = _at(rest if named else spec)
    codes = load(path, bits=bits, key=key, modality=named)
    if labels is None:
        return codes
    return replace(codes, labels=load_matrix(*_at(labels)), label_names=None)


def with_ids(codes: Mapping[str, Codes], given: Sequence[str], texts_per_picture: int | None) -> dict[str, Codes]:
    """The codes, with ids that say which rows belong to one item.

    Args:
        codes: modality -> codes; or `queries` and `database` -> codes.
        given: `NAME=FILE[:KEY]` with an id for each row of the codes of that name.
        texts_per_picture: so many rows that follow each other belong to one row of the shortest codes, or, where all
            have the same length, to each other.

    Raises:
        CodesError: for ids that do not fit the codes.
        SettingsError: for an option of another form.
    """
    from dataclasses import replace

    import numpy as np

    from crossmodal_hash.codes.ids import read_ids

    out = dict(codes)
    for spec in given:
        name, equals, file = spec.partition("=")
        if not equals or name not in codes:
            raise SettingsError(
                f"--ids {spec!r} is not NAME=FILE with one of the names {', '.join(codes)}; write "
                f"--ids {list(codes)[-1]}=FILE"
            )
        ids = read_ids(*_at(file))
        if len(ids) != len(codes[name]):
            raise CodesError(f"{file} has {len(ids)} ids, but {name} {len(codes[name])} codes; give one id a row")
        out[name] = replace(codes[name], ids=ids, numbered=False)
    if texts_per_picture is None:
        return out
    if given:
        raise SettingsError("--ids and --texts-per-picture exclude each other; both say which rows belong together")
    if named := [name for name, each in codes.items() if not each.numbered]:
        raise SettingsError(f"--texts-per-picture is for matrices, but {named[0]} has ids of its own; leave it out")
    few, many = min(map(len, codes.values())), max(map(len, codes.values()))
    # Where no side has fewer rows, the pictures are repeated as well.
    pictures = few if few < many else few // texts_per_picture
    for name, each in codes.items():
        if len(each) == pictures * texts_per_picture:
            out[name] = replace(each, ids=(np.arange(len(each)) // texts_per_picture).astype(np.str_), numbered=False)
        elif len(each) != pictures:
            raise CodesError(
                f"{name} has {len(each)} codes, which is not {texts_per_picture} for each of {pictures} pictures; give "
                f"the picture of each row with --ids {name}=FILE"
            )
    return out


def without_repeats(codes: Mapping[str, Codes], output: Output) -> dict[str, Codes]:
    """The codes, where pictures that are repeated for each of their texts count once; says so."""
    from crossmodal_hash.evaluation import one_of_each

    out = {name: one_of_each(each) for name, each in codes.items()}
    for name, each in out.items():
        if len(each) < len(codes[name]):
            output.say(f"{name}: {len(codes[name])} rows are {len(each)} items, each with one code; it counts once")
    return out


def _alike(codes: Codes, like: Mapping[str, Codes], path: str) -> Codes:
    """The codes as those of a run's items.

    Raises:
        CodesError: if their number differs, or the run does not have their modality.
    """
    from dataclasses import replace

    of = like.get(codes.modality)
    if of is None:
        raise CodesError(
            f"{path} has the modality {codes.modality}, but the run has {' and '.join(like)}; give one of these, such "
            f"as {next(iter(like))}={path}"
        )
    if len(codes) != len(of):
        raise CodesError(
            f"{path} has {len(codes)} codes and the run {len(of)} items; give one row per item, in the run's order"
        )
    return replace(codes, ids=of.ids, labels=of.labels, label_names=of.label_names, parts=of.parts, numbered=False)


def write_files(codes: Mapping[str, Codes], folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Write codes to files named like their modality, in each requested format; returns the files by modality."""
    from crossmodal_hash.codes import save

    paths = files_for(codes, folder, suffixes)
    for path in paths:
        save(path, codes[path.stem])
    return paths


def files_for(modalities: Iterable[str], folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files that `write_files` writes."""
    return [folder / f"{modality}.{suffix}" for modality in modalities for suffix in suffixes]


def _at(spec: str) -> tuple[Path, str | None]:
    """`FILE` or `FILE:KEY`."""
    path, colon, key = spec.rpartition(":")
    if colon and key and Path(path).is_file() and not Path(spec).is_file():
        return Path(path), key
    return Path(spec), None
