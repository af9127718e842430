"""Failures of the disk under the library, each as one sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partwise.errors import PartwiseError

# The store is written in Rust: its errors carry the system's error as text, not as errno.
_FULL = ("no space left on device", "os error 28", "os error 122", "quota exceeded")
_READ_ONLY = ("read-only file system", "permission denied", "os error 13", "os error 30")


class Unavailable(PartwiseError):
    """The library cannot answer, whatever is asked (HTTP 503)."""

    status = 503


def gone(folder: object) -> Unavailable:
    """What to say of a library that was there a moment ago."""
    return Unavailable(f"the library at {folder} is not there any more: is its disk mounted?")


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write to the library into a PartwiseError that says what became of the data."""
    try:
        yield
    except PartwiseError:
        raise
    except Exception as error:
        if is_full_disk(error):
            raise PartwiseError(
                f"no space left on the disk that holds the library {folder};"
                " what was stored before is intact: free some space and run the same command again"
            ) from error
        if is_refused_write(error):
            raise PartwiseError(f"the library {folder} cannot be written: {error}") from error
        raise


def is_full_disk(error: Exception) -> bool:
    """Whether there is no room left, for everybody or for this user."""
    return _is(error, (errno.ENOSPC, errno.EDQUOT), _FULL)


def is_refused_write(error: Exception) -> bool:
    """Whether the system lets nobody, or not this user, at the files."""
    return _is(error, (errno.EACCES, errno.EPERM, errno.EROFS), _READ_ONLY)


def _is(error: Exception, numbers: tuple[int, ...], signs: tuple[str, ...]) -> bool:
    text = str(error).lower()
    number = error.errno if isinstance(error, OSError) else None
    return number in numbers or any(sign in text for sign in signs)
