"""Writing the library: tables are changed only here, and only by the holder of the lock.

A process can be killed between any two writes, so their order is chosen such that what is left
behind is either invisible or recognised: segments before their track, the track before the ledger
row; on removal the other way round. ``Writer`` puts right what a killed run left.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError
from partwise.library.faults import storage_errors
from partwise.library.ledger import LedgerRow, ledger_schema, rows_to_arrow
from partwise.library.manifest import (
    FILE_NAME,
    Manifest,
    ModelInfo,
    Rate,
    is_beginning,
    read_manifest,
    write_manifest,
)
from partwise.library.store import (
    LEDGER,
    PRESENCE_COLUMNS,
    Store,
    chunks,
    connect,
    in_list,
    segments_name,
    segments_schema,
    tracks_name,
    tracks_schema,
)
from partwise.library.tags import Tags

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

# Readers may still hold a version that is a little older than the newest.
_KEEP_VERSIONS = timedelta(minutes=10)
# Every write adds a piece to its table; reading slows down when there are many.
_MAX_SMALL_PIECES = 16
# Above this many segments, finding a track's segments through an index beats a scan.
_INDEXED_SEGMENTS = 100_000


@dataclass(frozen=True)
class NewTrack:
    """A recording just heard: ``track_id`` is the hash of its content."""

    track_id: str
    embeddings: PartEmbeddings
    tags: Tags


def make_folder(folder: Path) -> None:
    """Make the library's folder, or check that a library is there or can be made there.

    Raises PartwiseError when the folder holds something else or cannot be made.
    """
    if (folder / FILE_NAME).exists() or not is_beginning(folder):
        read_manifest(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PartwiseError(
            f"the library folder {folder} cannot be made: {error.strerror}"
        ) from None


def open_or_create(folder: Path, model: ModelInfo) -> Store:
    """The library in ``folder``; an empty one for ``model`` is made when there is none.

    The caller holds the writer lock. ``library.json`` is written last: with it, it is a library.
    """
    if not (folder / FILE_NAME).exists():
        _create_tables(folder, model)
        write_manifest(folder, Manifest(active=model))
    return Store(folder)


def _create_tables(folder: Path, model: ModelInfo) -> None:
    with storage_errors(folder):
        database = connect(folder)
        database.create_table(LEDGER, schema=ledger_schema(), exist_ok=True)
        database.create_table(
            tracks_name(model.digest), schema=tracks_schema(model.dim), exist_ok=True
        )
        database.create_table(
            segments_name(model.digest), schema=segments_schema(model.dim), exist_ok=True
        )


class Writer:
    """Writes what ``model`` heard. The caller holds the writer lock while this object is used.

    Making one starts the replacement of the active model when ``model`` is another, drops the
    tables of models that are no longer wanted, and repairs what a killed run left behind.
    """

    def __init__(self, store: Store, model: ModelInfo) -> None:
        self.store = store
        self.model = model
        self._drop_other_tables()  # a half dropped table must not be taken for a new one
        self._open_tables()
        self._drop_other_tables()
        self._repair()

    @property
    def _tracks(self) -> Any:
        return self.store.table(tracks_name(self.model.digest))

    @property
    def _segments(self) -> Any:
        return self.store.table(segments_name(self.model.digest))

    @property
    def replacing(self) -> bool:
        """Whether another model still answers searches."""
        return self.store.active.digest != self.model.digest

    def _open_tables(self) -> None:
        manifest = self.store.manifest
        pending = self.model if self.replacing else None
        if pending is not None:
            _create_tables(self.store.folder, pending)
        if (manifest.pending and manifest.pending.digest) != (pending and pending.digest):
            write_manifest(self.store.folder, replace(manifest, pending=pending))

    def _drop_other_tables(self) -> None:
        manifest = self.store.manifest
        models = [m.digest for m in (manifest.active, manifest.pending) if m is not None]
        keep = {LEDGER, *map(tracks_name, models), *map(segments_name, models)}
        database = self.store.database
        for name in set(database.list_tables().tables) - keep:
            if name.startswith(("tracks_", "segments_")):
                with suppress(Exception):  # a leftover costs space only; the next run tries again
                    database.drop_table(name)
                shutil.rmtree(self.store.folder / f"{name}.lance", ignore_errors=True)

    def _repair(self) -> None:
        """Remove segments without their track, and tracks without all of their segments.

        The sum of the tracks' counts equals the number of segments in a sound library, which is
        quick to see; only when it does not are all segments read.
        """
        tracks = self._tracks.search().select(["track_id", "segments"]).to_arrow().to_pydict()
        ids, counts = tracks["track_id"], tracks["segments"]
        expected = dict(zip(ids, counts, strict=True))
        if len(expected) == len(ids) and sum(counts) == self._segments.count_rows():
            return
        rows = self._segments.search().select(["track_id"]).to_arrow()
        found = Counter(rows.column("track_id").to_pylist())
        twice = {track_id for track_id, times in Counter(ids).items() if times > 1}
        wrong = {i for i in {*expected, *found} if expected.get(i) != found.get(i)}
        self.drop_tracks(twice | wrong)

    # --- rows

    def add(self, tracks: list[NewTrack], rows: list[LedgerRow], gone: Iterable[str] = ()) -> None:
        """Write a batch: tracks that the tables do not hold yet, and the ledger rows of files.

        gone : ledger paths (text) whose rows go, because the file is now known by another path.
        """
        with storage_errors(self.store.folder):
            if tracks:
                self._segments.add(_segment_rows(tracks, self.model))
                self._tracks.add(_track_rows(tracks, self.model))
            if rows:
                merge = self.store.ledger_table.merge_insert("path")
                merge = merge.when_matched_update_all().when_not_matched_insert_all()
                merge.execute(rows_to_arrow(rows))
            for paths in chunks(gone):
                self.store.ledger_table.delete(in_list("path", paths))

    def drop_tracks(self, track_ids: Iterable[str]) -> int:
        """Remove tracks and their segments; returns how many were asked for."""
        dropped = 0
        with storage_errors(self.store.folder):
            for ids in chunks(track_ids):
                self._tracks.delete(in_list("track_id", ids))
                self._segments.delete(in_list("track_id", ids))
                dropped += len(ids)
        return dropped

    # --- the end of a run

    def promote(self) -> None:
        """Let ``model`` answer from now on, and drop what the former model left."""
        manifest = replace(self.store.manifest, active=self.model, pending=None)
        write_manifest(self.store.folder, manifest)
        self._drop_other_tables()

    def set_rate(self, rate: Rate) -> None:
        """Remember how fast this run was."""
        write_manifest(self.store.folder, replace(self.store.manifest, rate=rate))

    def compact(self) -> None:
        """Join small pieces, forget versions that no reader uses, keep indexes up to date."""
        from partwise.library.index_upkeep import refresh_index

        with storage_errors(self.store.folder):
            for table in (self.store.ledger_table, self._tracks, self._segments):
                # Every joining adds a piece to the table's indexes: not for a few rows.
                if table.stats()["fragment_stats"]["num_small_fragments"] > _MAX_SMALL_PIECES:
                    table.optimize(cleanup_older_than=_KEEP_VERSIONS)
            if self._segments.count_rows() > _INDEXED_SEGMENTS and not any(
                list(index.columns) == ["track_id"] for index in self._segments.list_indices()
            ):
                from lancedb.index import BTree

                self._segments.create_index("track_id", config=BTree())
            for table in (self._tracks, self._segments):
                refresh_index(table)


def _track_rows(tracks: list[NewTrack], model: ModelInfo) -> Any:
    import numpy as np
    import pyarrow as pa

    schema = tracks_schema(model.dim)
    pairs = [track.embeddings.track() for track in tracks]
    vectors = np.stack([vector for vector, _ in pairs]).astype(np.float32)  # [n, parts, dim]
    presence = np.stack([presence for _, presence in pairs]).astype(np.float32)  # [n, parts]
    return pa.table(
        {
            "track_id": [track.track_id for track in tracks],
            "model_digest": [model.digest] * len(tracks),
            "vector": pa.FixedSizeListArray.from_arrays(
                vectors.reshape(-1), schema.field("vector").type.list_size
            ),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "duration_s": [float(track.embeddings.seconds) for track in tracks],
            "segments": [len(track.embeddings.start_s) for track in tracks],
            "title": [track.tags.title for track in tracks],
            "artist": [track.tags.artist for track in tracks],
            "album": [track.tags.album for track in tracks],
            "year": [track.tags.year for track in tracks],
        },
        schema=schema,
    )


def _segment_rows(tracks: list[NewTrack], model: ModelInfo) -> Any:
    import numpy as np
    import pyarrow as pa

    schema = segments_schema(model.dim)
    heard = [track.embeddings for track in tracks]
    counts = [len(embeddings.start_s) for embeddings in heard]
    vectors = np.concatenate([e.embeddings for e in heard]).astype(np.float32)  # [n, parts, dim]
    presence = np.concatenate([e.presence for e in heard]).astype(np.float32)  # [n, parts]
    return pa.table(
        {
            "track_id": np.repeat(np.array([t.track_id for t in tracks], dtype=object), counts),
            "model_digest": [model.digest] * sum(counts),
            "vector": pa.FixedSizeListArray.from_arrays(
                vectors.reshape(-1), schema.field("vector").type.list_size
            ),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "segment": np.concatenate([np.arange(n, dtype=np.int32) for n in counts]),
            "start_s": np.concatenate([e.start_s for e in heard]).astype(np.float64),
            "end_s": np.concatenate([e.end_s for e in heard]).astype(np.float64),
        },
        schema=schema,
    )
