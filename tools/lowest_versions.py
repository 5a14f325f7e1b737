"""Print the lowest versions that pyproject.toml allows, as constraints of pip, for `make lowest` and `.ci/run`."""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main() -> None:
    """One line a package, of the groups that are named (`dependencies` or an extra), or of all.

    Two groups with different bounds for one package give two lines, which pip refuses.
    """
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    groups = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    wanted = chain.from_iterable(groups[name] for name in sys.argv[1:] or groups)
    bounds = {re.sub(r"\[.*\]", "", line).replace(">=", "==") for line in wanted if ">=" in line}
    print("\n".join(sorted(bounds)))


if __name__ == "__main__":
    main()
