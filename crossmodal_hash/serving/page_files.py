"""The page: three files of the package, read once."""

from __future__ import annotations

from importlib.resources import files

_TYPES = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Path on the server -> content and type; nothing else is a file of the page."""
    folder = files("crossmodal_hash.serving").joinpath("page")
    return {
        "/" if name == "index.html" else f"/{name}": (folder.joinpath(name).read_bytes(), f"{kind}; charset=utf-8")
        for name, kind in _TYPES.items()
    }
