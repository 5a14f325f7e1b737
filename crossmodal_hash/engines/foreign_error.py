"""What an error of a foreign library says, for a sentence of ours."""

from __future__ import annotations


def said(error: BaseException, most: int | None = None) -> str:
    r"""Its words on one line, or its kind if it has none.

    Args:
        error: of any kind.
        most: characters.

    Example:
        >>> said(ValueError("no\n such thing")), said(ValueError())
        ('no such thing', 'ValueError')
    """
    return " ".join(str(error).split())[:most] or type(error).__name__
