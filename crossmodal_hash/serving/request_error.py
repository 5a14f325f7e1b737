"""A request that is not answered, in one sentence."""

from __future__ import annotations


class RequestError(Exception):
    """What is wrong with a request.

    Args:
        status: of HTTP, 400 or more.
        sentence: for the client; names no path of the server.
    """

    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence
        super().__init__(sentence)
