"""What the library holds, in numbers, and which files it could not hear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from partwise.library.stores.exact_index import accuracy_of
from partwise.library.stores.protocol import Accuracy
from partwise.library.tables.ledger import LedgerRow, State
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.reader import Store


@dataclass(frozen=True)
class Replacement:
    """A new model that has not heard everything yet. files_done of files_total by the new one."""

    model: ModelInfo
    files_done: int
    files_total: int


@dataclass(frozen=True)
class LibraryStatus:
    """A library at a glance.

    folder : where it is. model : what answers searches. replacement : what will, or None.
    store : where the vectors lie, None for the folder. precision : in which they are stored.
    accuracy : of the searches of "tracks" and of "segments".
    tracks, segments : counts of the active model. audio_s : seconds of all tracks together.
    bytes_on_disk : size of the folder. tag_encoding : of old tags, None for the usual one.
    indexed : number of files that answer. failed, missing, noted : rows of the other files, and
    of indexed files with a note, by path.
    """

    folder: Path
    model: ModelInfo
    replacement: Replacement | None
    store: str | None
    precision: str
    accuracy: dict[str, Accuracy]
    tracks: int
    segments: int
    audio_s: float
    bytes_on_disk: int
    tag_encoding: str | None
    indexed: int
    failed: list[LedgerRow]
    missing: list[LedgerRow]
    noted: list[LedgerRow]


def overview(store: Store) -> LibraryStatus:
    """Read the whole ledger and count."""
    rows = [row for _, row in sorted(store.ledger().items())]
    indexed = [row for row in rows if row.state is State.INDEXED]
    manifest = store.manifest
    replacement = None
    if manifest.pending is not None:
        done = store.track_ids(manifest.pending.digest)
        count = sum(row.content_hash in done for row in indexed)
        replacement = Replacement(manifest.pending, count, len(indexed))
    durations_s = store.durations_s()
    return LibraryStatus(
        folder=store.folder,
        model=manifest.active,
        replacement=replacement,
        store=manifest.store,
        precision=manifest.precision,
        accuracy={
            "tracks": accuracy_of(store.tracks),
            "segments": accuracy_of(store.segments),
        },
        tracks=len(durations_s),
        segments=store.segments.count(),
        audio_s=sum(durations_s.values()),
        bytes_on_disk=store.size_on_disk(),
        tag_encoding=manifest.tag_encoding,
        indexed=len(indexed),
        failed=[row for row in rows if row.state is State.FAILED],
        missing=[row for row in rows if row.state is State.MISSING],
        noted=[row for row in indexed if row.reason],
    )
