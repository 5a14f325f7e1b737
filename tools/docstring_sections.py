"""For the page made from docstrings: one example is a section, too.

The parser of Google's style knows `Examples:` alone; it takes `Example:` for a note in Markdown, where `>>>` is a
quotation in a quotation.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class OneExample(griffe.Extension):
    """Reads `Example:` as a section `Examples:` with its own title."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called once for each object, before its docstring is parsed."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples: Example:", obj.docstring.value, flags=re.MULTILINE)
