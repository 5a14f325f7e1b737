"""How long `chash` takes to answer, beside an import of torch in the same run; prints one JSON line."""

from __future__ import annotations

import json
import subprocess
import sys
import time

RUNS = 5


def seconds(*command: str) -> float:
    """The fastest of some runs: the least disturbed."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    torch = seconds("-c", "import torch")
    answers = {name: seconds("-m", "crossmodal_hash", name) for name in ("--help", "list")}
    ratios = {f"torch / {name}": round(torch / value, 2) for name, value in answers.items()}
    times = {name: round(value, 3) for name, value in {**answers, "import torch": torch}.items()}
    print(json.dumps({"benchmark": "startup", "seconds": times, **ratios}))


if __name__ == "__main__":
    main()
