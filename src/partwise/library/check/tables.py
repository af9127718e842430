"""LanceDB tables of the library's folder that may be damaged: finding out, and putting them aside.

A table is a folder: ``data`` (rows, written once and never changed), ``_versions`` (which data
files make up each version), ``_deletions``, ``_indices`` and ``_transactions``. What a power cut
damages is the newest version; then one of the versions before is the table. Any other damaged table
is moved to the folder ``damaged``, whole, and an empty one takes its place.

One flipped bit in a thousand makes LanceDB ask for more memory than there is, and Rust then ends
the process. So that ``partwise check`` survives that and names the table, it reads in a child.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.hearing.child import Child, Dead, Limits, Parent, death_text
from partwise.library.stores.faults import cause_of
from partwise.library.stores.lance import PATTERN
from partwise.library.stores.places import connect
from partwise.library.stores.precision import decoded
from partwise.library.stores.rows import pattern_of, vectors_of

if TYPE_CHECKING:
    import pyarrow as pa

DAMAGED = "damaged"
_BATCH_ROWS = 16_384
_VERSIONS_TRIED = 3
_MAGIC = b"LANC"
# A version's file is called after 2^64 - 1 less its number, so that the newest comes first.
_NEWEST = 2**64 - 1
_HINT = "latest_version_hint.json"  # written after each commit
# Address space that a child may take besides a multiple of the library: far more than it needs.
_MOST_BYTES = 16 << 30
_LIBRARY_SHARE = 8
_PROGRAM = "from partwise.library.check.tables import main; main()"

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


class Tables:
    """Examines and mends the tables of ``folder``. The caller holds the writer lock to mend.

    isolated : read in a child, which damage may end; else in this process.
    """

    def __init__(self, folder: Path, isolated: bool) -> None:
        self._folder = folder
        self._isolated = isolated
        self._child: Child | None = None

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def examine(self, name: str, tell: Rows = lambda _: None) -> Damage | None:
        """``tables.examine``; that reading ends the process is damage too."""
        if not self._isolated:
            return examine(self._folder, name, tell)
        try:
            damage = self._ask("examine", name, tell)["damage"]
        except _Died as death:
            return Damage(name, f"reading it ends the process ({death})", None)
        return None if damage is None else Damage(**damage)

    def mend(self, name: str, schema: pa.Schema) -> str:
        """Make a damaged table whole; a clause that says how. schema : of its rows."""
        try:
            if self._isolated:
                said = self._ask("go back", name)["said"]
            else:
                said = go_back(self._folder, name)
        except _Died:
            said = None
        return said or begin_anew(self._folder, name, schema)

    def _ask(self, task: str, name: str, tell: Rows = lambda _: None) -> dict[str, Any]:
        """The answer of the child. Raises PartwiseError, and _Died when it dies over it."""
        if self._child is None:
            files = (path for path in self._folder.rglob("*") if path.is_file())
            size = sum(path.stat().st_size for path in files)
            self._child = Child(_PROGRAM, Limits(memory_bytes=_MOST_BYTES + _LIBRARY_SHARE * size))
        try:
            self._child.tell(task=task, folder=str(self._folder), name=name)
            while "rows" in (answer := self._child.answer()):
                tell(answer["rows"])
        except Dead:
            status = self._child.death()
            self.close()
            raise _Died(death_text(status)) from None
        if "refused" in answer:
            raise PartwiseError(answer["refused"])
        return answer


class _Died(Exception):
    """The child is dead; the text says of what."""


def main() -> None:
    """The child."""
    parent = Parent()
    parent.silence()
    while True:
        asked = parent.receive()
        folder, name = Path(asked["folder"]), asked["name"]
        try:
            if asked["task"] == "examine":
                damage = examine(folder, name, lambda rows: parent.answer(rows=rows))
                parent.answer(damage=damage and asdict(damage))
            else:
                parent.answer(said=go_back(folder, name))
        except PartwiseError as error:
            parent.answer(refused=str(error))


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
        # The columns are named: what names a row comes first.
        for batch in table.search().select(list(table.schema.names)).to_batches(_BATCH_ROWS):
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


def go_back(folder: Path, name: str) -> str | None:
    """Go back to a version that reads whole, a few at most; a clause that says so, None if none.

    Rows that came later are then as if they had never been written.
    """
    home = folder / f"{name}.lance"
    if not home.is_dir():
        return None
    if _drop_newest(folder, name) and examine(folder, name) is None:
        rows = _open(folder, name).count_rows()
        return f"went back to the newest version that opens, of {rows} rows"
    for number, _ in _versions(home)[1 : 1 + _VERSIONS_TRIED]:
        try:
            table = _open(folder, name)
            table.checkout(number)
            for batch in table.search().to_batches(_BATCH_ROWS):
                batch.validate(full=True)
            if not (rows := table.count_rows()):
                continue
            table.restore()
        except Exception:  # whatever LanceDB raises: this version is of no use
            continue
        if examine(folder, name) is None:
            return f"went back to an older version, of {rows} rows"
    return None


def begin_anew(folder: Path, name: str, schema: pa.Schema) -> str:
    """Move a table aside, and make an empty one; a clause that says where the old one is."""
    home = folder / f"{name}.lance"
    said = "began it anew"
    if home.is_dir():
        aside = folder / DAMAGED / home.name
        aside.parent.mkdir(exist_ok=True)
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{name} {number}.lance")
        os.replace(home, aside)
        said += f", and kept what is damaged as {aside.relative_to(folder)}"
    connect(str(folder)).create_table(name, schema=schema)
    return said


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


def _open(folder: Path, name: str) -> Any:
    """A connection of its own: what another one remembers of the files must not count."""
    return connect(str(folder)).open_table(name)


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


def _drop_newest(folder: Path, name: str) -> int:
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
