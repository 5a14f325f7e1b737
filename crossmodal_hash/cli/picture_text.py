"""A picture as colored characters, for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from rich.text import Text

WIDTH, LINES = 20, 8
"""Characters in a line, and lines, at most."""
HALF = "▀"


def picture_text(picture: Image.Image) -> Text:
    """Every character shows two pixels: its upper half in its own color, the other in that of what lies behind it.

    Example:
        >>> from PIL import Image
        >>> shown = picture_text(Image.new("RGB", (400, 200), "red"))
        >>> [len(line) for line in shown.plain.splitlines()], str(shown.spans[0].style)
        ([20, 20, 20, 20, 20], '#ff0000 on #ff0000')
    """
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    small = picture.convert("RGB")
    small.thumbnail((WIDTH, 2 * LINES))
    width, height = small.size
    shown = Text(no_wrap=True)
    for y in range(0, height, 2):
        for x in range(width):
            upper, lower = small.getpixel((x, y)), small.getpixel((x, min(y + 1, height - 1)))
            shown.append(HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))  # type: ignore[misc]
        shown.append("\n")
    shown.rstrip()
    return shown
