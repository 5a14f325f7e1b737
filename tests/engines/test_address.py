"""Addresses of servers and what may follow them."""

import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.engines.address import split_address
from crossmodal_hash.errors import CodesError
from crossmodal_hash.opening.index import create_index, open_index

CODES = Codes(pack([[1.0, -1.0]]), 2, ["a"], "image")


@pytest.mark.parametrize(
    "where",
    [
        "postgresql://me:hunter2@host/db",
        "postgresql://me:hunter#2@host/db#t",
        "postgres://host/db?password=hunter2",
        "postgresql://host/db?sslpassword=hunter2#t",
        "https://root:hunter2@host:19530",
        "https://host?token=hunter2",
        "redis://:hunter2@host",
    ],
)
@pytest.mark.parametrize("call", [split_address, open_index, lambda where: create_index(where, CODES)])
def test_a_password_is_refused_and_not_repeated(where, call):
    with pytest.raises(CodesError, match="holds a password; leave it out") as caught:
        call(where)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("postgresql://me@host/db", ("postgresql://me@host/db", "chash")),
        ("postgresql:///db?host=/tmp#a#b", ("postgresql:///db?host=/tmp", "a#b")),
        ("a.db#", ("a.db", "chash")),
        ("C:\\codes.db#x", ("C:\\codes.db", "x")),
        ("a:b@c.db", ("a:b@c.db", "chash")),
    ],
)
def test_what_follows_the_first_hash_is_the_name(where, expected):
    assert split_address(where) == expected


def test_an_address_that_is_no_url_is_refused():
    with pytest.raises(CodesError, match="is not a URL"):
        split_address("http://[::1")
