"""Write docs/components.md from the registries; `--check` only says whether it is fresh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crossmodal_hash.components import KINDS
from crossmodal_hash.recipes import recipes
from crossmodal_hash.registry import parameters

PAGE = Path(__file__).parents[1] / "docs" / "components.md"
HEAD = """# Components

Everything that ships with the package, by kind. Made by `python tools/write_reference.py`; `chash info KIND NAME` shows
the whole documentation of one. Parameters are set in a recipe, or with `--set`, such as
`--set towers.image.fusion.rank=128`.
"""


def page() -> str:
    """The page as Markdown."""
    lines = [HEAD]
    for kind, registry in KINDS.items():
        lines += [f"## {kind}", "", "| name | what it is | parameters |", "|---|---|---|"]
        for found in registry.found():
            if found.name not in registry.builtin:
                continue
            known = parameters(registry.resolve(found.name))
            shown = ", ".join(f"`{name}={value!r}`" for name, value in known.items()) or "none"
            lines.append(f"| `{found.name}` | {found.summary()} | {shown} |")
        aliases = ", ".join(f"`{alias}` is `{name}`" for alias, name in registry.aliases.items())
        lines += ["", *([f"Other names: {aliases}.", ""] if aliases else [])]
    lines += ["## recipe", "", "| name | what it is |", "|---|---|"]
    for name, path in recipes().items():
        title = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("title"))
        lines.append(f"| `{name}` | {title.partition('=')[2].strip().strip(chr(34))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or check it; 1 if it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is fresh")
    text = page()
    if parser.parse_args().check:
        fresh = PAGE.exists() and PAGE.read_text("utf-8") == text
        print("fresh" if fresh else f"{PAGE.name} is stale: run python tools/write_reference.py")
        return 0 if fresh else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
