"""One writer at a time: an advisory lock that the system drops when its holder dies."""

from __future__ import annotations

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
        import fcntl  # not on every platform, and readers do not need it

        with storage_errors(self._folder):
            # Descriptors are not inherited by child processes: a worker cannot keep the lock.
            file = os.open(self._folder / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(file, 32, 0).decode("ascii", errors="ignore").strip()
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
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
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
