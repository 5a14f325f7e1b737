"""The list files of DCHMT, which is called DCMHT in its code (https://github.com/kalenforn/DCHMT, `dataset/`).

`index.mat` names the pictures (`index`), `caption.mat` holds their texts (`caption`, one or several per picture) or
`caption.txt` one line each, and `label.mat` the labels (`category`, in some ports `label`), with one row per item.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crossmodal_hash.array_files import ArrayAt
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.matrices.assemble import assemble
from crossmodal_hash.data.matrices.key_sets import read_matrix_files
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError


class Dcmht(Reader):
    """The list files of DCMHT: index.mat, caption.mat or caption.txt, label.mat; pictures below the same folder."""

    def matches(self, place: Place) -> Match:
        """Likely if index.mat and a caption file are in the same folder."""
        files = _files(place)
        return Match.LIKELY if "index.mat" in files and len(files.keys() & CAPTIONS) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The rows of the lists; pictures named by the absolute path of another machine are found by their names."""
        files = _files(place)
        wanted = [files.get("index.mat"), files.get("label.mat")]
        lists = [path for path in wanted if path is not None]
        if wanted[0] is None or not files.keys() & CAPTIONS or (needs.labels and wanted[1] is None):
            raise DataError(f"{str(place.path)!r} needs index.mat, caption.mat or caption.txt, and label.mat of DCMHT")
        if "caption.mat" in files:
            return read_matrix_files([*lists, files["caption.mat"]], place.name, labels=needs.labels)
        chosen = {"image": ArrayAt(wanted[0], "index")}
        if wanted[1] is not None:
            chosen["labels"] = _labels(wanted[1])
        pictures = assemble(chosen, place.name)
        try:
            lines = files["caption.txt"].read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{str(files['caption.txt'])!r} is not UTF-8 (byte {error.start}); save it as UTF-8"
            ) from error
        if len(lines) != len(pictures):
            raise DataError(
                f"caption.txt has {len(lines)} lines but index.mat {len(pictures)} rows; give one line per row"
            )
        return replace(
            pictures, modalities={**pictures.modalities, "text": Texts(tuple(line.strip() for line in lines))}
        )


CAPTIONS = {"caption.mat", "caption.txt"}


def _files(place: Place) -> dict[str, Path]:
    return {path.name: path for path in place.top(".mat", ".txt")}


def _labels(path: Path) -> ArrayAt:
    from crossmodal_hash.array_files import list_keys

    keys = list_keys(path)
    return ArrayAt(path, next((key for key in ("category", "label", "labels") if key in keys), "category"))
