"""MIRFlickr-25K as its owners distribute it (https://press.liacs.nl/mirflickr/).

`mirflickr25k.zip` holds `mirflickr/im1.jpg` to `im25000.jpg` and `mirflickr/meta/tags/tags1.txt` with one tag per line;
`mirflickr25k_annotations_v080.zip` holds one file per label with one picture number per line: 24 labels of what may be
visible in a picture, and for 14 of them `LABEL_r1.txt`, the pictures in which it is salient.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from crossmodal_hash.data.dataset import Dataset
from crossmodal_hash.data.labels import label_matrix
from crossmodal_hash.data.location import Place
from crossmodal_hash.data.pictures import Pictures
from crossmodal_hash.data.reader import Match, Needs, Reader
from crossmodal_hash.data.texts import Texts
from crossmodal_hash.errors import DataError

_TAGS = re.compile(r"(?:^|/)meta/tags/tags(\d+)\.txt$")
_PICTURE = re.compile(r"(?:^|/)im(\d+)\.jpg$")
_LABELS = re.compile(r"(?:^|/)(?:mirflickr25k_)?annotations[^/]*/([a-z_]+?)(_r1)?\.txt$")


class MirFlickr25k(Reader):
    """MIRFlickr-25K as distributed: mirflickr/im1.jpg, meta/tags/tags1.txt, mirflickr25k_annotations_v080/sky.txt.

    Args:
        annotations: `potential` takes the 24 labels of what may be visible, `relevant` the 14 of what is salient
            (`_r1`), `all` both, 38.
        common: a picture is kept only if at least this many pictures have one of its tags; 20 is the owners' limit for
            common tags, and the papers' choice. 1 keeps every picture with a tag.
        unlabeled: whether pictures without a label are kept.
    """

    def __init__(
        self,
        *,
        annotations: Literal["potential", "relevant", "all"] = "potential",
        common: int = 20,
        unlabeled: bool = False,
    ) -> None:
        self.annotations, self.common, self.unlabeled = annotations, common, unlabeled

    def matches(self, place: Place) -> Match:
        """Likely if tags and annotations have these names, unpacked or in the owners' zips."""
        if not place.holds_files:
            return Match.NO
        tags = any(_TAGS.search(name) for name in place.all_names)
        return Match.LIKELY if tags and any(_LABELS.search(name) for name in place.all_names) else Match.NO

    def read(self, place: Place, needs: Needs) -> Dataset:
        """The pictures with a common tag and a label, by number; how many were left out is noted."""
        if self.annotations not in ("potential", "relevant", "all") or self.common < 1:
            raise DataError(
                f"annotations={self.annotations!r}, common={self.common}: give potential, relevant or all, and "
                f"1 or more"
            )
        names = place.all_names if place.holds_files else ()
        tag_files = {int(found[1]): name for name in names if (found := _TAGS.search(name))}
        pictures = {int(found[1]): name for name in names if (found := _PICTURE.search(name))}
        label_files = {
            found[1] + (found[2] or ""): name
            for name in names
            if (found := _LABELS.search(name)) and self._wants(strict=found[2] is not None)
        }
        for what, there in (("meta/tags/tags1.txt", tag_files), ("annotations", label_files)):
            if not there:
                raise DataError(
                    f"{str(place.path)!r} has no {what} of MIRFlickr-25K; put both of the owners' zips there"
                )
        files = place.everything
        labels: dict[int, set[str]] = {}
        for label, name in label_files.items():
            for number in files.read(name).decode("ascii", "replace").split():
                if not number.isdigit():
                    raise DataError(f"{name!r} in {str(place.path)!r} has the line {number!r:.40}, not a number")
                labels.setdefault(int(number), set()).add(label)
        # A letter that is not UTF-8 costs its tag; a reader that stopped there would cost 25,000 pictures.
        tags = {n: files.read(name).decode("utf-8", "replace").split() for n, name in tag_files.items()}
        times = Counter(tag for said in tags.values() for tag in set(said))
        tagged = [n for n in sorted(tags) if any(times[tag] >= self.common for tag in tags[n])]
        chosen = [n for n in tagged if self.unlabeled or n in labels]
        if not chosen:
            raise DataError(
                f"none of the {len(tags)} pictures of {str(place.path)!r} has a label and a tag that {self.common} "
                f"pictures have; lower it with --reader mirflickr25k,common=1"
            )
        matrix, label_names = label_matrix([labels.get(n, ()) for n in chosen], sorted(label_files))
        root = next(iter(tag_files.values())).partition("meta/tags/")[0]
        # A picture that is not there keeps the name it should have, and is missed where that matters.
        where = [pictures.get(n, f"{root}im{n}.jpg") for n in chosen]
        notes = (
            f"mirflickr25k: {len(chosen)} of {len(tags)} pictures are used; {len(tags) - len(tagged)} have no tag "
            f"that {self.common} pictures have, {len(tagged) - len(chosen)} of the others have no label",
        )
        return Dataset(
            place.name,
            tuple(f"im{n}.jpg" for n in chosen),
            {"image": Pictures(files, where), "text": Texts(tuple(" ".join(tags[n]) for n in chosen))},
            matrix,
            label_names,
            notes=notes if len(chosen) < len(tags) else (),
        )

    def _wants(self, *, strict: bool) -> bool:
        return self.annotations == "all" or strict == (self.annotations == "relevant")
