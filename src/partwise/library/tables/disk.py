"""Whether a disk can hold a library that is written to: it is asked before anything is."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from partwise.library.stores.faults import (
    is_full_disk,
    is_gone,
    is_read_only,
    no_links,
    storage_errors,
)


def check_disk(folder: Path) -> None:
    """Do in an existing ``folder`` what writing a table does, and take it back.

    A version of a table gets its name by a hard link, which fails where the name is taken: that is
    how no version is ever lost. exFAT, FAT and many network drives have no such links. Raises
    PartwiseError where one cannot be made, or nothing can be written.
    """
    mark = f"{os.getpid()}.{secrets.token_hex(4)}"
    names = [folder / f".probe.{mark}{number}" for number in range(3)]
    try:
        with storage_errors(folder):
            for name in names[:2]:
                name.write_bytes(b"")
            try:
                os.link(names[0], names[2])
                os.replace(names[1], names[2])
            except OSError as error:
                if is_full_disk(error) or is_read_only(error) or is_gone(error):
                    raise
                raise no_links(folder) from error
    finally:
        for name in names:
            with suppress(OSError):
                name.unlink()
