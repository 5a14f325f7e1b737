"""Real codes as a data set: matrices that the closed-form methods, or any other recipe, take as features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.codes import Codes
from crossmodal_hash.data import Dataset, Matrix
from crossmodal_hash.data.splits import PARTS
from crossmodal_hash.errors import DataError


def as_data(name: str, codes: Mapping[str, Codes], real: Mapping[str, NDArray[Any]]) -> Dataset:
    """The real codes of some items, with their labels and split, so that what was trained on is known further on.

    Args:
        name: of the data set.
        codes: modality -> codes of the same items, one each.
        real: modality -> their codes before the sign, (N, K).

    Raises:
        DataError: if an item has several texts, because a row of a matrix is one item.

    Example:
        >>> codes = Codes(np.zeros((2, 1), np.uint8), 3, ["a", "b"], "image")
        >>> as_data("toy", {"image": codes}, {"image": np.ones((2, 3), np.float32)}).modalities["image"].width
        3
    """
    first = next(iter(codes.values()))
    for each in codes.values():
        if len(np.unique(each.ids)) < len(each) or len(each) != len(first):
            raise DataError(
                f"{name} has {len(each)} {each.modality} codes of {len(np.unique(each.ids))} items, but vectors are "
                f"written with one a row and item; encode data with one text an item"
            )
    split = {part: np.flatnonzero(first.parts[part]) for part in PARTS if part in first.parts}
    return Dataset(
        name,
        tuple(first.ids.tolist()),
        {modality: Matrix(np.asarray(real[modality], np.float32)) for modality in codes},
        None if first.labels is None else np.asarray(first.labels, np.uint8),
        () if first.labels is None else tuple(first.label_names or map(str, range(first.labels.shape[1]))),
        split_rows=split if len(split.get("query", ())) and len(split.get("train", ())) else None,
    )
