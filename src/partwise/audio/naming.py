"""File names for people."""

from __future__ import annotations

import os


def path_text(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""A path as one line of valid text: bytes that are not UTF-8 and control characters are
    written as ``\xe9`` or ``\n``."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
