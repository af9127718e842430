"""Folders of the server's machine to choose from: those that it may index, and no others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from partwise.audio.types import is_audio_name
from partwise.errors import PartwiseError
from partwise.library.index.aside import is_left_out
from partwise.paths import absolute, is_under, path_to_text, shown, text_to_path
from partwise.web.responses import Refused


def allowed(folder: str, music: Sequence[Path] | None) -> str:
    """The absolute path of a folder, as text or as a person writes it.

    music : folders inside which it must lie, wherever links lead; None for any. Raises Refused.
    """
    path = absolute(text_to_path(folder))
    if music is not None:
        real = os.path.realpath(path)
        if not any(is_under(real, os.path.realpath(inside)) for inside in music):
            raise Refused(403, f"{shown(folder)} is not inside a folder that may be indexed")
    return path


def browse(
    folder: str,
    music: Sequence[Path] | None,
    library: Path,
    text: str = "",
    limit: int = 200,
    offset: int = 0,
) -> dict[str, Any]:
    """See ``schemas.Browsed``. Hidden folders, bins and the library itself are left out.

    folder : as text (``paths.path_to_text``); empty for where to begin: the folders of ``music``,
    or the home of whoever runs the server. text : only names that hold it.

    Raises Refused outside ``music``, PartwiseError for what is no folder or cannot be read.
    """
    if not folder and music is not None:
        return _answer("", None, sorted(map(str, music)), 0, text, limit, offset, whole=True)
    path = allowed(folder, music) if folder else _home()
    if not os.path.isdir(path):
        raise PartwiseError(f"there is no folder {shown(path)} on the server's machine")
    found, recordings = [], 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if _is_open(entry, music, library):
                    found.append(entry.path)
                elif is_audio_name(entry.name):
                    recordings += 1
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PartwiseError(f"{shown(path)} cannot be read: {reason}") from None
    return _answer(path, _parent(path, music), found, recordings, text, limit, offset)


def _answer(
    path: str,
    parent: str | None,
    folders: Sequence[str],
    recordings: int,
    text: str,
    limit: int,
    offset: int,
    whole: bool = False,
) -> dict[str, Any]:
    rows = [(shown(one if whole else os.path.basename(one)), one) for one in folders]
    sought = text.strip().casefold()
    rows = sorted((row for row in rows if sought in row[0].casefold()), key=_by_name)
    return {
        "path": _text(path) if path else "",
        "name": shown(path),
        "parent": parent,
        "recordings": recordings,
        "total": len(rows),
        "folders": [{"name": name, "path": _text(one)} for name, one in rows[offset:][:limit]],
    }


def _by_name(row: tuple[str, str]) -> tuple[str, str]:
    return row[0].casefold(), row[1]


def _is_open(entry: os.DirEntry[str], music: Sequence[Path] | None, library: Path) -> bool:
    """Whether a folder may be entered. A link must not lead outside."""
    if entry.name.startswith(".") or is_left_out(entry.name):
        return False
    try:
        if not entry.is_dir():
            return False
        if entry.is_symlink() and music is not None:
            allowed(path_to_text(entry.path), music)
    except (OSError, Refused):
        return False
    return entry.path != str(library)


def _parent(path: str, music: Sequence[Path] | None) -> str | None:
    """The folder above, "" for the list of those that may be indexed; None at the top."""
    above = os.path.dirname(path)
    if above == path:
        return None
    if music is None:
        return _text(above)
    try:
        return _text(allowed(path_to_text(above), music))
    except Refused:
        return ""


def _text(path: str) -> str:
    """A path as text without control characters, which requests do not take."""
    text = path_to_text(path)
    if text.isprintable():
        return text
    return Path(path).as_uri()


def _home() -> str:
    home = os.path.expanduser("~")
    return home if os.path.isdir(home) else os.sep
