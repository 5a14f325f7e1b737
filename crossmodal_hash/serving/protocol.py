"""HTTP for clients that are slow, broken or many: what uvicorn leaves to a proxy in front of it."""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from crossmodal_hash.serving.limits import Limits


def protocol(limits: Limits) -> type[H11Protocol]:
    """The protocol of a server with these limits, for `uvicorn.Config(http=...)`."""

    class Limited(H11Protocol):
        """Ends connections that send no request, or read no answer, for too long; answers in JSON."""

        _headers: asyncio.TimerHandle | None = None
        _reading: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._end(503, "too many connections; try again in a moment")
            else:
                self._headers = self.loop.call_later(limits.header_seconds, self._late)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self._stop_reading()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self._answers():
                self._stop_waiting()
            elif self._headers is None:
                self._headers = self.loop.call_later(limits.header_seconds, self._late)

        def send_400_response(self, msg: str) -> None:
            if self._answers():
                self.transport.abort()  # in the middle of an answer, or of the body of a request
            else:
                self._end(400, "this is not a request of HTTP/1.1")

        def pause_writing(self) -> None:
            self._reading = self.loop.call_later(limits.write_seconds, self.transport.abort)
            super().pause_writing()

        def resume_writing(self) -> None:
            self._stop_reading()
            super().resume_writing()

        def _answers(self) -> bool:
            """Whether a request is being answered, or its body is awaited, for which the application has its time."""
            cycle: RequestResponseCycle | None = self.cycle
            return cycle is not None and not cycle.response_complete

        def _late(self) -> None:
            self._headers = None
            if not self._answers():
                self._end(408, f"no whole request came within {limits.header_seconds:g} seconds")

        def _stop_waiting(self) -> None:
            if self._headers is not None:
                self._headers.cancel()
                self._headers = None

        def _stop_reading(self) -> None:
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

        def _end(self, status: int, sentence: str) -> None:
            body = json.dumps({"error": sentence}).encode()
            lines = (
                f"HTTP/1.1 {status} Refused",
                "content-type: application/json",
                "x-content-type-options: nosniff",
                "cache-control: no-store",
                f"content-length: {len(body)}",
                "connection: close",
            )
            self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            self.transport.close()

    return Limited
