"""Files that are whole or absent, and one sentence for a disk that is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partwise.errors import PartwiseError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name and rename it: readers never see half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


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
