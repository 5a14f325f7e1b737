"""Answers in JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from crossmodal_hash.serving.request_error import RequestError


def as_json(document: Any, status: int = 200) -> Response:
    """A JSON answer in ASCII: ids that are no Unicode, as names of files may be, remain what they are.

    No tag can begin in it, wherever somebody puts it.
    """
    content = json.dumps(document, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    return Response(content.encode("ascii"), status, media_type="application/json")


def refused(refusal: RequestError) -> Response:
    """The answer to a request that is not answered; its body, which may not have been read, ends the connection."""
    response = as_json({"error": refusal.sentence}, refusal.status)
    response.headers["connection"] = "close"
    if refusal.status in (429, 503):
        response.headers["retry-after"] = "1"
    return response
