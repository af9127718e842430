"""A LanceDB table whose failures are sentences.

LanceDB is written in Rust: a damaged file surfaces as ValueError, RuntimeError, OSError or a panic,
from whichever call happens to need it, with a message for its own programmers. ``Guarded`` stands
before a table, and before the queries that the table makes, and names the table and the remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from partwise.errors import PartwiseError
from partwise.library.faults import is_full_disk, is_refused_write

# Mistakes of the caller, which no repair would mend.
_OURS = (TypeError, AttributeError, NotImplementedError, PartwiseError)


class DamagedTable(PartwiseError):
    """A table of the library that cannot be read (HTTP 503). table : its name."""

    status = 503

    def __init__(self, place: str, table: str, cause: str) -> None:
        super().__init__(
            f"the table {table!r} of the library at {place} cannot be read: {cause};"
            " `partwise check --repair` mends it"
        )
        self.table = table
        self.cause = cause


class Guarded:
    """Passes everything on to ``wrapped``, an object of LanceDB, and translates what it raises."""

    __slots__ = ("_name", "_place", "_wrapped")

    def __init__(self, wrapped: Any, place: str, name: str) -> None:
        self._wrapped = wrapped
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
                return self._guarding(function(*arguments, **options))
            except Exception as error:
                raise translated(error, self._place, self._name) from error

        return call

    def _guarding(self, result: Any) -> Any:
        if hasattr(result, "read_next_batch"):
            return self._batches(result)
        if type(result).__name__.endswith("Builder"):
            return Guarded(result, self._place, self._name)  # a query or merge: it reads later
        return result

    def _batches(self, reader: Any) -> Iterator[Any]:
        try:
            yield from reader
        except Exception as error:
            raise translated(error, self._place, self._name) from error


def open_guarded(connection: Any, place: str, name: str) -> Guarded:
    """An open table of a LanceDB connection to ``place``. Raises PartwiseError."""
    try:
        table = connection.open_table(name)
    except Exception as error:
        raise translated(error, place, name) from error
    return guard(table, place, name)


def guard(table: Any, place: str, name: str) -> Guarded:
    """The table, guarded. Raises PartwiseError for one that cannot be read at all."""
    guarded = Guarded(table, place, name)
    if guarded.version < 1:  # a manifest full of zeros passes for a table without rows
        raise DamagedTable(place, name, "its newest version is full of zeros")
    return guarded


def translated(error: Exception, place: str, table: str) -> Exception:
    """What to raise instead of LanceDB's ``error``. place : a folder, or a bucket's URI."""
    if isinstance(error, _OURS) or is_full_disk(error):
        return error
    if "://" in place:
        return PartwiseError(f"the store {place} cannot be used: {cause_of(error)}")
    if not os.path.isdir(place):
        return PartwiseError(f"the library at {place} is not there any more: is its disk mounted?")
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
