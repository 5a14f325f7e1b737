"""Print the lowest version of everything that pyproject.toml asks for, as constraints of pip, for `make lowest`."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main() -> None:
    """One line a package. Two extras with different bounds for one give two lines, which pip refuses."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    bounds = {re.sub(r"\[.*\]", "", line).replace(">=", "==") for line in wanted if ">=" in line}
    print("\n".join(sorted(bounds)))


if __name__ == "__main__":
    main()
