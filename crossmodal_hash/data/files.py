"""Files of a data set by name, in a folder, a tar or a zip; nothing is ever extracted.

Every store can be pickled and used after a fork: archives are indexed once, and no open file is shared between
processes.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from crossmodal_hash.errors import DataError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
MAX_BYTES = 1 << 29
"""Largest file read from an archive, 512 MiB: a few bytes of a zip can expand to terabytes."""
MAX_UNPACKED = 1 << 38
"""Largest size of an unpacked tar, 256 GiB; no data set of this field comes near."""
MAX_RATIO = 200
"""Largest factor by which large content may expand: about 1 for pictures, 3 to 10 for text, 1,000 for zeros."""
SMALL = 1 << 24
"""Up to 16 MiB nothing counts as a decompression bomb: a blank picture can expand by more than MAX_RATIO."""
# An absolute name, of Windows too, or a part that is "..".
_LEADS_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")


class Files(Protocol):
    """Named files; names are relative, with forward slashes."""

    path: Path

    def names(self) -> list[str]:
        """All names, sorted."""

    def __contains__(self, name: object) -> bool: ...

    def read(self, name: str) -> bytes:
        """The content of one file."""

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""


def is_archive(path: Path) -> bool:
    """Whether the name has the suffix of an archive that can be read."""
    return path.name.lower().endswith(ARCHIVES)


def open_files(path: Path) -> Files:
    """A folder, tar, compressed tar or zip as named files.

    Raises:
        DataError: if it does not exist, is not an archive, or is corrupt or unsafe.
    """
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist; give a folder or an archive ({', '.join(ARCHIVES)})")
    if not is_archive(path):
        raise DataError(f"{str(path)!r} is neither a folder nor an archive ({', '.join(ARCHIVES)})")
    return ZipFiles(path) if path.name.lower().endswith(".zip") else TarFiles(path)


def with_archives(folder: Folder, wanted: Iterable[str]) -> Files:
    """The folder, together with the archives in it if some wanted names are not found without them."""
    missing = {name for name in wanted if name not in folder}
    stores: list[Files] = [folder]
    for path in sorted(p for p in folder.path.iterdir() if p.is_file() and is_archive(p)) if missing else []:
        archive = open_files(path)
        found = {name for name in missing if name in archive}
        if found:
            stores.append(archive)
            missing -= found
    return Several(stores) if len(stores) > 1 else folder


def safe_name(name: str, where: Path) -> str:
    """The name without a leading `./`; absolute names and names that leave the folder with `..` are rejected."""
    name = name.removeprefix("./")
    if _LEADS_OUTSIDE.search(name):
        raise DataError(f"{str(where)!r} names {name!r}, which leads outside of it; use names relative to the data set")
    return name


class Folder:
    """A folder on disk. Links in it are followed, because pictures are often on another disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """All names, sorted; hidden files and folders are left out."""
        found: list[str] = []
        for root, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(root).relative_to(self.path)
            found += [(below / name).as_posix() for name in files if not name.startswith(".")]
        return sorted(found)

    def __contains__(self, name: object) -> bool:
        return os.path.isfile(f"{self.path}/{safe_name(str(name), self.path)}")  # noqa: PTH113 - five times faster

    def read(self, name: str) -> bytes:
        """The content of one file."""
        try:
            return (self.path / safe_name(name, self.path)).read_bytes()
        except OSError as error:
            raise DataError(
                f"cannot read {name!r} in {str(self.path)!r} ({error.strerror or error}); put it back, or make it "
                f"readable"
            ) from error

    def under(self, folder: str) -> Folder:
        """The files below `folder`, named relative to it."""
        return Folder(self.path / safe_name(folder, self.path))


class TarFiles:
    """Regular files of a tar, by offset; links are not followed. A compressed tar is unpacked to a plain one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index: dict[str, tuple[int, int]] = {}
        try:
            self.plain = path if path.name.lower().endswith(".tar") else self._decompress()
            with tarfile.open(self.plain, "r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        self.index[safe_name(member.name, path)] = (member.offset_data, member.size)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{str(path)!r} is not a complete tar archive ({error}); download or pack it again"
            ) from error

    def _decompress(self) -> Path:
        handle, name = tempfile.mkstemp(prefix="chash-", suffix=".tar")
        weakref.finalize(self, _remove_own, name, os.getpid())
        packed_size, size = self.path.stat().st_size, 0
        with gzip.open(self.path) as packed, os.fdopen(handle, "wb") as plain:
            while piece := packed.read(1 << 20):
                size += len(piece)
                if size > MAX_UNPACKED or size > max(SMALL, MAX_RATIO * packed_size):
                    raise DataError(
                        f"{str(self.path)!r} of {packed_size} bytes unpacks to more than {size}, like a decompression "
                        f"bomb (limits: {MAX_RATIO} times its size, {MAX_UNPACKED} bytes); pack the data set without "
                        f"compression"
                    )
                plain.write(piece)
        return Path(name)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self.index)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def read(self, name: str) -> bytes:
        """The content of one file."""
        offset, size = self.index[name]
        _check_size(self.path, name, size)
        # Opened for every read, 15 microseconds: there is then no shared file position to go wrong between processes.
        try:
            with self.plain.open("rb") as file:
                file.seek(offset)
                content = file.read(size)
        except OSError as error:
            raise DataError(
                f"cannot read {name!r} in {str(self.path)!r} ({error.strerror or error}); put it back, or make it "
                f"readable"
            ) from error
        if len(content) < size:
            raise DataError(f"{str(self.path)!r} ends within {name!r}; download or pack it again")
        return content

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""
        return Below(self, folder) if folder else self


class ZipFiles:
    """Regular files of a zip; the archive is opened once in each process. Links are not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: tuple[int, zipfile.ZipFile] | None = None
        self.index: dict[str, str] = {}
        for info in self._zip().infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                self.index[safe_name(info.filename, path)] = info.filename

    def _zip(self) -> zipfile.ZipFile:
        if self.opened is None or self.opened[0] != os.getpid():
            try:
                self.opened = (os.getpid(), zipfile.ZipFile(self.path))
            except (zipfile.BadZipFile, OSError) as error:
                raise DataError(f"{str(self.path)!r} is not a complete zip archive ({error}); pack it again") from error
        return self.opened[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"opened": None}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self.index)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def read(self, name: str) -> bytes:
        """The content of one file."""
        archive = self._zip()
        info = archive.getinfo(self.index[name])
        _check_size(self.path, name, info.file_size)
        if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
            raise DataError(
                f"{name!r} in {str(self.path)!r} expands from {info.compress_size} to {info.file_size} bytes, like a "
                f"decompression bomb (limit: {MAX_RATIO} times); if it is not one, pack it without compression"
            )
        try:
            return archive.read(info)
        # RuntimeError is an encrypted member, NotImplementedError an unusual compression.
        except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(f"cannot read {name!r} in {str(self.path)!r}: {error}; pack the archive again") from error

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""
        return Below(self, folder) if folder else self


class Below:
    """One folder of an archive."""

    def __init__(self, files: Files, folder: str) -> None:
        self.files, self.prefix = files, folder.rstrip("/") + "/"
        self.path = files.path

    def names(self) -> list[str]:
        """All names, sorted."""
        return [name.removeprefix(self.prefix) for name in self.files.names() if name.startswith(self.prefix)]

    def __contains__(self, name: object) -> bool:
        return f"{self.prefix}{name}" in self.files

    def read(self, name: str) -> bytes:
        """The content of one file."""
        return self.files.read(self.prefix + name)

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""
        return Below(self.files, str(PurePosixPath(self.prefix) / folder))


class Several:
    """Several stores as one; a name is read from the first store that holds it."""

    def __init__(self, stores: Sequence[Files]) -> None:
        self.stores, self.path = tuple(stores), stores[0].path

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({name for store in self.stores for name in store.names()})

    def __contains__(self, name: object) -> bool:
        return any(name in store for store in self.stores)

    def read(self, name: str) -> bytes:
        """The content of one file."""
        return next((store for store in self.stores if name in store), self.stores[0]).read(name)

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""
        return Several([store.under(folder) for store in self.stores])


class Mounted:
    """Stores in separate folders: shards whose names may repeat, or archives in a folder.

    Args:
        path: used in messages.
        stores: folder -> store; "" for the store whose names are unchanged.
    """

    def __init__(self, path: Path, stores: Mapping[str, Files]) -> None:
        self.path, self.stores = path, dict(stores)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(f"{at}/{name}" if at else name for at, store in self.stores.items() for name in store.names())

    def _find(self, name: str) -> tuple[Files, str] | None:
        at, slash, rest = name.partition("/")
        if slash and at in self.stores and rest in self.stores[at]:
            return self.stores[at], rest
        return (self.stores[""], name) if "" in self.stores and name in self.stores[""] else None

    def __contains__(self, name: object) -> bool:
        return self._find(str(name)) is not None

    def read(self, name: str) -> bytes:
        """The content of one file."""
        found = self._find(name)
        if found is None:
            raise DataError(f"cannot read {name!r} in {str(self.path)!r} (no such file); put the file back")
        store, rest = found
        return store.read(rest)

    def under(self, folder: str) -> Files:
        """The files below `folder`, named relative to it."""
        return Below(self, folder) if folder else self


def with_mounted_archives(folder: Folder) -> Files:
    """The folder, with the zip and tar files directly in it as folders of the same names, except compressed tars."""
    archives = [p for p in sorted(folder.path.iterdir()) if p.is_file() and p.suffix.lower() in (".zip", ".tar")]
    if not archives:
        return folder
    return Mounted(folder.path, {"": folder} | {path.stem: open_files(path) for path in archives})


def _check_size(path: Path, name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise DataError(f"{name!r} in {str(path)!r} has {size} bytes; the limit is {MAX_BYTES}, so make it smaller")


def _remove_own(name: str, pid: int) -> None:
    # A forked worker that drops its copy of the object must not take the file from the process that made it.
    if os.getpid() == pid:
        Path(name).unlink(missing_ok=True)
