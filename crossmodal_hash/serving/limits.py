"""What a server takes from a client, and for how long; what it keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Every limit of a server.

    Attributes:
        k: largest number of items for a query.
        text: characters of a query.
        json: bytes of a request that is not an upload.
        upload: bytes of a request with a picture.
        pixels: of an uploaded picture.
        uploads: requests with a picture that are read at once; each may take `upload` bytes of memory.
        body_seconds: time for a body to arrive.
        header_seconds: time for the first line and headers of a request to arrive.
        write_seconds: time for which a client may read nothing of its answer.
        idle_seconds: time between two requests on a connection.
        stop_seconds: time for running requests to end when the server is stopped.
        connections: open at once.
        rate: requests a second of one client in the long run.
        burst: requests of one client at once.
        clients: of which the rate is counted; those seen last are kept.
        waiting: queries that wait for the model; more are refused.
        batch: queries that the model is given together.
        thumbnails: bytes of pictures that are kept.
    """

    k: int = 500
    text: int = 2000
    json: int = 65_536
    upload: int = 12_000_000
    pixels: int = 50_000_000
    uploads: int = 8
    body_seconds: float = 20
    header_seconds: float = 10
    write_seconds: float = 20
    idle_seconds: float = 15
    stop_seconds: float = 20
    connections: int = 128
    rate: float = 500
    burst: float = 1000
    clients: int = 4096
    waiting: int = 256
    batch: int = 32
    thumbnails: int = 64_000_000
