"""Run the blocks of a page of documentation in the folder it is started in, in their order: bash and Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def main() -> int:
    """Run every block of the page named; the first that fails ends it."""
    (page,) = map(Path, sys.argv[1:])
    for language, text in BLOCK.findall(page.read_text("utf-8")):
        command = {"bash": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}
        command["py"] = command["python"]
        if language in command:
            print(f"--- {language}\n{text}", flush=True)
            subprocess.run(command[language], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
