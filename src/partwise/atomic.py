"""Writing a file all at once or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(out: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``out`` when the block ends well, and vanishes if it does not.

    So ``out`` is the old file or all of the new one, also after a crash or a full disk. Raises
    OSError as writing does.
    """
    # os.open and not tempfile: an ordinary file, readable as the umask allows.
    temporary = out.parent / f".{out.name[:40]}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, out)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a small file as `replacing` does: readers never see half of it."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
