"""The rules of every reader; its own tests must check that it reads its layout correctly."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from crossmodal_hash.data import Match, Needs, Place
from crossmodal_hash.errors import DataError
from crossmodal_hash.testing.common import NotKeptError, Rule, Subject, expect


@contextmanager
def strangers() -> Iterator[dict[str, Path]]:
    """Paths without any layout, by description: folders, an archive and a file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = {"an empty folder": folder / "empty", "a folder of notes": folder / "notes"}
        for path in found.values():
            path.mkdir()
        found["a text file"] = folder / "notes" / "read-me.txt"
        found["a text file"].write_text("nothing to see\n", encoding="utf-8")
        found["a zip of notes"] = folder / "notes.zip"
        with zipfile.ZipFile(found["a zip of notes"], "w") as archive:
            archive.writestr("notes/read-me.txt", "nothing to see\n")
        yield found


def claim(subject: Subject) -> str:
    """It does not match a path without any layout, because every reader is tried on every path."""
    with strangers() as found:
        for what, path in found.items():
            said = subject.make().matches(Place(path))
            expect(isinstance(said, Match), f"matches returned {said!r} for {what}; return a Match")
            expect(said == Match.NO, f"{what} is Match.{said.name}; return Match.NO if the names do not fit")
    return f"Match.NO for {', '.join(found)}"


def refusal(subject: Subject) -> str:
    """Reading another layout raises a DataError that names the path or what is missing."""
    with strangers() as found:
        for what, path in found.items():
            try:
                subject.make().read(Place(path), Needs())
            except DataError as error:
                expect(len(str(error)) > 20, f"{what} is rejected with {str(error)!r}; say what is wrong, and the fix")
            except Exception as error:
                raise NotKeptError(f"{what} raised {type(error).__name__} ({error}); raise a DataError") from error
            else:
                raise NotKeptError(f"{what} was read as a data set; raise a DataError")
    return f"refused: {', '.join(found)}"


def untouched(subject: Subject) -> str:
    """Matching and reading a path changes nothing in it."""
    with strangers() as found:
        before = sorted(found["an empty folder"].parent.rglob("*"))
        for path in found.values():
            subject.make().matches(Place(path))
        more = set(found["an empty folder"].parent.rglob("*")) ^ set(before)
        expect(not more, f"{', '.join(path.name for path in more)} was created or removed; write nothing")
    return "no file created or removed"


RULES: tuple[Rule, ...] = (claim, refusal, untouched)
