"""Taking a folder out of a library: what was heard in it goes, the files stay where they are."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.library.stores.faults import storage_errors
from partwise.library.stores.rows import chunks
from partwise.library.tables.folders import drop_folders, read_folders
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.reader import Store
from partwise.library.tables.writer import Writer, write_snapshot
from partwise.paths import absolute, is_under, shown


@dataclass(frozen=True)
class Forgotten:
    """files : rows of the ledger that went. tracks : that went because no file is left of them."""

    files: int
    tracks: int


def forget(library: Path, folder: str | os.PathLike[str]) -> Forgotten:
    """Remove from a library what it holds of a folder, or of a file. No file is touched.

    A track that has a file elsewhere stays. Safe to be killed at any moment: ledger rows go first,
    so what is left behind is found by no search, and the next run with ``--prune`` removes it.

    Raises PartwiseError when the library knows nothing of the folder, and while another process
    writes.
    """
    root = absolute(folder)
    with WriterLock(library):
        store = Store(library)
        ledger = store.ledger()
        gone = [path for path, row in ledger.items() if is_under(row.os_path, root)]
        if not gone and not any(is_under(kept.path, root) for kept in read_folders(library)):
            raise PartwiseError(f"the library at {shown(library)} holds nothing of {shown(root)}")
        contents = {content for path in gone if (content := ledger[path].content_hash)}
        for path in gone:
            del ledger[path]
        unused = contents - {row.content_hash or "" for row in ledger.values()}
        # A model that is taking over goes on with it: for any other its half of the work would go.
        writer = Writer(store, store.manifest.pending or store.active)
        unused &= store.track_ids() | store.track_ids(writer.model.digest)
        writer.add([], [], gone)
        drop_folders(library, root)
        writer.drop_tracks(unused)
        if writer.replacing:
            with storage_errors(library):
                for ids in chunks(unused):
                    store.tracks.delete(ids)
                    store.segments.delete(ids)
        writer.compact()
        with suppress(OSError):  # commands answer from the tables then
            write_snapshot(store)
    return Forgotten(len(gone), len(unused))
