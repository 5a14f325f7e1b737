"""How often a client may ask."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable


class Rate:
    """A bucket of `burst` requests for each client, filled again at `rate` a second.

    Args:
        rate: requests a second, > 0.
        burst: requests at once, >= 1.
        clients: of which it is counted; those seen longest ago are forgotten.
        clock: seconds.

    Example:
        >>> now = [0.0]
        >>> rate = Rate(2, 2, 10, clock=lambda: now[0])
        >>> [rate.allows("a"), rate.allows("a"), rate.allows("a"), rate.allows("b")]
        [True, True, False, True]
        >>> now[0] = 0.5
        >>> [rate.allows("a"), rate.allows("a")]
        [True, False]
    """

    def __init__(self, rate: float, burst: float, clients: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clients, self._clock = rate, burst, clients, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Whether one more request of this client is answered."""
        now, key = self._clock(), _of(client)
        left, then = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._rate)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > self._clients:
            self._left.popitem(last=False)
        return allowed


def _of(client: str) -> str:
    """An address, or of version 6 its network: one household has 2^64 of these."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
