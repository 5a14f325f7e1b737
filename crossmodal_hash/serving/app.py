"""The routes: what each is asked, and what it answers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from crossmodal_hash.engines.engine import Packed
from crossmodal_hash.errors import ChashError, DataError
from crossmodal_hash.serving import metrics as counted
from crossmodal_hash.serving.batcher import Batcher
from crossmodal_hash.serving.body import read_body, read_form
from crossmodal_hash.serving.guard import Guard
from crossmodal_hash.serving.hosts import Hosts
from crossmodal_hash.serving.library import Library
from crossmodal_hash.serving.limits import Limits
from crossmodal_hash.serving.openapi import document
from crossmodal_hash.serving.page_files import page_files
from crossmodal_hash.serving.rate import Rate
from crossmodal_hash.serving.replies import as_json, refused
from crossmodal_hash.serving.request_error import RequestError
from crossmodal_hash.serving.schema import Question, read_question, read_upload
from crossmodal_hash.serving.searching import Answered, Asked, Searching
from crossmodal_hash.serving.thumbnails import TYPE, Thumbnails
from crossmodal_hash.serving.upload import square
from crossmodal_hash.training.query_encoder import QueryEncoder

EXAMPLES = 18
_LOG = logging.getLogger(__name__)


def make_app(library: Library, encoder: QueryEncoder, hosts: Hosts, limits: Limits | None = None) -> ASGIApp:
    """The whole server as an ASGI application."""
    limits = limits or Limits()
    service = Service(library, encoder, limits)
    files = page_files()

    async def page(request: Request) -> Response:
        content, kind = files[request.url.path]
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.batcher.close)

    app = Starlette(
        routes=[
            *(Route(path, page, methods=["GET"]) for path in files),
            Route("/search", service.search, methods=["POST"]),
            Route("/items/{item:path}", service.item, methods=["GET"]),
            Route("/pictures/{item:path}", service.picture, methods=["GET"]),
            Route("/about", service.about, methods=["GET"]),
            Route("/healthz", _health, methods=["GET"]),
            Route("/metrics", service.measured, methods=["GET"]),
            Route("/openapi.json", _describe, methods=["GET"]),
        ],
        exception_handlers={
            HTTPException: _no_route,
            RequestError: _refuse,
            ChashError: _cannot,
            Exception: _bug,
        },
        lifespan=lifespan,
    )
    return Guard(app, hosts, Rate(limits.rate, limits.burst, limits.clients), service.metrics)


class Service:
    """What the routes have in common.

    Args:
        library: what is searched and shown.
        encoder: of the run.
        limits: of everything.
    """

    def __init__(self, library: Library, encoder: QueryEncoder, limits: Limits) -> None:
        self.library, self.encoder, self.limits = library, encoder, limits
        self.metrics = counted.Metrics()
        searching = Searching(encoder, library, self.metrics.batches.observe)
        self.batcher: Batcher[Asked, Answered] = Batcher(searching, most=limits.batch, waiting=limits.waiting)
        self.thumbnails = Thumbnails(library, limits.thumbnails)
        self.examples = [self.shown(item) for item in library.some(EXAMPLES)]
        self._uploads = asyncio.Semaphore(limits.uploads)
        self._decoders = asyncio.Semaphore(2)

    @property
    def asks(self) -> list[str]:
        """What a query may be."""
        text = ["text"] if self.encoder.reads_words("text") else []
        picture = ["picture"] if "image" in self.encoder.sides else []
        return [*text, *picture, "item", "code"]

    async def search(self, request: Request) -> Response:
        """`POST /search`."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestError(415, "the body is compressed; send it as it is")
        if kind == "application/json":
            question = read_question(await read_body(request, self.limits.json, self.limits.body_seconds))
            query = question.text or question.item or question.code
            asked = await run_in_threadpool(self._asked, question)
        elif kind == "multipart/form-data":
            query, asked = None, await self._shown_picture(request)
        else:
            raise RequestError(415, "send application/json, or multipart/form-data with a picture")
        answered = await asyncio.wrap_future(self.batcher.submit(asked))
        return as_json(
            {
                "query": query,
                "code": answered.code.tobytes().hex(),
                "modality": asked.among,
                "bits": self.library.bits,
                "searched": len(self.library.indexes[asked.among]),
                "results": [self._hit(found) for found in answered.results],
            }
        )

    async def item(self, request: Request) -> Response:
        """`GET /items/ID`."""
        item = _id(request)
        if not await run_in_threadpool(self.library.holds, item):
            raise _no_item()
        return as_json(await run_in_threadpool(self.shown, item))

    async def picture(self, request: Request) -> Response:
        """`GET /pictures/ID`."""
        try:
            made = await run_in_threadpool(self.thumbnails.get, _id(request))
        except DataError as error:
            _LOG.warning("a picture cannot be shown: %s", error)
            raise RequestError(404, "the picture of this item cannot be read") from None
        if made is None:
            raise RequestError(404, "there is no picture of an item with this id")
        return Response(made, media_type=TYPE, headers={"cache-control": "private, max-age=3600"})

    async def about(self, _: Request) -> Response:
        """`GET /about`."""
        return as_json(
            {
                "name": self.library.name,
                "bits": self.library.bits,
                "searched": {name: len(index) for name, index in self.library.indexes.items()},
                "asks": self.asks,
                "labels": list(self.library.label_names),
                "has_pictures": self.library.has_pictures,
                "most": self.limits.k,
                "upload": self.limits.upload,
                "examples": self.examples,
            }
        )

    async def measured(self, _: Request) -> Response:
        """`GET /metrics`."""
        self.metrics.waiting.set(self.batcher.waiting())
        self.metrics.thumbnails.set(self.thumbnails.size)
        self.metrics.found.labels("yes").set(self.thumbnails.hits)
        self.metrics.found.labels("no").set(self.thumbnails.misses)
        return Response(self.metrics.text(), media_type=counted.TYPE)

    def shown(self, item: str) -> dict[str, Any]:
        """An item, with its codes."""
        return {
            "item": item,
            "text": self.library.text(item),
            "labels": self.library.labels(item),
            "picture": self.library.link(item),
            "codes": self.library.codes(item),
        }

    def _hit(self, found: dict[str, Any]) -> dict[str, Any]:
        item = found["item"]
        return {
            "item": item,
            "distance": found["distance"],
            "text": found.get("text"),
            "labels": self.library.labels(item),
            "picture": self.library.link(item),
        }

    async def _shown_picture(self, request: Request) -> Asked:
        if "picture" not in self.asks:
            raise RequestError(422, "the model reads no pictures; ask with an item or a code")
        if self._uploads.locked():
            raise RequestError(503, "too many pictures arrive at once; send yours again in a moment")
        async with self._uploads:
            body = await read_body(request, self.limits.upload, self.limits.body_seconds)
            content, fields = await read_form(request, body, fields=3)
            upload = read_upload(fields)
            among, k = self._among(upload.modality, "image"), self._k(upload.k)
            async with self._decoders:
                seen = await run_in_threadpool(square, content, self.encoder.sides["image"], self.limits.pixels)
        return Asked(seen, "image", among, k, upload.radius)

    def _asked(self, question: Question) -> Asked:
        k = self._k(question.k)
        if question.text is not None:
            if "text" not in self.asks:
                raise RequestError(422, "the model reads no texts; ask with an item or a code")
            if not question.text.strip():
                raise RequestError(422, "the text holds no words; give some to look for")
            if len(question.text) > self.limits.text:
                raise RequestError(422, f"the text has more than {self.limits.text} characters; shorten it")
            return Asked(question.text, "text", self._among(question.modality, "text"), k, question.radius)
        among = self._among(question.modality, None)
        if question.item is not None:
            codes = self.library.indexes[among].codes_of(question.item)
            if not len(codes):
                raise _no_item()
            return Asked(codes[0], None, among, k, question.radius)
        return Asked(self._code(question.code or ""), None, among, k, question.radius)

    def _k(self, k: int) -> int:
        if k > self.limits.k:
            raise RequestError(422, f"k is more than {self.limits.k}; ask for fewer items")
        return k

    def _code(self, digits: str) -> Packed:
        bits = self.library.bits
        if not re.fullmatch(f"[0-9a-fA-F]{{{2 * -(-bits // 8)}}}", digits):
            raise RequestError(422, f"a code of {bits} bits is {2 * -(-bits // 8)} hexadecimal digits")
        packed = np.frombuffer(bytes.fromhex(digits), np.uint8)
        if bits % 8 and packed[-1] >> (bits % 8):
            raise RequestError(422, f"the code has a bit after the last of {bits}")
        return packed

    def _among(self, modality: str | None, of: str | None) -> str:
        """Which codes are searched: as `chash search` chooses them, unless the client does."""
        known = list(self.library.indexes)
        if modality is not None:
            if modality not in known:
                raise RequestError(422, f"there are no codes of this modality; choose among {', '.join(known)}")
            return modality
        if len(known) == 1:
            return known[0]
        if of is None:
            return "image" if "image" in known else known[0]
        others = [name for name in known if name != of]
        if len(others) != 1:
            raise RequestError(422, f"there is more than one other modality; choose among {', '.join(known)}")
        return others[0]


def _id(request: Request) -> str:
    """The id in a path, as it was written: decoded once, and never a path of this machine."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    written = raw.split(b"/", 2)[2]
    try:
        return unquote_to_bytes(written).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise _no_item() from None


def _no_item() -> RequestError:
    return RequestError(404, "there is no item with this id")


async def _health(_: Request) -> Response:
    return as_json({"status": "ok"})


async def _describe(_: Request) -> Response:
    return as_json(document())


async def _no_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        response = refused(RequestError(405, "this path is not asked like that; see /openapi.json"))
        response.headers.update((error.headers or {}) if isinstance(error, HTTPException) else {})
        return response
    return refused(RequestError(status, "there is nothing at this path; see /openapi.json"))


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return refused(error)


async def _cannot(_: Request, error: Exception) -> Response:
    # Such a sentence is for whoever started the server: it may name folders.
    _LOG.error("a request cannot be answered: %s", error)
    return refused(RequestError(503, "the index or the data cannot be read now; the server's terminal says why"))


async def _bug(_: Request, error: Exception) -> Response:
    # Starlette passes the error on to the server, which prints it; the client learns nothing of it.
    return refused(RequestError(500, "the server failed to answer; its terminal says why"))
