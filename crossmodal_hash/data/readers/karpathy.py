"""The split JSON of Karpathy and Fei-Fei (CVPR 2015), one for each of Flickr8k, Flickr30k and COCO.

Each lists pictures with their captions (`sentences`, field `raw`) and their part: train, restval (COCO's validation
pictures that are in no other part), val or test. Papers on paired retrieval report these parts; for COCO they train on
train and restval, and test on 5,000 pictures with five captions each.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import numpy as np

from crossmodal_hash.data.captions import choose, one_or_several
from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.files import Files, safe_name
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures, first
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.readers._picture_folder import picture_folder
from crossmodal_hash.data.source import Source
from crossmodal_hash.errors import DataError, did_you_mean

_SPLITS = re.compile(r"(?:^|/)dataset_(?:flickr8k|flickr30k|coco)\.json$")
_INSTANCES = re.compile(r"(?:^|/)instances_[^/]+\.json$")
_PARTS = {"train": "train", "restval": "train", "val": "validation", "test": "query"}


class Karpathy(Reader):
    """The split JSON of Karpathy and Fei-Fei: dataset_flickr8k.json, dataset_flickr30k.json or dataset_coco.json.

    Args:
        table: name of the JSON; empty finds it.
        part: only the pictures of one part: train, restval, val or test; empty reads all, with their split.
        captions: `each` caption of a picture is a text of its own, all are `joined` to one text, only the `first`, or
            the first so many: 5 is the papers' choice for COCO, where some pictures have more.
    """

    def __init__(self, *, table: str = "", part: str = "", captions: str | int = "each") -> None:
        self.table, self.part, self.captions = table, part, captions

    def matches(self, place: Place) -> Match:
        """Certain if a file has such a name: it divides what COCO's or Flickr's own files hold as a whole."""
        if not place.holds_files:
            return Match.NO
        return Match.SURE if any(_SPLITS.search(name) for name in place.all_names) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The pictures in the order of the file; labels are those of COCO's instances_PART.json, if it is there."""
        names = place.all_names if place.holds_files else ()
        found = [n for n in names if (f"/{n}".endswith(f"/{self.table}") if self.table else _SPLITS.search(n))]
        if len(found) != 1:
            told = f"several ({first(found)}); choose one with --reader karpathy,table=NAME" if found else "none"
            raise DataError(f"one split JSON such as dataset_coco.json is needed, but {str(place.path)!r} has {told}")
        where = f"{place.path}/{found[0]}"
        images = _images(place.everything, found[0], where)
        parts = [image["split"] for image in images]
        if self.part:
            if self.part not in parts:
                raise DataError(
                    f"{where!r} has no part {self.part!r}, only {', '.join(sorted(set(parts)))}"
                    f"{did_you_mean(self.part, parts)}"
                )
            images = [image for image in images if image["split"] == self.part]
        ids = [image["name"] for image in images]
        folder = picture_folder(names, ids)
        sources: dict[str, Source] = {
            "image": Pictures(place.everything, [safe_name(folder + name, place.path) for name in ids]),
            "text": one_or_several([choose(image["texts"], self.captions) for image in images]),
        }
        matrix, label_names = _labels(place, images)
        rows: dict[str, list[int]] = defaultdict(list)
        for row, image in enumerate(images):
            rows[_PARTS[image["split"]]].append(row)
        split = {part: np.array(own, dtype=np.int64) for part, own in rows.items()}
        given = split if {"query", "train"} <= split.keys() else None
        return Dataset(place.name, tuple(ids), sources, matrix, label_names, given)


def _images(files: Files, name: str, where: str) -> list[dict[str, Any]]:
    """Name, number in COCO, part and texts of each picture."""
    try:
        document = json.loads(files.read(name))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where!r} is not JSON ({error}); download it again") from error
    try:
        images = [
            {
                "name": "/".join(part for part in (image.get("filepath", ""), str(image["filename"])) if part),
                "number": image.get("cocoid"),
                "split": str(image["split"]),
                "texts": [str(sentence["raw"]).strip() for sentence in image["sentences"]],
            }
            for image in document["images"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where!r} is not a split JSON ({type(error).__name__}: {error}); it needs images with filename, split "
            f"and sentences with raw"
        ) from error
    if unknown := sorted({image["split"] for image in images} - _PARTS.keys()):
        raise DataError(f"{where!r} has the part {unknown[0]!r}; the parts are {', '.join(_PARTS)}")
    return images


def _labels(place: Place, images: list[dict[str, Any]]) -> tuple[Any, tuple[str, ...]]:
    """Categories of the objects in COCO's pictures by their numbers, where its annotations are beside the JSON."""
    wanted = {image["number"] for image in images} - {None}
    found = [name for name in place.all_names if _INSTANCES.search(name)] if wanted else []
    if not found:
        return None, ()
    marks: dict[int, set[str]] = defaultdict(set)
    categories: dict[int, str] = {}
    for name in found:
        try:
            document = json.loads(place.everything.read(name))
            categories |= {int(row["id"]): str(row["name"]) for row in document["categories"]}
            for row in document["annotations"]:
                if row["image_id"] in wanted:
                    marks[row["image_id"]].add(categories[int(row["category_id"])])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise DataError(
                f"{place.path!s}/{name} is not a file of COCO instances ({type(error).__name__}: {error}); "
                f"download it again"
            ) from error
    names = [categories[number] for number in sorted(categories)]
    return label_matrix([marks[image["number"]] for image in images], names)
