"""Files of matrices with the usual key names of this field."""

from __future__ import annotations

from pathlib import Path

from crossmodal_hash.array_files import SUFFIXES, is_array_file
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.matrices.key_sets import matrix_files, read_matrix_files
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.errors import DataError


class Matrices(Reader):
    """Features, words and labels in .mat, .h5, .npz, .npy or .safetensors, under the usual keys of this field."""

    def matches(self, place: Place) -> Match:
        """Possible if there is such a file; its content is not known yet."""
        return Match.MAYBE if _files(place) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """One row per item; files split into training, query and database parts keep their split."""
        paths = _files(place)
        if not paths:
            raise DataError(
                f"{str(place.path)!r} has no files of matrices ({', '.join(SUFFIXES)}); choose another --reader"
            )
        name = place.name if place.is_folder else place.path.stem
        return read_matrix_files(paths, name, labels=needs.labels)


def _files(place: Place) -> list[Path]:
    if place.is_folder:
        return matrix_files(place.path)
    return [place.path] if is_array_file(place.path) else []
