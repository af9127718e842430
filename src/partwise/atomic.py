"""Writing a file all at once or not at all, wherever its name leads."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

STDOUT = 1
_LINKS = 40  # followed one after another, as the system does
_SPOOLED_BYTES = 1 << 24
# What a disk says of which it cannot be asked that, rather than that it went wrong.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
# A name that no other can be moved onto: a file that is mounted alone (in a container, say), one of
# another user in a folder that is everybody's, or a disk that has no such move.
_NO_MOVE = (errno.EBUSY, errno.EPERM, errno.EXDEV, errno.EEXIST, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def replacing(out: Path) -> Iterator[BinaryIO]:
    """A file whose content becomes that of ``out`` when the block ends well, and else of nothing.

    So ``out`` is the old file or all of the new one, also after a crash or a full disk; it keeps
    its mode and owner. What other programs hold by another name, and what has no content of its
    own, is written to and never replaced: see ``followed`` for links and for ``-``; then hard
    links, pipes, devices. Raises OSError, naming ``out``, as writing does.
    """
    temporary = ""
    try:
        to = followed(out)
        former = _status(to)
        if isinstance(to, int) or (former and not _replaceable(to, former)):
            with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as spool:
                yield cast(BinaryIO, spool)
                spool.seek(0)
                _pour(cast(BinaryIO, spool), to)
            return
        # os.open and not tempfile: an ordinary file, readable as the umask allows.
        folder, name = os.path.split(to)
        temporary = os.path.join(folder, f".{name[:40]}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                sync(file)
            _move(temporary, to, former)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        if error.filename in (None, temporary):
            error.filename = os.fspath(out)
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a small file as `replacing` does: readers never see half of it."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def followed(out: str | os.PathLike[str]) -> str | int:
    """Where the links of ``out`` lead: a path that is no link, or the number of an open file.

    That is 1 for ``-``, for ``/dev/stdout`` and for links to it; what the shell makes of ``>(...)``
    has another. Raises OSError for links that lead in a circle.
    """
    path = os.fspath(out)
    if path == "-":
        return STDOUT
    open_files = os.path.realpath("/dev/fd")
    for _ in range(_LINKS):
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder or ".")
        if folder == open_files and name.isdigit():
            return int(name)
        path = os.path.join(folder, name)
        if not os.path.islink(path):
            return path
        path = os.path.join(folder, os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(out))


def is_stdout(out: str | os.PathLike[str]) -> bool:
    """Whether ``out`` is standard output. False where its links lead nowhere."""
    with suppress(OSError):
        return followed(out) == STDOUT
    return False


def is_plain(out: str | os.PathLike[str]) -> bool:
    """Whether ``out`` is, or will be, a regular file. False where its links lead nowhere."""
    with suppress(OSError):
        to = followed(out)
        former = _status(to)
        return not isinstance(to, int) and (former is None or stat.S_ISREG(former.st_mode))
    return False


def sync(file: IO[bytes]) -> None:
    """Have the disk take what was written, where it can be asked to."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _status(to: str | int) -> os.stat_result | None:
    try:
        return os.stat(to)
    except FileNotFoundError:
        return None


def _replaceable(to: str, former: os.stat_result) -> bool:
    """Whether another file can take its place and nobody sees a difference.

    Raises PermissionError for a file that must not be written, though its folder may be.
    """
    if not os.access(to, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), to)
    alone = stat.S_ISREG(former.st_mode) and former.st_nlink == 1
    return alone and os.access(os.path.dirname(to), os.W_OK)


def _move(temporary: str, to: str, former: os.stat_result | None) -> None:
    """Let a finished file take the place of another, with the other's owner and mode."""
    try:
        if former is not None:
            made = os.stat(temporary)
            owned = (made.st_uid, made.st_gid) == (former.st_uid, former.st_gid)
            if sys.platform != "win32" and not owned:
                os.chown(temporary, former.st_uid, former.st_gid)
            os.chmod(temporary, stat.S_IMODE(former.st_mode))
        os.replace(temporary, to)
    except OSError as error:
        if former is None or error.errno not in _NO_MOVE:
            raise
        with open(temporary, "rb") as file:
            _pour(file, to)
        os.unlink(temporary)


def _pour(content: BinaryIO, to: str | int) -> None:
    """Write into what is there."""
    if to == STDOUT:  # behind what was printed, and before what will be
        sys.stdout.flush()
        shutil.copyfileobj(content, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with open(to, "wb", closefd=not isinstance(to, int)) as file:
        shutil.copyfileobj(content, file)
        file.flush()
