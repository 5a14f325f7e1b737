"""Pictures as bytes: figures as PNG and SVG, thumbnails as JPEG, each suitable for embedding in a page."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image

from crossmodal_hash.atomic import write_bytes
from crossmodal_hash.report.curves import INK, Picture

# Creator and date name a program and a moment; without them the same scores give the same bytes.
PLAIN = {"Creator": None, "Date": None, "Format": None, "Type": None}


def save_figures(folder: Path, pictures: list[Picture], *, ink: str = INK) -> list[str]:
    """Write every figure as PNG (white, 150 dots per inch) and SVG (transparent) into `folder`; returns the paths.

    `ink` is the color of text and axes of the SVG.
    """
    for picture in pictures:
        content = io.BytesIO()
        picture.figure().savefig(content, format="png", dpi=150, facecolor="white")
        write_bytes(folder / f"{picture.name}.png", content.getvalue())
        write_bytes(folder / f"{picture.name}.svg", svg(picture, ink=ink).encode())
    return [str(folder / f"{picture.name}.{suffix}") for picture in pictures for suffix in ("png", "svg")]


def svg(picture: Picture, *, ink: str = INK) -> str:
    """A figure as an SVG document, in which text remains text; `ink` is the color of text and axes."""
    import matplotlib

    content = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": picture.name}):
        picture.figure().savefig(content, format="svg", metadata=PLAIN)
    return content.getvalue().replace(INK, ink)


def inline_svg(picture: Picture) -> str:
    """A figure as an element of a page: in the page's text color, with unique ids."""
    text = svg(picture, ink="currentColor")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid=")([^"]+)"', rf'\g<1>{picture.name}-\g<2>"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{picture.name}-", text)
    return re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\g<1>" aria-hidden="true">', text, count=1)


def thumbnail(image: Image.Image, side: int) -> str:
    """A picture as a data address: JPEG, no side longer than `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=72, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
