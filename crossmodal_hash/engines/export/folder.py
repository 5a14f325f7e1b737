"""Writes the codes of an index in a folder as the files of another program, with their ids beside."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Literal, get_args

from crossmodal_hash.atomic import new_folder
from crossmodal_hash.choices import check_choice
from crossmodal_hash.engines.ranks import codes_from
from crossmodal_hash.engines.store import Store
from crossmodal_hash.errors import CodesError

Program = Literal["faiss", "usearch", "qdrant"]
PROGRAMS: tuple[str, ...] = get_args(Program)
IDS = "ids.jsonl"


def export(where: str, to: str, out: Path) -> list[str]:
    """Write all codes of an index; row i of the files of the program is line i of `ids.jsonl`.

    Args:
        where: folder of the index, of any engine that keeps one.
        to: one of `PROGRAMS`.
        out: a new folder.

    Returns:
        The names of the files.

    Raises:
        SettingsError: for another program.
        CodesError: if there is no index in a folder, `out` exists or cannot be written, or the program's library, which
            writes its files, is not installed.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from crossmodal_hash.engines.engine import Content
        >>> from crossmodal_hash.engines.scan import Scan
        >>> folder = Path(tempfile.mkdtemp())
        >>> index = Scan().create(str(folder / "index"), Content(8, "image"))
        >>> index.add(["cat", "dog"], np.array([[1], [255]], dtype=np.uint8))
        >>> export(str(folder / "index"), "qdrant", folder / "out")
        ['collection.json', 'ids.jsonl', 'vectors.npy']
        >>> print((folder / "out" / "ids.jsonl").read_text(), end="")
        {"id": "cat", "number": 0}
        {"id": "dog", "number": 0}
    """
    check_choice("--to", to, Program)
    if "://" in where:
        raise CodesError(f"{where} is on a server; export an index in a folder, built of the same codes")
    store = Store.open(where)
    if not len(store):
        raise CodesError(f"{where} holds no codes; add some first")
    if out.exists():
        raise CodesError(f"{out} already exists; choose another folder")
    try:
        with new_folder(out) as folder:
            # One module for each program, so that its library is imported only for its own files.
            program = importlib.import_module(f"crossmodal_hash.engines.export.{to}")
            program.write(codes_from(store.segments, 0), store.content.bits, folder)
            _write_ids(store, folder / IDS)
            names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise CodesError(f"cannot write {out} ({error.strerror or error}); nothing was written") from error
    return names


def _write_ids(store: Store, path: Path) -> None:
    # Only ASCII: a file name that is not Unicode has no other form in JSON.
    with path.open("w", encoding="ascii", newline="\n") as file:
        for segment in store.segments:
            for rows in segment.rows():
                for item, number in zip(segment.ids(rows), segment.numbers[rows].tolist(), strict=True):
                    file.write(json.dumps({"id": item, "number": number}) + "\n")
