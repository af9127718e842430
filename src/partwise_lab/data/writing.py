"""One sentence for a disk that is full."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partwise.errors import PartwiseError


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Turn a full disk into a PartwiseError: what is done stays, and running again goes on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PartwiseError(
            f"no space left on the disk of {folder}: free some and run again, it goes on from here"
        ) from None
