"""Requests that no page sends: each is refused in one sentence, and the server answers the next one."""

import io
import json
import socket
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask, form, raw, search
from PIL import Image

JSON = {"content-type": "application/json"}


def asked(**question):
    return "POST", "/search", json.dumps(question).encode(), JSON


def sent(body, headers=JSON):
    return "POST", "/search", body, headers


def uploaded(content, *fields):
    return "POST", "/search", *form([("picture", content), *fields])


def got(target):
    return "GET", target, None, {}


def png(width, height, data=b""):
    """A PNG that promises a size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data or zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def packed(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def picture(kind="PNG", size=(8, 8), **options):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, kind, **options)
    return file.getvalue()


SCRIPT = "<script>alert(1)</script>"
TABLE = {
    # Ids that would like to be paths
    "a path up": (got("/pictures/../../../../etc/passwd"), 404),
    "a path up, encoded": (got("/pictures/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), 404),
    "a path up, encoded twice": (got("/pictures/%252e%252e%252fetc%252fpasswd"), 404),
    "a path up, overlong": (got("/pictures/%c0%ae%c0%ae%c0%afetc%c0%afpasswd"), 404),
    "an absolute path": (got("/pictures//etc/passwd"), 404),
    "an absolute path, encoded": (got("/items/%2Fetc%2Fpasswd"), 404),
    "a path of Windows": (got("/pictures/..%5c..%5cwindows%5cwin.ini"), 404),
    "a drive": (got("/items/C:%5cboot.ini"), 404),
    "an address of a file": (got("/items/file:%2F%2F%2Fetc%2Fpasswd"), 404),
    "a whole address as target": (got("http://evil.example/items/x"), 404),
    "a NUL": (got("/items/images%2F07.png%00.txt"), 404),
    "half a character": (got("/items/%ff%fe"), 404),
    "a broken percent": (got("/items/%zz%"), 404),
    "no id": (got("/items/"), 404),
    "a very long id": (got("/items/" + "a" * 8000), 404),
    "a script as id": (got("/items/%3Cscript%3Ealert(1)%3C%2Fscript%3E"), 404),
    "a folder of the data": (got("/pictures/images"), 404),
    "the archive of the data": (got("/drawn.zip"), 404),
    "a file of the package": (got("/page/index.html"), 404),
    "a file beside the page": (got("/../app.py"), 404),
    "a source of the page, encoded": (got("/page.js%2f..%2f..%2fapp.py"), 404),
    "a path with a script": (got(f"/{SCRIPT}".replace(" ", "%20")), 404),
    # Questions
    "nothing": (sent(b""), 422),
    "not JSON": (sent(b"text=red"), 422),
    "half of JSON": (sent(b'{"text": "red'), 422),
    "JSON that is a list": (sent(b'[{"text": "red"}]'), 422),
    "JSON that is null": (sent(b"null"), 422),
    "deep JSON": (sent(b"[" * 2000 + b"]" * 2000), 422),
    "deep JSON in a field": (sent(b'{"text":' + b'{"a":' * 600 + b"1" + b"}" * 601), 422),
    "not UTF-8": (sent(b'{"text": "\xff\xfe"}'), 422),
    "half a character in JSON": (sent(b'{"text": "\\ud800"}'), 422),
    "huge k": (asked(text="red", k=10**30), 422),
    "large k": (asked(text="red", k=501), 422),
    "k of 0": (asked(text="red", k=0), 422),
    "negative k": (asked(text="red", k=-5), 422),
    "k as text": (asked(text="red", k="5"), 422),
    "k as fraction": (asked(text="red", k=2.5), 422),
    "k as truth": (asked(text="red", k=True), 422),
    "k is NaN": (sent(b'{"text": "red", "k": NaN}'), 422),
    "k is infinite": (sent(b'{"text": "red", "k": 1e999}'), 422),
    "radius is negative": (asked(text="red", radius=-1), 422),
    "radius is NaN": (sent(b'{"text": "red", "radius": NaN}'), 422),
    "text as number": (asked(text=5), 422),
    "text as list": (asked(text=["red"]), 422),
    "no text": (asked(text=" \n\t"), 422),
    "a very long text": (asked(text="red " * 600), 422),
    "nothing to look for": (asked(k=5), 422),
    "two things to look for": (asked(text="red", item="images/07.png"), 422),
    "an unknown field": (asked(text="red", path="/etc/passwd"), 422),
    "a script as field": (asked(**{"text": "red", SCRIPT: 1}), 422),
    "an unknown modality": (asked(text="red", modality=SCRIPT), 422),
    "a modality that is a path": (asked(text="red", modality="../text"), 422),
    "an unknown item": (asked(item="../../etc/passwd"), 404),
    "a script as item": (asked(item=SCRIPT), 404),
    "a short code": (asked(code="ff"), 422),
    "a code that is none": (asked(code="zzzzzz"), 422),
    "a code with figures of another script": (asked(code="\u0661" * 6), 422),
    "a code with bits after the last": (asked(code="ffffff"), 422),
    "too long JSON": (sent(b'{"text": "' + b"a" * 5000 + b'"}'), 413),
    # Bodies
    "no type": (sent(b'{"text": "red"}', {}), 415),
    "another type": (sent(b"<a/>", {"content-type": "text/xml"}), 415),
    "a simple form": (sent(b"text=red", {"content-type": "application/x-www-form-urlencoded"}), 415),
    "plain text, which any page may send": (sent(b'{"text": "red"}', {"content-type": "text/plain"}), 415),
    "compressed": (sent(zlib.compress(b'{"text": "red"}'), JSON | {"content-encoding": "gzip"}), 415),
    "a length that is a lie": (sent(b"{}", JSON | {"content-length": "99999999999999999999"}), 413),
    "a form without boundary": (sent(b"x", {"content-type": "multipart/form-data"}), 400),
    "a form that is none": (sent(b"x" * 100, {"content-type": "multipart/form-data; boundary=B"}), 400),
    "a form without end": (sent(form([("picture", b"x" * 99)])[0][:-30], form([])[1]), 422),
    "a form without picture": (sent(*form([("k", "5")])), 422),
    "a picture that is a field": (sent(*form([("picture", "red")])), 422),
    "two pictures": (sent(*form([("picture", b"1"), ("picture", b"2")])), 400),
    "many fields": (uploaded(picture(), *((f"f{i}", "1") for i in range(50))), 400),
    "a field twice": (uploaded(picture(), ("k", "5"), ("k", "6")), 422),
    "a field that is not known": (uploaded(picture(), ("path", "/etc/passwd")), 422),
    "k of a form": (uploaded(picture(), ("k", "1e9")), 422),
    "k of a form is NaN": (uploaded(picture(), ("k", "nan")), 422),
    "modality of a form": (uploaded(picture(), ("modality", "../image")), 422),
    # Pictures
    "no bytes": (uploaded(b""), 422),
    "a script as picture": (uploaded(SCRIPT.encode()), 422),
    "a drawing in SVG": (uploaded(b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'), 422),
    "PostScript": (uploaded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), 422),
    "a zip": (uploaded(packed("p.png", picture())), 422),
    "a zip that grows": (uploaded(packed("p.png", b"0" * 20_000_000)), 422),
    "a PNG of a huge size": (uploaded(png(60_000, 60_000)), 413),
    "a PNG of an impossible size": (uploaded(png(2**31 - 1, 2**31 - 1)), 413),
    "a PNG without pixels": (uploaded(png(0, 0)), 422),
    "a PNG whose pixels are missing": (uploaded(png(100, 100)), 422),
    "a PNG that grows": (uploaded(png(1000, 1001, zlib.compress(b"\0" * 3_004_001))), 413),
    "half a JPEG": (uploaded(picture("JPEG", (90, 90))[:300]), 422),
    "half a WebP": (uploaded(picture("WEBP", (90, 90))[:40]), 422),
    "a TIFF that points nowhere": (uploaded(b"II*\0\xff\xff\xff\x7f"), 422),
    "an upload of too many bytes": (uploaded(b"\0" * 70_000), 413),
    # Methods and names
    "another method": (("DELETE", "/items/images%2F07.png", None, {}), 405),
    "a method nobody knows": (("BREW", "/search", None, {}), 405),
    "TRACE": (("TRACE", "/", None, {}), 405),
    "a page of another asks whether it may": (
        ("OPTIONS", "/search", None, {"origin": "https://evil.example", "access-control-request-method": "POST"}),
        403,
    ),
    "a GET of what is posted": (got("/search?text=red"), 405),
    "a page of another server": (sent(b'{"text": "red"}', JSON | {"origin": "https://evil.example"}), 403),
    "a page of nobody": (sent(b'{"text": "red"}', JSON | {"origin": "null"}), 403),
    "a form of another server": (sent(b'{"text": "red"}', JSON | {"sec-fetch-site": "cross-site"}), 403),
    "another host": (("GET", "/about", None, {"host": "evil.example"}), 400),
    "another host with our port": (("GET", "/about", None, {"host": "evil.example:8000"}), 400),
    "a host that begins like ours": (("GET", "/about", None, {"host": "127.0.0.1.evil.example"}), 400),
    "a host with a user": (("GET", "/about", None, {"host": "127.0.0.1@evil.example"}), 400),
    "the address of another machine": (("GET", "/about", None, {"host": "192.168.0.1"}), 400),
    "an empty host": (("GET", "/about", None, {"host": ""}), 400),
    "a host told by a proxy": (("GET", "/about", None, {"host": "evil.example", "x-forwarded-host": "127.0.0.1"}), 400),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_hostile_request_gets_one_sentence(port, name, served):
    (method, target, body, headers), expected = TABLE[name]
    status, answered, content = ask(port, method, target, body, headers)
    said = json.loads(content)
    assert status == expected, said
    assert list(said) == ["error"]
    assert 10 < len(said["error"]) < 400
    assert "\n" not in said["error"]
    assert answered["content-type"] == "application/json"
    assert answered["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answered
    for leak in (b"Traceback", b"root:", b"site-packages", str(served.parent).encode(), SCRIPT.encode()):
        assert leak not in content, leak
    assert ask(port, "GET", "/healthz")[0] == 200


def test_there_are_sixty_of_them():
    assert len(TABLE) >= 60


@pytest.mark.parametrize(
    "text",
    [
        SCRIPT,
        "'; DROP TABLE items; --",
        "${7*7}{{7*7}}",
        "\0",
        "\u202e",
        "red\r\nSet-Cookie: a=b",
        "a" * 2000,
        "🚲" * 300,
    ],
)
def test_a_text_is_only_ever_a_text(port, text):
    status, answer = search(port, text=text)
    assert status == 200
    assert answer["query"] == text
    assert "set-cookie" not in ask(port, "POST", "/search", json.dumps({"text": text}).encode(), JSON)[1]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 600_000 + b"\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\0\0\0\0\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_the_connection(port, sent):
    found = raw(port, sent)
    assert found == b"" or found.startswith(b"HTTP/1.1 4"), found
    assert b"Traceback" not in found
    assert ask(port, "GET", "/healthz")[0] == 200


def test_a_chunked_body_without_end_is_cut(port):
    head = b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    found = raw(port, head + (b"400\r\n" + b" " * 1024 + b"\r\n") * 20)
    assert found == b"" or found.startswith(b"HTTP/1.1 413")


def test_a_proxy_in_front_is_not_believed(serve):
    """Whoever may say who asks has no limit."""
    with serve(rate=0.001, burst=3) as port:
        found = [ask(port, "GET", "/healthz", headers={"x-forwarded-for": f"10.0.0.{i}"})[0] for i in range(5)]
    assert found == [200, 200, 200, 429, 429]


def test_too_many_connections_are_refused_and_the_next_one_is_not(serve):
    with serve(connections=4) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        time.sleep(0.1)
        assert raw(port, b"").startswith(b"HTTP/1.1 503")
        for connection in held:
            connection.close()
        time.sleep(0.1)
        assert ask(port, "GET", "/healthz")[0] == 200


@pytest.mark.slow
def test_clients_that_drip_are_let_go(serve):
    with serve(header_seconds=0.5, body_seconds=0.5, idle_seconds=1) as port:
        head = b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n"

        def drip(first):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(first)
                connection.settimeout(0.1)
                while time.monotonic() - began < 8:
                    try:
                        if not (found := connection.recv(4096)):
                            break
                        # After an answer on a kept connection the next request drips as the first one. What comes
                        # may be the second piece of an answer.
                        assert not found.startswith(b"HTTP") or found.split()[1] in (b"408", b"200")
                    except TimeoutError:
                        try:
                            connection.sendall(b"x")
                        except OSError:
                            break
                    except OSError:
                        break
            return time.monotonic() - began

        whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with ThreadPoolExecutor(24) as pool:
            times = [pool.submit(drip, first) for first in [b"", b"GET /", head, head + b"\r\n{", whole] * 4]
            time.sleep(0.2)
            # While they drip, others are answered.
            assert search(port, text="red")[0] == 200
            assert max(x.result() for x in times) < 5


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_let_go(serve):
    with serve(write_seconds=0.5) as port:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", port))
        connection.settimeout(1)
        began, gone = time.monotonic(), False
        while not gone and time.monotonic() - began < 20:
            try:
                connection.sendall(b"GET /page.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)
            except TimeoutError:
                continue
            except OSError:
                gone = True
        assert gone
        connection.close()
        assert ask(port, "GET", "/healthz")[0] == 200
