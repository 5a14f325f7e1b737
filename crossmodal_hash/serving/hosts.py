"""Which names a server answers to: a page of somebody else that points its own name here gets nothing."""

from __future__ import annotations

import ipaddress
import re
import socket

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.IGNORECASE)


class Hosts:
    """The names in `Host` that are answered: DNS rebinding needs another one.

    A server that only this machine can reach answers to the names of this machine; any other also to any address in
    figures, because a browser sends one only if its user or a link named it, and to the name it was bound to.

    Args:
        bound: what the server was bound to.

    Example:
        >>> hosts = Hosts("127.0.0.1")
        >>> [hosts.answers(name) for name in ("localhost:8000", "127.0.0.1", "evil.example", "192.168.1.2", "")]
        [True, True, False, False, False]
        >>> [Hosts("0.0.0.0").answers(name) for name in ("192.168.1.2:80", "[::1]", "evil.example")]
        [True, True, False]
    """

    def __init__(self, bound: str) -> None:
        self.local = is_loopback(bound)
        self._names = {"localhost", bound.lower()} | (set() if self.local else {socket.gethostname().lower()})

    def answers(self, header: str) -> bool:
        """Whether a value of `Host` is one of ours."""
        found = _HOST.fullmatch(header)
        if found is None:
            return False
        name = found["name"].lower().strip("[]").rstrip(".")
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.local


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
        [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
