"""What is checked of every request before it is looked at, and added to every answer."""

from __future__ import annotations

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crossmodal_hash.serving.hosts import Hosts
from crossmodal_hash.serving.metrics import Metrics
from crossmodal_hash.serving.rate import Rate
from crossmodal_hash.serving.replies import refused
from crossmodal_hash.serving.request_error import RequestError

HEADERS = {
    # Scripts, styles and requests of the page itself alone; pictures also from the clipboard, which have no address.
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
_ROUTES = ("search", "items", "pictures", "about", "healthz", "metrics", "openapi.json", "page.css", "page.js", "")


class Guard:
    """Refuses what comes under another name, from a page of somebody else, or too often; counts everything.

    Args:
        app: what answers.
        hosts: the names of this server.
        rate: of each client.
        metrics: told every request.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, rate: Rate, metrics: Metrics) -> None:
        self._app, self._hosts, self._rate, self._metrics = app, hosts, rate, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the start and end of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route, began, status = _route(scope["path"]), time.perf_counter(), 500

        async def completed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, completed)
        except RequestError as refusal:
            await refused(refusal)(scope, receive, completed)
        finally:
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._hosts.answers(host):
            raise RequestError(400, "the Host of the request is not a name of this server; use its address in figures")
        if not self._rate.allows((scope.get("client") or ("",))[0]):
            raise RequestError(429, "too many requests; ask again in a second")
        if scope["method"] in ("GET", "HEAD"):
            return
        # Browsers say which page asks; programs say nothing.
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise RequestError(403, "the request comes from the page of another server")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RequestError(403, "the request comes from the page of another server")


def _route(path: str) -> str:
    """The first part of a path; what is unknown is one route, so that clients cannot make up new ones."""
    first = path.split("/")[1] if "/" in path else "other"
    return f"/{first}" if first in _ROUTES else "other"
