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


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write to the library into a PartwiseError that says what became of the data."""
    try:
        yield
    except PartwiseError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        text = str(error).lower()
        if number in (errno.ENOSPC, errno.EDQUOT) or any(sign in text for sign in _FULL):
            raise PartwiseError(
                f"no space left on the disk that holds the library {folder};"
                " what was stored before is intact: free some space and run the same command again"
            ) from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS) or any(s in text for s in _READ_ONLY):
            raise PartwiseError(f"the library {folder} cannot be written: {error}") from error
        raise
