"""One digest of names, contents and matrices, which shows whether two runs used the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest(parts: Iterable[bytes | bytearray | memoryview]) -> str:
    """SHA-256 over the parts in order, as 64 hexadecimal digits.

    Each part is preceded by its length, so moving a byte from one part to the next changes the digest.

    Example:
        >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"])
        False
    """
    sha = hashlib.sha256()
    for part in parts:
        view = memoryview(part)
        sha.update(view.nbytes.to_bytes(8, "little"))
        sha.update(view)
    return sha.hexdigest()
