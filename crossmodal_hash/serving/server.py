"""A socket and what answers on it, until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.serving.limits import Limits
from crossmodal_hash.serving.protocol import protocol

HEADER_BYTES = 16_384
"""The first line and headers of a request."""


class Server(uvicorn.Server):
    """One server; SIGTERM and SIGINT end it after the requests that run, and are then done with.

    Args:
        app: what answers.
        limits: of connections.
    """

    def __init__(self, app: ASGIApp, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=protocol(limits),
                ws="none",
                lifespan="on",
                log_level="error",
                access_log=False,
                # Nobody in front of it is believed about who the client is.
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]  # any number of seconds
                timeout_graceful_shutdown=limits.stop_seconds,  # type: ignore[arg-type]
                h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, but a signal is not sent again at the end: a server that was told to stop succeeded."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket that does not listen yet.

    Raises:
        SettingsError: if the address cannot be had.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
    except (OSError, UnicodeError, OverflowError) as error:
        raise SettingsError(f"--host {host} is no address of this machine ({_why(error)}); give another one") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"{host} port {port} cannot be had ({_why(error)}); choose another --port, or 0 for any that is free"
        ) from error
    return bound


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
