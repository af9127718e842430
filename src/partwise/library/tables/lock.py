"""One writer at a time: an advisory lock that the system drops when its holder dies."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.library.stores.faults import storage_errors
from partwise.library.tables.disk import check_disk

FILE_NAME = "library.lock"


class Busy(PartwiseError):
    """Another process is writing."""


class WriterLock:
    """Context manager that holds ``library.lock``.

    Raises PartwiseError naming the other's pid, and where the disk lets no table be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def __enter__(self) -> WriterLock:
        with storage_errors(self._folder):
            # Descriptors are not inherited by child processes: a worker cannot keep the lock.
            file = os.open(self._folder / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            lock(file, wait=False)
        except OSError as error:
            holder = _holder(file)
            os.close(file)
            if not isinstance(error, BlockingIOError):
                raise PartwiseError(
                    f"the library at {self._folder} cannot be locked: {error.strerror}"
                ) from error
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise Busy(
                f"{who} is writing to the library at {self._folder}: wait until it has finished"
            ) from None
        self._file = file
        with storage_errors(self._folder):
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, f"{os.getpid()}\n".encode())
        try:
            check_disk(self._folder)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)  # and with it the lock; the file stays, removing it would race
            self._file = None


def lock(descriptor: int, *, wait: bool) -> None:
    """Lock an open file for this process alone, until it is closed.

    Raises BlockingIOError where another has it (after some seconds, if the system waits no longer),
    and OSError where its disk has no locks.
    """
    import portalocker  # readers do not need it

    flags = portalocker.LockFlags.EXCLUSIVE
    if not wait:
        flags |= portalocker.LockFlags.NON_BLOCKING
    try:
        portalocker.lock(descriptor, flags)
    except portalocker.AlreadyLocked as error:
        raise BlockingIOError(errno.EAGAIN, "another process has it") from error
    except portalocker.LockException as error:
        cause = error.__cause__ or error.__context__
        raise (cause if isinstance(cause, OSError) else OSError(errno.ENOLCK, str(error))) from None


def _holder(file: int) -> str:
    """What the one who has the lock wrote; nothing where a locked file cannot be read (Windows)."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        return os.read(file, 32).decode("ascii", errors="ignore").strip()
    except OSError:
        return ""
