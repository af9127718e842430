"""Where the library lives, and how any file name becomes text that a table can hold."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from partwise.audio.naming import path_text

_URI = "file://"
# Both ways of writing a path stand here: for people, and (below) for tables.
shown = path_text


def path_to_text(path: str | bytes | os.PathLike[str]) -> str:
    """Any path as valid UTF-8 text; ``text_to_path`` gives it back byte for byte.

    Names that are valid text stay as they are. A name with other bytes (Latin-1 from an old disk,
    say) is written as a ``file://`` address with those bytes quoted. An absolute path never begins
    with ``file://``, so the two forms cannot be confused; a relative one that does is quoted too.
    """
    name = os.fsdecode(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return _URI + quote(os.fsencode(name))
    if name.startswith(_URI):
        return _URI + quote(os.fsencode(name))
    return name


def text_to_path(text: str) -> str:
    """The operating system's path for a text made by ``path_to_text`` (usable with ``open``)."""
    if text.startswith(_URI):
        return os.fsdecode(unquote_to_bytes(text[len(_URI) :]))
    return text


def absolute(path: str | os.PathLike[str]) -> str:
    """Absolute and normalised, with ``~`` expanded; symbolic links are kept as they are named."""
    return os.path.abspath(os.path.expanduser(os.fspath(path)))


def is_under(path: str, folder: str) -> bool:
    """Whether an absolute path is ``folder`` itself or lies below it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def default_library() -> Path:
    """``PARTWISE_LIBRARY`` if set, else a folder where the platform keeps application data."""
    chosen = os.environ.get("PARTWISE_LIBRARY")
    if chosen:
        return Path(absolute(chosen))
    from platformdirs import user_data_path

    return user_data_path("partwise", appauthor=False) / "library"


def library_folder(option: str | os.PathLike[str] | None) -> Path:
    """The library's folder, from a ``--library`` option or the default."""
    return Path(absolute(option)) if option is not None else default_library()
