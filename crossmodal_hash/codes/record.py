"""What a codes file holds: packed codes with their ids, labels and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal_hash.array_files import is_matrix
from crossmodal_hash.codes.bits import check_packed
from crossmodal_hash.errors import CodesError


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of one modality: N items of K bits.

    The constructor checks that shapes fit, labels are 0 or 1, and the padding is zero. Ids may repeat (five captions
    per picture).

    Attributes:
        packed: uint8 (N, ceil(K / 8)), the layout of `crossmodal_hash.codes.bits`.
        bits: K, >= 1.
        ids: text (N,); any sequence of names or numbers is converted to text.
        modality: name such as "image" or "text".
        labels: uint8 (N, C) in {0, 1}, or None.
        label_names: C names, or None.
        fingerprint: identifies the model that made the codes, or None.
        parts: part name ("query", "train", "validation", "database") -> bool (N,); parts may overlap.

    Raises:
        CodesError: if the parts do not fit together.

    Example:
        >>> codes = Codes(np.array([[3], [4]], dtype=np.uint8), 3, ["a", "b"], "image")
        >>> len(codes), codes.select([1]).ids.tolist()
        (2, ['b'])
    """

    packed: NDArray[np.uint8]
    bits: int
    ids: NDArray[np.str_]
    modality: str
    labels: NDArray[np.uint8] | None = None
    label_names: tuple[str, ...] | None = None
    fingerprint: str | None = None
    parts: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_packed(self.packed, self.bits)
        n = len(self.packed)
        if self.bits % 8 and (self.packed[:, -1] >> (self.bits % 8)).any():
            raise CodesError(f"the padding after bit {self.bits} is not zero; is the bit order big-endian?")
        object.__setattr__(self, "ids", np.asarray(self.ids).astype(np.str_).reshape(-1))
        if len(self.ids) != n:
            raise CodesError(f"there are {n} codes but {len(self.ids)} ids")
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, n, self.bits))
        if self.label_names is not None:
            object.__setattr__(self, "label_names", tuple(self.label_names))
            classes = 0 if self.labels is None else self.labels.shape[1]
            if len(self.label_names) != classes:
                raise CodesError(f"there are {len(self.label_names)} label names but {classes} label columns")
        object.__setattr__(self, "parts", {name: np.asarray(mask, dtype=bool) for name, mask in self.parts.items()})
        for name, mask in self.parts.items():
            if mask.shape != (n,):
                raise CodesError(f"part {name!r} is a mask of shape {mask.shape}, but there are {n} codes")

    def __len__(self) -> int:
        return len(self.packed)

    def select(self, rows: str | Sequence[int] | NDArray[Any]) -> Codes:
        """The codes of one part, or of given rows, in their order.

        Args:
            rows: a part name, a bool mask (N,), or row numbers.

        Returns:
            New `Codes` with the same rows of ids, labels and parts.

        Raises:
            CodesError: if there is no part of that name.
        """
        if isinstance(rows, str):
            if rows not in self.parts:
                known = ", ".join(self.parts) or "none"
                raise CodesError(f"the {self.modality} codes have no part {rows!r}; their parts: {known}")
            rows = self.parts[rows]
        at = np.asarray(rows)
        at = np.flatnonzero(at) if at.dtype == bool else at.astype(np.int64)
        return replace(
            self,
            packed=self.packed[at],
            ids=self.ids[at],
            labels=None if self.labels is None else self.labels[at],
            parts={name: mask[at] for name, mask in self.parts.items()},
        )


def _checked_labels(labels: NDArray[Any], rows: int, bits: int) -> NDArray[np.uint8]:
    labels = np.asarray(labels)
    if not is_matrix(labels):
        raise CodesError(f"labels are an (N, C) matrix of 0 and 1, not {labels.dtype} of shape {labels.shape}")
    if len(labels) != rows:
        hint = "; their columns do, so they look transposed" if labels.shape[1] == rows else ""
        hint = f"; the {bits} bits do, so the codes look transposed" if len(labels) == bits else hint
        raise CodesError(f"labels have {len(labels)} rows, which does not match the {rows} codes{hint}")
    strange = (labels != 0) & (labels != 1)
    if strange.any():
        row, column = np.argwhere(strange)[0]
        raise CodesError(f"the label in row {row}, column {column} is {labels[row, column]}; labels are 0 or 1")
    return labels.astype(np.uint8, copy=False)
