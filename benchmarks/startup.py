"""How long `chash` takes to answer, beside an import of torch in the same run; prints one JSON line.

    python benchmarks/startup.py
    python benchmarks/startup.py --run runs/first

With `--run` it also scores the codes of that run, which needs no torch either.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run folder with codes")
    run: Path | None = parser.parse_args().run
    torch = seconds("-c", "import torch")
    commands = {name: [name] for name in ("--help", "list")}
    if run is not None:
        commands["evaluate RUN"] = ["evaluate", str(run)]
    answers = {name: seconds("-m", "crossmodal_hash", *command) for name, command in commands.items()}
    ratios = {f"torch / {name}": round(torch / value, 2) for name, value in answers.items()}
    times = {name: round(value, 3) for name, value in {**answers, "import torch": torch}.items()}
    print(json.dumps({"benchmark": "startup", "seconds": times, **ratios}))


if __name__ == "__main__":
    main()
