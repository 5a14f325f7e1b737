"""A server in a thread, and requests to it that no well-meant client would send."""

import contextlib
import http.client
import json
import socket
import threading
import time

from crossmodal_hash.serving.server import Server, bind

SCRIPT = "<img src=x onerror=window.hacked=1>"
"""A text, and a part of an id, that a page must not believe."""


@contextlib.contextmanager
def running(app, limits=None):
    """The port of a server with this app."""
    with bind("127.0.0.1", 0) as bound:
        port, server = bound.getsockname()[1], Server(app, limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def ask(port, method, target, body=None, headers=()):
    """Status, headers and body of one answer; the target and headers are sent as they are."""
    given = {name.lower(): value for name, value in dict(headers).items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    # Not checked, as a hostile client would not either.
    connection._validate_path = connection._validate_method = lambda _: None
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"host": f"127.0.0.1:{port}"} | given).items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None and "content-length" not in given and "transfer-encoding" not in given:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def raw(port, sent, seconds=10):
    """What comes back to some bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        found = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(sent)
            while part := connection.recv(65536):
                found += part
        return found


def search(port, **question):
    """Status and document of `POST /search` in JSON."""
    status, _, body = ask(port, "POST", "/search", json.dumps(question).encode(), {"content-type": "application/json"})
    return status, json.loads(body)


def form(fields, boundary="BOUND"):
    """A form's body and headers; a value of bytes is a file."""
    parts = []
    for name, value in fields:
        file = '; filename="p.png"\r\ncontent-type: image/png' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else value.encode()
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


def upload(port, *fields):
    """Status and document of `POST /search` as a form."""
    status, _, body = ask(port, "POST", "/search", *form(fields))
    return status, json.loads(body)
