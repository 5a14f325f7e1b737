"""A path for readers: opened and listed only once, for any number of readers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from crossmodal_hash.data.files import Files, Folder, is_archive, open_files, with_mounted_archives


class Place:
    """A folder, archive or file that may hold a data set.

    Attributes:
        path: the path that the user gave.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @property
    def is_archive(self) -> bool:
        """Whether it is a tar or zip file."""
        return self.path.is_file() and is_archive(self.path)

    @property
    def holds_files(self) -> bool:
        """Whether it is a folder or an archive, so that `files` can be used."""
        return self.is_folder or self.is_archive

    @cached_property
    def files(self) -> Files:
        """The files in the folder or archive.

        Raises:
            DataError: if it is neither, or a corrupt or unsafe archive.
        """
        return open_files(self.path)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name in `files`, sorted; folders are searched recursively."""
        return tuple(self.files.names())

    @cached_property
    def everything(self) -> Files:
        """Like `files`, with the zip and tar files of a folder opened as folders of the same names."""
        return with_mounted_archives(self.files) if isinstance(self.files, Folder) else self.files

    @cached_property
    def all_names(self) -> tuple[str, ...]:
        """Every name in `everything`, sorted."""
        return self.names if self.everything is self.files else tuple(self.everything.names())

    def top(self, *suffixes: str) -> list[Path]:
        """The files directly in the folder with these suffixes, sorted; none in an archive."""
        if not self.is_folder:
            return []
        return sorted(path for path in self.path.iterdir() if path.name.lower().endswith(suffixes) and path.is_file())

    @property
    def name(self) -> str:
        """Name of the data set: that of the folder or file without its suffixes."""
        name = self.path.resolve().name
        return name if self.is_folder else name.split(".")[0]
