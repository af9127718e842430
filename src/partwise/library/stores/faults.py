"""Failures of the disk and of the tables under the library, each as one sentence.

LanceDB is written in Rust: a damaged file surfaces as ValueError, RuntimeError, OSError or a panic,
from whichever call happens to need it, with a message for its own programmers. ``Guarded`` stands
before a table, and before the queries that the table makes, and names the table and the remedy.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError

# The store is written in Rust: its errors carry the system's error as text, not as errno.
_FULL = ("no space left on device", "os error 28", "os error 122", "quota exceeded")
_READ_ONLY = ("read-only file system", "os error 30")
_REFUSED = ("permission denied", "os error 13", "operation not permitted")
# What its "unable to rename" ends with where a disk has no hard links.
_NO_LINKS = re.compile(r"unable to rename file.*\(os error (1|22|31|38|45|95)\)", re.DOTALL)


class Unavailable(PartwiseError):
    """The library cannot answer, whatever is asked (HTTP 503)."""

    status = 503


def no_links(folder: object) -> PartwiseError:
    """What to say of a disk on which no table can be written: see ``tables.disk``."""
    return PartwiseError(
        f"the disk with {folder} cannot hold a library that is written to, only one that is"
        " searched: it lacks hard links or atomic renaming, as exFAT, FAT and many network drives"
        " do; the music may stay there: name a folder on another disk with --library"
    )


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
        if lacks_links(error):
            raise no_links(folder) from error
        if is_refused_write(error):
            raise PartwiseError(f"the library {folder} cannot be written: {error}") from error
        raise


def is_full_disk(error: Exception) -> bool:
    """Whether there is no room left, for everybody or for this user."""
    return _is(error, (errno.ENOSPC, errno.EDQUOT), _FULL)


def is_refused_write(error: Exception) -> bool:
    """Whether the system lets nobody, or not this user, at the files."""
    return is_read_only(error) or _is(error, (errno.EACCES, errno.EPERM), _REFUSED)


def is_read_only(error: Exception) -> bool:
    """Whether nobody can write to the disk."""
    return _is(error, (errno.EROFS,), _READ_ONLY)


def is_gone(error: Exception) -> bool:
    """Whether the folder, or the disk below it, is not there any more."""
    return _is(error, (errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.ENODEV), ())


def lacks_links(error: Exception) -> bool:
    """Whether the store failed because the disk has no hard links."""
    return bool(_NO_LINKS.search(str(error).lower()))


def _is(error: Exception, numbers: tuple[int, ...], signs: tuple[str, ...]) -> bool:
    text = str(error).lower()
    number = error.errno if isinstance(error, OSError) else None
    return number in numbers or any(sign in text for sign in signs)


# Mistakes of the caller, which no repair would mend.
_OURS = (TypeError, AttributeError, NotImplementedError, PartwiseError)
# May be done twice.
_READS = frozenset({"to_arrow", "to_batches", "count_rows", "list_indices", "index_stats"})


class DamagedTable(Unavailable):
    """A table of the library that cannot be read. table : its name."""

    def __init__(self, place: str, table: str, cause: str) -> None:
        super().__init__(
            f"the table {table!r} of the library at {place} cannot be read: {cause};"
            " `partwise check --repair` mends it"
        )
        self.table = table
        self.cause = cause


class Guarded:
    """Passes everything on to ``wrapped``: a LanceDB ``table``, or a query or merge of it.

    A reader holds a version of the table for some seconds. Should a writer have forgotten that
    version meanwhile, because its clock jumped or the reader was suspended, the newest is read.
    """

    __slots__ = ("_name", "_place", "_table", "_wrapped")

    def __init__(self, wrapped: Any, table: Any, place: str, name: str) -> None:
        self._wrapped = wrapped
        self._table = table
        self._place = place
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        try:
            value = getattr(self._wrapped, attribute)  # properties such as version read the disk
        except Exception as error:
            raise translated(error, self._place, self._name) from error
        return self._calling(value) if callable(value) else value

    def _calling(self, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                try:
                    result = function(*arguments, **options)
                except Exception as error:
                    if function.__name__ not in _READS or not self._newer_version(error):
                        raise
                    result = function(*arguments, **options)
            except Exception as error:
                raise translated(error, self._place, self._name) from error
            if hasattr(result, "read_next_batch"):
                return self._batches(result, lambda: function(*arguments, **options))
            if type(result).__name__.endswith("Builder"):  # a query or merge: it reads later
                return Guarded(result, self._table, self._place, self._name)
            return result

        return call

    def _batches(self, reader: Any, again: Callable[[], Any]) -> Iterator[Any]:
        begun = False
        try:
            try:
                for batch in reader:
                    begun = True
                    yield batch
            except Exception as error:
                if begun or not self._newer_version(error):
                    raise
                yield from again()
        except Exception as error:
            raise translated(error, self._place, self._name) from error

    def _newer_version(self, error: Exception) -> bool:
        """Whether a file was missing, and the table has been opened at its newest version."""
        if "not found" not in str(error).lower():
            return False
        self._table.checkout_latest()
        return True


def open_guarded(connection: Any, place: str, name: str) -> Guarded:
    """An open table of a LanceDB connection to ``place``. Raises PartwiseError."""
    try:
        table = connection.open_table(name)
    except Exception as error:
        raise translated(error, place, name) from error
    return guard(table, place, name)


def guard(table: Any, place: str, name: str) -> Guarded:
    """The table, guarded. Raises PartwiseError for one that cannot be read at all."""
    guarded = Guarded(table, table, place, name)
    if guarded.version < 1:  # a manifest full of zeros passes for a table without rows
        raise DamagedTable(place, name, "its newest version is full of zeros")
    return guarded


def translated(error: Exception, place: str, table: str) -> Exception:
    """What to raise instead of LanceDB's ``error``. place : a folder, or a bucket's URI."""
    if isinstance(error, _OURS) or is_full_disk(error):
        return error
    if "://" in place:
        return PartwiseError(f"the store {place} cannot be used: {cause_of(error)}")
    if not os.path.isdir(place) or not os.path.exists(os.path.join(place, "library.json")):
        return gone(place)  # or a run that goes on writing has made parts of the folder anew
    if lacks_links(error):
        return no_links(place)
    if is_refused_write(error):
        return PartwiseError(f"the library {place} cannot be read or written: {cause_of(error)}")
    return DamagedTable(place, table, cause_of(error))


def cause_of(error: BaseException) -> str:
    """The telling part of LanceDB's message: one line, no source locations of its own."""
    lines = str(error).splitlines()
    line = " ".join(lines[0].split()) if lines else type(error).__name__
    for prefix in ("lance error: ", "Invalid input, "):
        line = line.removeprefix(prefix)
    line = line.split(", /root/")[0].split(", src/")[0]
    return line if len(line) <= 200 else line[:200].rstrip() + " …"
