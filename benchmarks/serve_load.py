"""How fast `chash serve` answers: many clients at once, then one alone.

    python benchmarks/serve_load.py RUN [--requests 1000] [--clients 16]

Starts the server of a run on a free port, asks for texts made of words of its items (every text is another one, so that
nothing can be remembered), and prints errors, p50, p95 and the processor time of the server for each request, which
other programs on the machine change least. Every client has a connection of its own, which is kept.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

WARM = 32


@contextmanager
def server(run: Path) -> Iterator[int]:
    """The port of a server of the run."""
    command = [sys.executable, "-m", "crossmodal_hash", "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        try:
            yield int(address.strip().rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()


def words_of(port: int) -> list[str]:
    """Words of the items that the server shows first, and of its labels."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/about")
    about = json.loads(connection.getresponse().read())
    connection.close()
    return sorted({word for item in about["examples"] for word in (item["text"] or "").split()} | set(about["labels"]))


def ask(port: int, texts: list[str], times: list[float], errors: list[str]) -> None:
    """One client: each text in turn; seconds of each, and what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for text in texts:
        body = json.dumps({"text": text, "k": 10})
        began = time.perf_counter()
        try:
            connection.request("POST", "/search", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            if answer.status != 200:
                errors.append(f"{answer.status} {found['error']}")
            elif len(found["results"]) != 10:
                errors.append(f"{len(found['results'])} results")
        except (OSError, http.client.HTTPException, ValueError) as error:
            errors.append(repr(error))
            connection.close()
        times.append(time.perf_counter() - began)
    connection.close()


def processor(port: int) -> float:
    """Seconds of processor time that the server has taken so far; NaN where the system does not tell."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    said = connection.getresponse().read().decode()
    connection.close()
    found = [line.split()[1] for line in said.splitlines() if line.startswith("process_cpu_seconds_total ")]
    return float(found[0]) if found else float("nan")


def load(port: int, texts: list[str], clients: int) -> None:
    """Ask by so many clients at once, and print a line."""
    times: list[float] = []
    errors: list[str] = []
    threads = [
        threading.Thread(target=ask, args=(port, texts[first::clients], times, errors)) for first in range(clients)
    ]
    before, began = processor(port), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    each = 1000 * (processor(port) - before) / len(times)
    p50, p95 = np.percentile(1000 * np.array(times), [50, 95])
    print(
        f"{clients} clients\t{len(times)} requests\t{len(errors)} errors\t{len(times) / seconds:.0f} a second"
        f"\tp50 {p50:.1f} ms\tp95 {p95:.1f} ms\t{each:.1f} ms of processor time each"
    )
    for error in sorted(set(errors))[:5]:
        print(f"  {error}")


def main() -> None:
    """Start, warm up, ask by many, ask by one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    given = parser.parse_args()
    draw = random.Random(0)
    with server(given.run) as port:
        words = words_of(port)
        texts = [" ".join(draw.choices(words, k=4)) for _ in range(WARM + 2 * given.requests)]
        ask(port, texts[:WARM], [], [])
        load(port, texts[WARM : WARM + given.requests], given.clients)
        load(port, texts[WARM + given.requests :], 1)


if __name__ == "__main__":
    main()
