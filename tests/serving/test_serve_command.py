"""`chash serve` from its start to its end."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from asking import ask, form, search
from PIL import Image

from crossmodal_hash.cli.main import main

ROOT = Path(__file__).parents[2]


def test_without_the_extra_it_says_what_to_install(served, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "uvicorn" else found(name, *a))
    assert main(["serve", str(served)]) == 2
    err = capsys.readouterr().err
    assert "pip install 'crossmodal-hash[serve]'" in err
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed; pip install numba")
def test_numba_is_imported_for_large_indexes_alone():
    code = """import sys
from crossmodal_hash.cli.serve import _compile
from crossmodal_hash.codes.nearest import SHARED
_compile(SHARED - 1)
assert "numba" not in sys.modules
_compile(SHARED)
assert "numba" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_what_cannot_be_served_is_refused_in_one_sentence(served, tmp_path, monkeypatch, capsys):
    from crossmodal_hash.codes import Codes, load, save

    codes = load(f"{served}/codes/image.safetensors")
    other = Codes(codes.packed, codes.bits, codes.ids, "image", fingerprint="0123456789abcdef")
    save(tmp_path / "other.safetensors", other)
    assert main(["index", "build", str(tmp_path / "other.safetensors"), "--out", str(tmp_path / "i"), "-q"]) == 0
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for argv, said in (
            (["serve"], "no run under"),
            (["serve", "nowhere"], "does not exist"),
            (["serve", str(served), "--port", str(port)], "choose another --port"),
            (["serve", str(served), "--host", "no such host"], "--host"),
            (["serve", str(served), "--host", "203.0.113.7", "--port", "0"], "cannot be had"),
            (["serve", str(served), "--port", "0", "--index", "nowhere"], "is not an index"),
            (["serve", str(served), "--port", "0", "--index", str(tmp_path / "i")], "encode both with one run"),
        ):
            capsys.readouterr()
            assert main(argv) == 2, argv
            err = capsys.readouterr().err
            assert said in err
            assert err.startswith("error: ")
            assert len(err.splitlines()) == 1


@pytest.fixture
def started(served, tmp_path):
    """A function: a process of the command, and its port."""
    processes = []

    def start(*options):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "CHASH_PLUGINS": "", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "crossmodal_hash", "serve", str(served), "--port", "0", *options]
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=(tmp_path / "err").open("w"), text=True, cwd=tmp_path
        )
        processes.append(process)
        address = process.stdout.readline().strip()
        return process, int(address.rstrip("/").rpartition(":")[2])

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_ends_it_after_the_requests_that_run(started, served, tmp_path):
    process, port = started("--host", "0.0.0.0")
    assert "without a password" in (tmp_path / "err").read_text()
    assert search(port, text="red")[0] == 200
    Image.new("RGB", (20, 20), "red").save(tmp_path / "p.png")
    body, headers = form([("picture", (tmp_path / "p.png").read_bytes())])
    found = []

    def slowly():
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            head = f"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {headers['content-type']}\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:50])
            time.sleep(1.2)
            connection.sendall(body[50:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
            found.append(answer)

    thread = threading.Thread(target=slowly)
    thread.start()
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.4)
    with pytest.raises(OSError, match=r"refused|reset"):
        ask(port, "GET", "/healthz")
    thread.join(20)
    assert process.wait(20) == 0
    assert found[0].startswith(b"HTTP/1.1 200")
    assert len(json.loads(found[0].partition(b"\r\n\r\n")[2])["results"]) == 10
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_ends_it_with_success_though_somebody_is_connected(tmp_path):
    code = """
from starlette.applications import Starlette
from crossmodal_hash.serving.server import Server, bind
with bind("127.0.0.1", 0) as bound:
    bound.listen()
    print(bound.getsockname()[1], flush=True)
    Server(Starlette()).run(sockets=[bound])
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        port = int(process.stdout.readline())
        assert ask(port, "GET", "/")[0] == 404
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert (out, err) == (b"", b"")
