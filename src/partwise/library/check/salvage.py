"""Damaged LanceDB tables of the library's folder: finding them, and saving what can be read.

A table is a folder: ``data`` (rows, written once and never changed), ``_versions`` (which data
files make up each version), ``_deletions``, ``_indices`` and ``_transactions``. Of a damaged table
this is tried in turn: an older version that has as many rows and reads whole; the rows that can be
read, copied range by range into a new table; an empty table. The new table is made in the folder
``salvage`` and put in place by renaming, and ``finish_salvage`` goes on where a killed repair
stopped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.faults import cause_of
from partwise.library.stores.lance import PATTERN
from partwise.library.stores.precision import decoded
from partwise.library.stores.rows import pattern_of, vectors_of

if TYPE_CHECKING:
    import pyarrow as pa

SALVAGE = "salvage"
_BATCH_ROWS = 16_384
# What cannot be read is narrowed down to this share of a table, or to single rows of a small one.
_FINEST_SHARE = 8192
_MAGIC = b"LANC"
# A version's file is called after 2^64 - 1 less its number, so that the newest comes first.
_NEWEST = 2**64 - 1
_HINT = "latest_version_hint.json"  # written after each commit

Rows = Callable[[int], None]


@dataclass(frozen=True)
class Damage:
    """What is wrong with a table. file : the damaged one, relative to the library, if known."""

    table: str
    cause: str
    file: str | None

    def __str__(self) -> str:
        where = f" (damaged file: {self.file})" if self.file else ""
        return f"the table {self.table} cannot be read whole: {self.cause}{where}"


def examine(folder: Path, name: str, tell: Rows = lambda _: None) -> Damage | None:
    """Open a table anew and read every column of every row; None when that succeeds.

    tell : called with the number of rows read so far. Raises PartwiseError for a folder that
    cannot be read at all (permissions, a disk that is gone): that is no damage.
    """
    home = folder / f"{name}.lance"
    if not home.is_dir():
        return Damage(name, "it is missing", None)
    check_access(home)
    try:
        table = _open(folder, name)
        expected = _newest_version(home)
        if expected is not None and table.version != expected:
            return Damage(name, "its newest version is damaged", _newest_file(folder, home))
        if expected is not None and _hinted_version(home) > expected:
            return Damage(name, f"its version {_hinted_version(home)} is missing", None)
        done = 0
        for batch in _all_columns(table).to_batches(_BATCH_ROWS):
            batch.validate(full=True)
            if not _patterns_right(batch):
                return Damage(name, "its column of parts is not that of its vectors", None)
            if batch.column(0).null_count:
                return Damage(name, f"it has rows without {batch.schema.names[0]}", None)
            done += batch.num_rows
            tell(done)
        if done != table.count_rows():
            return Damage(name, f"{table.count_rows()} rows are promised and {done} there", None)
    except Exception as error:  # whatever LanceDB raises, panics included
        check_access(home)
        return Damage(name, cause_of(error), _culprit(folder, home, str(error)))
    return None


def check_access(home: Path) -> None:
    """Raise PartwiseError when the system does not let us read a table's files."""
    for path in (home, *home.rglob("*")):
        if not os.access(path, os.R_OK):
            raise PartwiseError(f"{path} cannot be read: permission denied")


def mend(folder: Path, name: str, schema: pa.Schema, effort: str = "all") -> str:
    """Make a damaged table whole; returns a clause that says how, and what was lost.

    schema : of its rows. effort : "all"; "versions" looks at whole versions only, "nothing" reads
    nothing at all. The caller holds the writer lock.
    """
    home = folder / f"{name}.lance"
    if effort == "nothing":
        _copy_readable(folder, name, None, 0, schema)
        _put_in_place(folder, name)
        return "began it anew: no row could be read"
    removed = _roll_back(folder, name)
    try:
        table = _open(folder, name)
        rows = table.count_rows()
        _check_schema(table.schema, schema)
    except Exception:
        table, rows = None, 0
    if table is not None and removed and examine(folder, name) is None:
        return f"went back to the newest version that opens, of {rows} rows"
    if table is not None:
        older = _whole_older_version(folder, name, rows)
        if older is not None:
            return f"went back to an older version with all {rows} rows"
    if effort == "versions":
        table = None
    saved = _copy_readable(folder, name, table, rows, schema)
    _put_in_place(folder, name)
    if not home.is_dir():
        raise PartwiseError(f"the table {name} at {folder} could not be made anew")
    if saved == 0:
        return "began it anew: no row could be read"
    return f"saved {saved} of {rows} rows into a new table"


def finish_salvage(folder: Path) -> list[str]:
    """Put finished tables of a killed repair in place; names of what was left of it."""
    salvage = folder / SALVAGE
    if not salvage.is_dir():
        return []
    done = sorted(path.stem for path in (salvage / "done").glob("*.lance"))
    for name in done:
        if not (folder / f"{name}.lance").is_dir():
            os.replace(salvage / "done" / f"{name}.lance", folder / f"{name}.lance")
    shutil.rmtree(salvage)
    return done


def schema_of(folder: Path, name: str) -> pa.Schema | None:
    """The schema of a table as it is stored; None when it does not open."""
    try:
        return _open(folder, name).schema
    except Exception:  # whatever LanceDB raises: nothing can be learnt here
        return None


def drop_index(folder: Path, name: str) -> None:
    """Remove the indexes of a table, however broken they are. The caller holds the writer lock."""
    table = _open(folder, name)
    for index in table.list_indices():
        table.drop_index(index.name)


def _patterns_right(batch: pa.RecordBatch) -> bool:
    """Whether the parts that are noted for each row are those that its vector has."""
    if PATTERN not in batch.schema.names:
        return True
    import pyarrow as pa

    rows = pa.Table.from_batches([batch])
    if rows.column("vector").null_count or rows.column(PATTERN).null_count:
        return False
    noted = rows.column(PATTERN).to_numpy().astype(np.uint8)
    return np.array_equal(noted, pattern_of(vectors_of(decoded(rows))))


def _all_columns(table: Any) -> Any:
    """A query of every row. The columns are named: what names a row comes first."""
    return table.search().select(list(table.schema.names))


def _open(folder: Path, name: str) -> Any:
    """A connection of its own: what another one remembers of the files must not count."""
    import lancedb

    return lancedb.connect(str(folder)).open_table(name)


def _versions(home: Path) -> list[tuple[int, Path]]:
    """Versions and their files, newest first."""
    found = []
    for path in (home / "_versions").glob("*.manifest"):
        if path.stem.isdigit():
            number = int(path.stem)
            found.append((_NEWEST - number if number > _NEWEST // 2 else number, path))
    return sorted(found, reverse=True)


def _newest_version(home: Path) -> int | None:
    versions = _versions(home)
    return versions[0][0] if versions else None


def _hinted_version(home: Path) -> int:
    """The version that the table says is the newest; 0 when it says nothing."""
    try:
        return int(json.loads((home / "_versions" / _HINT).read_bytes())["version"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def _newest_file(folder: Path, home: Path) -> str | None:
    versions = _versions(home)
    return str(versions[0][1].relative_to(folder)) if versions else None


def _culprit(folder: Path, home: Path, message: str) -> str | None:
    """The damaged file: the one that the message names, else one that is no Lance file at all."""
    for name in re.findall(r"[\w-]+\.(?:lance|manifest|arrow|bin|idx)\b", message):
        for path in home.rglob(name):
            return str(path.relative_to(folder))
        if name.removesuffix(".lance") != home.stem:
            return f"{home.name}/data/{name}, which is missing"
    files = sorted((home / "data").glob("*.lance"))
    for path in files:
        if not _ends_well(path):
            return str(path.relative_to(folder))
    if not _opens(folder, home.stem):
        return _newest_file(folder, home)
    return str(files[0].relative_to(folder)) if len(files) == 1 else None


def _opens(folder: Path, name: str) -> bool:
    try:
        _open(folder, name).count_rows()
    except Exception:
        return False
    return True


def _ends_well(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            file.seek(-len(_MAGIC), os.SEEK_END)
            return file.read() == _MAGIC
    except OSError:
        return False


def _roll_back(folder: Path, name: str) -> int:
    """Remove newest versions that do not open, but for the last; how many were removed."""
    home = folder / f"{name}.lance"
    hint = home / "_versions" / _HINT
    removed = 0
    if _hinted_version(home) > (_newest_version(home) or 0):
        hint.unlink()
        removed = 1
    while len(versions := _versions(home)) > 1:
        number, path = versions[0]
        try:
            table = _open(folder, name)
            table.count_rows()
            if table.version == number:
                break
        except Exception:  # whatever LanceDB raises: this version is of no use
            pass
        os.unlink(path)
        hint.unlink(missing_ok=True)
        removed += 1
    return removed


def _whole_older_version(folder: Path, name: str, rows: int) -> int | None:
    """Restore the newest older version with as many rows that reads whole; its number or None."""
    for number, _ in _versions(folder / f"{name}.lance")[1:]:
        try:
            table = _open(folder, name)
            table.checkout(number)
            if table.count_rows() < rows:
                continue
            for batch in table.search().to_batches(_BATCH_ROWS):
                batch.validate(full=True)
            table.restore()
        except Exception:
            continue
        if examine(folder, name) is None:
            return number
    return None


def _copy_readable(folder: Path, name: str, table: Any, rows: int, schema: pa.Schema) -> int:
    """Copy what can be read into ``salvage/done``; returns how many rows that are."""
    import lancedb

    salvage = folder / SALVAGE
    shutil.rmtree(salvage / "new", ignore_errors=True)
    (salvage / "done").mkdir(parents=True, exist_ok=True)
    fresh = lancedb.connect(str(salvage / "new")).create_table(name, schema=schema)
    saved = 0
    for piece in () if table is None else _readable(table, rows):
        fresh.add(_with_patterns(piece).select(schema.names).cast(schema))
        saved += piece.num_rows
    os.replace(salvage / "new" / f"{name}.lance", salvage / "done" / f"{name}.lance")
    return saved


def _readable(table: Any, rows: int) -> Iterator[pa.Table]:
    """The rows that can be read, in pieces: a range that cannot is halved until it is small."""
    finest = max(1, rows // _FINEST_SHARE)
    waiting = [(first, min(_BATCH_ROWS, rows - first)) for first in range(0, rows, _BATCH_ROWS)]
    waiting.reverse()
    while waiting:
        first, count = waiting.pop()
        try:
            piece = _all_columns(table).offset(first).limit(count).to_arrow()
            piece.validate(full=True)
            piece = piece.filter(piece.column(0).is_valid())
            if "vector" in piece.schema.names:
                piece = piece.filter(piece.column("vector").is_valid())
        except Exception:
            if count > finest:
                half = count // 2
                waiting += [(first + half, count - half), (first, half)]
            continue
        yield piece


def _with_patterns(rows: pa.Table) -> pa.Table:
    """The rows, with the column of parts as their vectors have it."""
    if "vector" not in rows.schema.names:
        return rows
    import pyarrow as pa

    patterns = pa.array(pattern_of(vectors_of(decoded(rows))).astype(np.int8))
    others = [name for name in rows.schema.names if name != PATTERN]
    return rows.select(others).append_column(PATTERN, patterns)


def _put_in_place(folder: Path, name: str) -> None:
    salvage, home = folder / SALVAGE, folder / f"{name}.lance"
    if home.is_dir():
        os.replace(home, salvage / f"{name}.old")
    os.replace(salvage / "done" / f"{name}.lance", home)
    shutil.rmtree(salvage)


def _check_schema(found: pa.Schema, wanted: pa.Schema) -> None:
    if set(wanted.names) - set(found.names) - {PATTERN}:  # tables of old have no PATTERN
        raise ValueError("columns are missing")
