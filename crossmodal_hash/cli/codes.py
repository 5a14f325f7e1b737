"""The codes that a command scores: those of a run, or of any files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmodal_hash.cli.console import ConsoleCallback
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import CodesError

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
    paths: list[str], labels: str | None, bits: int | None, like: Mapping[str, Codes] | None = None
) -> dict[str, Codes]:
    """Codes from any files; the name of a modality is the given one, the one in the file, or the file name.

    With `like`, row i is the same item as there, and the codes get its ids, labels and split.

    Raises:
        CodesError: for files that are not codes, or have the same name.
    """
    found: dict[str, Codes] = {}
    for path in paths:
        codes = read_file(path, labels, bits)
        if like is not None:
            codes = _alike(codes, like, path)
        if codes.modality in found:
            raise CodesError(
                f"{path} holds {codes.modality} codes, and so does another file; name one, such as text={path}"
            )
        found[codes.modality] = codes
    return found


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
    return replace(codes, ids=of.ids, labels=of.labels, label_names=of.label_names, parts=of.parts)


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
