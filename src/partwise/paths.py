"""Files: their names for people and for tables, what their content is called; and where the library
lives."""

from __future__ import annotations

import errno
import locale
import os
import stat
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from partwise.errors import PartwiseError

_URI = "file://"
_BLOCK = 1 << 20
# What a song on somebody's server is called in place of a path; ``Path`` makes one slash of two.
_ADDRESS = "subsonic:/"


def is_address(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bool:
    """Whether this is the address of a song on a server (``servers.address``), and no file.

    No absolute path begins like one. Such a song is there as long as the ledger says so.
    """
    return os.fsdecode(path).startswith(_ADDRESS)


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether a track's file is there now, as far as this machine can tell."""
    return is_address(path) or os.path.exists(path)


def _with_two_slashes(name: str) -> str:
    return f"{_ADDRESS}/{name.removeprefix(_ADDRESS).lstrip('/')}" if is_address(name) else name


def shown(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""A path as one line of valid text: bytes that are not UTF-8 and control characters are
    written as ``\xe9`` or ``\n``."""
    text = _with_two_slashes(os.fsencode(path).decode("utf-8", "backslashreplace"))
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def brief(text: str, most: int = 160) -> str:
    """A name from a tag for people: as ``shown``, but no tag fills a screen."""
    text = shown(text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."


def typed(text: str) -> str:
    """What was typed, of a terminal whose encoding is that of the locale or UTF-8."""
    for encoding in ("utf-8", locale.getencoding()):
        with suppress(UnicodeError):
            return os.fsencode(text).decode(encoding)
    return text


def path_to_text(path: str | bytes | os.PathLike[str]) -> str:
    """Any path as valid UTF-8 text; ``text_to_path`` gives it back byte for byte.

    Names whose bytes are UTF-8 stay as they are, whatever the locale says that they are. A name
    with other bytes (Latin-1 from an old disk, say) is written as a ``file://`` address with those
    bytes quoted. An absolute path never begins with ``file://``, so the two forms cannot be
    confused; a relative one that does is quoted too.
    """
    name = os.fsencode(path)
    with suppress(UnicodeDecodeError):
        text = name.decode("utf-8")
        if not text.startswith(_URI):
            return _with_two_slashes(text)
    return _URI + quote(name)


def text_to_path(text: str) -> str:
    """The operating system's path for a text made by ``path_to_text`` (usable with ``open``)."""
    if text.startswith(_URI):
        return os.fsdecode(unquote_to_bytes(text[len(_URI) :]))
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def absolute(path: str | os.PathLike[str]) -> str:
    """Absolute and normalised, with ``~`` expanded; symbolic links are kept as they are named.

    What is there in other letters alone is called as it is there: in another form of Unicode, and
    in capitals or small letters where the disk takes either. Addresses stay as they are.
    """
    if is_address(path):
        return path_to_text(path)
    found, *parts = Path(os.path.abspath(os.path.expanduser(os.fspath(path)))).parts
    for part in parts:
        found = os.path.join(found, _as_there(found, part))
    return found


def _as_there(folder: str, name: str) -> str:
    """What a folder itself calls the thing that it gives for a name; the name, if it has none."""

    def gives(other: str) -> bool:
        return os.path.lexists(os.path.join(folder, other))

    if not gives(name):
        return next(filter(gives, forms_of(name)), name)
    if not any(gives(other) for other in {name.swapcase(), *forms_of(name)} - {name}):
        return name  # one name alone leads there, so this is it; folders need not be listed
    with suppress(OSError):
        there = os.listdir(folder)
        if name not in there:
            return next((other for other in there if _folded(other) == _folded(name)), name)
    return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def forms_of(text: str) -> tuple[str, str]:
    """A text in both forms of Unicode: letters with their accents in one (NFC), and apart (NFD)."""
    return unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def is_under(path: str, folder: str) -> bool:
    """Whether an absolute path is ``folder`` itself or lies below it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def hash_content(path: str | os.PathLike[str]) -> str:
    """128-bit BLAKE2b of a file's bytes, 32 hexadecimal digits: what its track is called.

    Raises OSError for a file that cannot be read, or is not a regular one.
    """
    result = blake2b(digest_size=16)
    # Not blocking: opening a named pipe that took the file's place would wait for ever.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        while block := file.read(_BLOCK):
            result.update(block)
    return result.hexdigest()


def default_library() -> Path:
    """``PARTWISE_LIBRARY`` if set, else a folder where the platform keeps application data.

    Raises PartwiseError for a user without a home.
    """
    chosen = os.environ.get("PARTWISE_LIBRARY")
    if chosen:
        return Path(absolute(chosen))
    from platformdirs import user_data_path

    try:
        return user_data_path("partwise", appauthor=False) / "library"
    except RuntimeError:  # neither HOME nor an entry among the users
        raise PartwiseError(
            "there is no home folder to look for a library in: name one with --library, or set"
            " PARTWISE_LIBRARY"
        ) from None


def library_folder(option: str | os.PathLike[str] | None) -> Path:
    """The library's folder, from a ``--library`` option or the default."""
    return Path(absolute(option)) if option is not None else default_library()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file with an audio suffix. path : text, see ``path_to_text``."""

    path: str
    size: int
    mtime_ns: int
