"""Addresses of servers, which never hold a password: they are printed, kept in shell histories and in scripts."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from crossmodal_hash.errors import CodesError

DEFAULT = "chash"
_SECRET = ("password", "passwd", "sslpassword", "token")


def split_address(where: str) -> tuple[str, str]:
    """The server or file, and the table or collection in it, which is what follows a `#`.

    Raises:
        CodesError: if a password is part of the address; it is not repeated.

    Example:
        >>> split_address("postgresql://reader@db.example.org/pictures#drawings")
        ('postgresql://reader@db.example.org/pictures', 'drawings')
        >>> split_address("codes.db")
        ('codes.db', 'chash')
    """
    refuse_password(where)
    server, _, name = where.partition("#")
    return server, name or DEFAULT


def refuse_password(where: str) -> None:
    """Reject an address with a password.

    Raises:
        CodesError: without the address.
    """
    if "://" not in where:
        return
    try:
        # A '#' in a password would end the part that is looked at.
        parts = urlsplit(where.replace("#", "%23"))
        secret = parts.password or [key for key in _SECRET if key in parse_qs(parts.query)]
    except ValueError as error:
        raise CodesError(f"the address of an index is not a URL ({error}); give SCHEME://HOST:PORT") from None
    if secret:
        raise CodesError(
            "the address of an index holds a password; leave it out, and set the environment variable of the server "
            "for it, such as PGPASSWORD or MILVUS_TOKEN"
        )
