"""Which ids a server can hold: Unicode text of limited length."""

from __future__ import annotations

from collections.abc import Sequence

from crossmodal_hash.errors import CodesError


def is_text(item: str) -> bool:
    r"""Whether an id can be sent to a server: not a file name that is not Unicode, and without NUL.

    Example:
        >>> is_text("é.jpg"), is_text("\udce9.jpg"), is_text("a\0b")
        (True, False, False)
    """
    try:
        item.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in item


def check_ids(ids: Sequence[str], limit: int, server: str) -> None:
    """Reject ids that a server would cut, or refuse in the middle of an addition.

    Args:
        ids: text.
        limit: bytes in UTF-8.
        server: what to call it.

    Raises:
        CodesError: with the first such id.

    Example:
        >>> check_ids(["a.jpg", "b" * 300], 99, "it")
        Traceback (most recent call last):
        crossmodal_hash.errors.CodesError: the id 'bbbbbbbbbbbbbbbbbbbb...' has 300 bytes; it holds 99, so shorten it
    """
    for item in ids:
        if not is_text(item):
            raise CodesError(f"the id {item[:80]!r} is not Unicode text, which {server} needs; rename the item")
        if (size := len(item.encode())) > limit:
            start = f"{item[:20]}..."
            raise CodesError(f"the id {start!r} has {size:,} bytes; {server} holds {limit:,}, so shorten it")
