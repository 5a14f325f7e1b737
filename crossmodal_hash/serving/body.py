"""The body of a request: as much and for as long as is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect, Request

from crossmodal_hash.serving.request_error import RequestError


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        RequestError: if it is longer than `most` bytes, or has not arrived after so many seconds.
    """
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise RequestError(400, "Content-Length is not a number")
    if len(length) > 12 or int(length) > most:
        raise _too_long(most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_long(most)
                parts.append(part)
    except TimeoutError:
        raise RequestError(408, f"the body did not arrive within {seconds:g} seconds") from None
    except ClientDisconnect:
        raise RequestError(400, "the connection ended within the body") from None
    return b"".join(parts)


def _too_long(most: int) -> RequestError:
    return RequestError(413, f"the body has more than {most} bytes; send less")


class _InMemory(MultiPartParser):
    # Nothing that a client sends is written to a disk.
    spool_max_size = 1 << 40


async def read_form(request: Request, body: bytes, fields: int) -> tuple[bytes, dict[str, str]]:
    """The file `picture` of a form, and its other fields.

    Args:
        request: with the headers of the form.
        body: of the request.
        fields: how many others there may be.

    Raises:
        RequestError: if it is no such form.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _InMemory(request.headers, stream(), max_files=1, max_fields=fields).parse()
    except Exception:
        # The parser is for forms of browsers, the bytes are anybody's.
        raise RequestError(
            400, "the form cannot be read; send multipart/form-data with one file named picture"
        ) from None
    try:
        given = form.multi_items()
        if len({name for name, _ in given}) < len(given):
            raise RequestError(422, "a field of the form is there twice; send each once")
        picture = form.get("picture")
        if not isinstance(picture, UploadFile):
            raise RequestError(422, "the form has no file named picture; send one")
        others = {name: value for name, value in given if isinstance(value, str)}
        return await picture.read(), others
    finally:
        await form.close()
