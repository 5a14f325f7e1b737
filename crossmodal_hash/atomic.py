"""Files that are complete or absent: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path` that replaces it when the block ends, and is deleted if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _publish(temporary, path, 0o666)
    except OSError as error:
        # A disk that fills up says so in the middle of a write, which does not know the file's name.
        error.filename = error.filename or str(path)
        raise
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path`, which does not exist, when the block ends, and is deleted if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        _publish(temporary, path, 0o777)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _publish(temporary: Path, path: Path, mode: int) -> None:
    # What tempfile makes is private; a result is as readable as any other file of the user.
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(mode & ~mask)
    temporary.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, all of it or nothing.

    Raises:
        OSError: if there is no space or no permission; `path` is then unchanged.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, all of it or nothing."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
