"""Standard streams that are pipes or files are UTF-8, as every file of the package is."""

from __future__ import annotations

import io
import os
import sys


def use_utf8() -> None:
    """Read and write UTF-8, but on a terminal, which says itself what it takes, and where PYTHONIOENCODING is set.

    Windows would take the code page of the country, by which most letters cannot be written, and are read as others.
    """
    if os.environ.get("PYTHONIOENCODING"):
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        # What is not UTF-8 is refused, as in a file; a mark at the beginning is no letter.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
