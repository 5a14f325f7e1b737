"""Where the pictures lie whose bare names a list gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def picture_folder(there: Iterable[str], names: Sequence[str]) -> str:
    """The folder that holds most of the named pictures, with its slash; of equals, the one nearest to the top.

    Args:
        there: every name in the store.
        names: names relative to the folder.

    Example:
        >>> picture_folder(["Images/1.jpg", "Images/2.jpg", "1.jpg"], ["1.jpg", "2.jpg"])
        'Images/'
    """
    wanted = set(names)
    depths = {name.count("/") for name in wanted}
    found: Counter[str] = Counter()
    for name in there:
        parts = name.split("/")
        for depth in depths:
            if "/".join(parts[-1 - depth :]) in wanted:
                found["".join(f"{part}/" for part in parts[: -1 - depth])] += 1
    return min(found, key=lambda folder: (-found[folder], folder.count("/"), folder), default="")
