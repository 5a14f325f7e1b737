"""What a server counts, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Counters of one server.

    Attributes:
        requests: by route and status.
        seconds: time of a request, by route.
        batches: queries in a forward pass.
        waiting: queries that wait for the model.
        thumbnails: bytes of pictures that are kept.
        found: pictures that were kept, and those that were not.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory and processor time, where the system tells them
        self.requests = Counter("chash_requests", "Requests.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "chash_request_seconds", "Time of a request.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.batches = Histogram(
            "chash_batch_queries",
            "Queries in a forward pass.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.waiting = Gauge("chash_waiting_queries", "Queries that wait for the model.", registry=self.registry)
        self.thumbnails = Gauge("chash_thumbnail_bytes", "Bytes of pictures kept in memory.", registry=self.registry)
        self.found = Gauge(
            "chash_thumbnail_requests", "Pictures that were kept already, or made.", ["kept"], registry=self.registry
        )

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self.registry)
