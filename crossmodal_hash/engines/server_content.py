"""`Content` as text, which a server keeps as the comment of a table or the description of a collection."""

from __future__ import annotations

import json
from dataclasses import asdict

from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.store import FORMAT, VERSION


def to_comment(content: Content) -> str:
    """JSON in ASCII.

    Example:
        >>> from_comment(to_comment(Content(16, "image", "abc"))).bits
        16
    """
    return json.dumps({"format": FORMAT, "version": VERSION, "content": asdict(content)})


def from_comment(comment: str | None) -> Content:
    """The inverse of `to_comment`.

    Raises:
        ValueError: for any other text, saying how it differs.
    """
    try:
        document = json.loads(comment or "")
        kind = (document["format"], document["version"])
        content = Content(**document["content"])
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError("it does not say what it holds") from error
    if kind != (FORMAT, VERSION):
        raise ValueError(f"it is of {kind[0]} {kind[1]}, and this program reads {FORMAT} {VERSION}")
    return content
