"""COCO annotations: captions are the texts, the categories of the objects are the labels.

The files are described at https://cocodataset.org/#format-data: `captions_PART.json` and `instances_PART.json` with the
tables `images`, `annotations` and `categories`, such as PART = val2017.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Literal

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, safe_name
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.source import Source
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError, did_you_mean

_ANNOTATIONS = re.compile(r"(?:^|/)(captions|instances)_([^/]+)\.json$")


class Coco(Reader):
    """COCO: captions_PART.json and instances_PART.json, with pictures in PART, images/PART, images, or zips of them.

    Args:
        part: the part to read, such as val2017; empty reads all parts, which must have different pictures.
        captions: `all` captions of a picture are its text, or only the `first`.
    """

    def __init__(self, *, part: str = "", captions: Literal["all", "first"] = "all") -> None:
        self.part, self.captions = part, captions

    def matches(self, place: Place) -> Match:
        """Likely if a file has the name of the annotations."""
        if not place.holds_files:
            return Match.NO
        return Match.LIKELY if any(_ANNOTATIONS.search(name) for name in place.all_names) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The pictures of the annotation files by part and number; without instances there are no labels."""
        if self.captions not in ("all", "first"):
            raise DataError(f"captions={self.captions!r} is neither 'all' nor 'first'")
        parts: dict[str, dict[str, str]] = defaultdict(dict)
        for name in place.all_names if place.holds_files else ():
            if found := _ANNOTATIONS.search(name):
                parts[found[2]][found[1]] = name
        if not parts:
            raise DataError(f"{str(place.path)!r} has no captions_PART.json or instances_PART.json of COCO")
        if self.part and self.part not in parts:
            raise DataError(
                f"{str(place.path)!r} has no part {self.part!r}, only {', '.join(sorted(parts))}"
                f"{did_you_mean(self.part, parts)}"
            )
        ids: list[str] = []
        names: list[str] = []
        texts: list[str] = []
        labels: list[set[str]] = []
        categories: list[str] = []
        for part in [self.part] if self.part else sorted(parts):
            images, captions, objects, known = _part(place.everything, parts[part])
            files = [file for _, file in sorted(images.items())]
            folder = _folder(place.everything, part, files)
            ids += files
            names += [safe_name(folder + file, place.path) for file in files]
            categories += [name for name in known if name not in categories]
            for number in sorted(images):
                said = captions[number]
                texts.append("\n".join(said if self.captions == "all" else said[:1]))
                labels.append(objects[number])
        matrix, label_names = label_matrix(labels, categories or None)
        sources: dict[str, Source] = {"image": Pictures(place.everything, names), "text": Texts(tuple(texts))}
        return Dataset(place.name, tuple(ids), sources, matrix, label_names)


Part = tuple[dict[int, str], dict[int, list[str]], dict[int, set[str]], list[str]]


def _part(files: Files, kinds: dict[str, str]) -> Part:
    """Picture files, captions and labels by picture number, and all categories in order."""
    images: dict[int, str] = {}
    captions: dict[int, list[str]] = defaultdict(list)
    objects: dict[int, set[str]] = defaultdict(set)
    categories: list[str] = []
    for kind, name in sorted(kinds.items()):
        where = f"{files.path}/{name}"
        try:
            document = json.loads(files.read(name))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where!r} is not JSON ({error}); download it again") from error
        try:
            images |= {int(row["id"]): str(row["file_name"]) for row in document["images"]}
            if kind == "captions":
                for row in document["annotations"]:
                    captions[int(row["image_id"])].append(str(row["caption"]).strip())
                continue
            by_number = {int(row["id"]): str(row["name"]) for row in document["categories"]}
            categories = [by_number[number] for number in sorted(by_number)]
            for row in document["annotations"]:
                objects[int(row["image_id"])].add(by_number[int(row["category_id"])])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{where!r} is not a file of COCO {kind} ({type(error).__name__}: {error}); it needs images with id "
                f"and file_name, and annotations with image_id"
            ) from error
    return images, captions, objects, categories


def _folder(files: Files, part: str, names: list[str]) -> str:
    """The folder of the pictures: the usual folder that holds most of the first ones."""
    usual = [f"{part}/", f"images/{part}/", "images/", "", f"{part}/{part}/"]
    return max(usual, key=lambda folder: sum(folder + name in files for name in names[:50]))
