"""Whether the files still hold what the ledger says."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.tables.ledger import State
from partwise.library.tables.reader import Store
from partwise.paths import hash_content


@dataclass
class FilesRead:
    """read : how many. missing : not there. changed : of another size or time of change.

    problems : paths (text) by what is wrong, a clause.
    """

    read: int = 0
    missing: int = 0
    changed: int = 0
    problems: dict[str, list[str]] = field(default_factory=dict)


def changed_files(store: Store, tell: Callable[[str, int, int], None]) -> FilesRead:
    """Read every indexed file and compare. tell : is told of bytes."""
    found = FilesRead()
    rows = [row for _, row in sorted(store.ledger().items()) if row.state is State.INDEXED]
    rows = [row for row in rows if row.mtime_ns != LOOK_AGAIN]  # the next run looks anyway
    total, done = sum(row.size for row in rows), 0
    for row in rows:
        tell("bytes", done, total)
        done += row.size
        try:
            status = os.stat(row.os_path)
            content = hash_content(row.os_path)
        except FileNotFoundError:
            found.missing += 1
            continue
        except OSError as error:
            _add(found, f"cannot be read ({(error.strerror or str(error)).lower()})", row.path)
            continue
        found.read += 1
        if content == row.content_hash:
            continue
        if (status.st_size, status.st_mtime_ns) == (row.size, row.mtime_ns):
            _add(found, "hold something else though size and time of change are the same", row.path)
        else:
            found.changed += 1
    return found


def _add(found: FilesRead, problem: str, path: str) -> None:
    found.problems.setdefault(problem, []).append(path)
