"""Pictures with a `metadata.jsonl` or `metadata.csv`: the native layout."""

from __future__ import annotations

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.metadata import METADATA, find_metadata, read_metadata
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.errors import DataError


class Native(Reader):
    """Pictures in a folder, tar or zip, described by metadata.jsonl or metadata.csv."""

    def matches(self, place: Place) -> Match:
        """Certain if there is such a file."""
        return Match.SURE if place.holds_files and find_metadata(place.files) is not None else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The items of the metadata, in their order; matrices beside it are ignored."""
        name = find_metadata(place.files)
        if name is None:
            raise DataError(f"{str(place.path)!r} has neither {' nor '.join(METADATA)}; choose another --reader")
        return read_metadata(place.files, name, needs)
