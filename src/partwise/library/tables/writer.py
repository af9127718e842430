"""Writing the library: its stores are changed only here, and only by the holder of the lock.

A process can be killed between any two writes, so their order is chosen such that what is left
behind is either invisible or recognised: segments before their track, the track before the ledger
row; on removal the other way round. ``Writer`` puts right what a killed run left.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.faults import open_guarded, storage_errors
from partwise.library.stores.lance import LanceStore, join_pieces
from partwise.library.stores.places import check_uri, connect, open_place
from partwise.library.stores.precision import check_precision
from partwise.library.stores.protocol import Place, VectorStore
from partwise.library.stores.rows import (
    PRESENCE_COLUMNS,
    TAG_COLUMNS,
    chunks,
    in_list,
    segments_schema,
    tags_of,
    tracks_schema,
    vector_column,
)
from partwise.library.tables import snapshot
from partwise.library.tables.ledger import LedgerRow, ledger_schema, rows_to_arrow
from partwise.library.tables.lock import Busy
from partwise.library.tables.manifest import (
    FILE_NAME,
    FORMAT,
    Manifest,
    ModelInfo,
    Rate,
    clear_beginning,
    is_beginning,
    read_manifest,
    write_manifest,
)
from partwise.library.tables.reader import LEDGER, Store, segments_name, tracks_name

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings


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


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """The folder of a new library: where the block fails to make one, nothing is left of it.

    Raises PartwiseError as ``make_folder`` does.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield
    except Busy:  # somebody else is making it
        raise
    except BaseException:
        if not (folder / FILE_NAME).exists():
            clear_beginning(folder)
            for path in made:
                with suppress(OSError):
                    path.rmdir()
        raise


def open_or_create(
    folder: Path, model: ModelInfo, store: str | None = None, precision: str | None = None
) -> Store:
    """The library in ``folder``; an empty one for ``model`` is made when there is none.

    store : URI of the place for its vectors, None for the folder or for where they are already.
    precision : in which they are stored, None for float32 or for what they are stored in already.

    The caller holds the writer lock. ``library.json`` is written last: with it, it is a library.
    Raises PartwiseError when a library that is there has its vectors elsewhere or otherwise.
    """
    check_place(folder, store, precision)
    if not (folder / FILE_NAME).exists():
        manifest = Manifest(active=model, store=store, precision=precision or "float32")
        place = open_place(manifest.store, folder, manifest.precision)
        _drop_unfinished(folder)
        with storage_errors(folder):
            connect(str(folder)).create_table(LEDGER, schema=ledger_schema(), exist_ok=True)
        if store is not None:
            _check_unused(place)
        _create_stores(place, folder, model)
        write_manifest(folder, manifest)
    return Store(folder)


def _drop_unfinished(folder: Path) -> None:
    """Remove tables that a first run began and that do not open: the disk was full, say."""
    for home in folder.glob("*.lance"):
        try:
            open_guarded(connect(str(folder)), str(folder), home.stem)
        except PartwiseError:
            shutil.rmtree(home, ignore_errors=True)


def check_place(folder: Path, store: str | None, precision: str | None) -> None:
    """Raises PartwiseError when vectors of the library in ``folder`` cannot lie there or so."""
    if store is not None:
        check_uri(store)
    if precision is not None:
        check_precision(precision)
    if not (folder / FILE_NAME).exists():
        return
    manifest = read_manifest(folder)
    if store not in (None, manifest.store):
        there = manifest.store or "the folder itself"
        raise PartwiseError(
            f"the library at {folder} keeps its vectors in {there}, not in {store}: leave out"
            " --store, or make another library with --library"
        )
    if precision not in (None, manifest.precision):
        raise PartwiseError(
            f"the library at {folder} stores its vectors as {manifest.precision}, not as"
            f" {precision}: leave out --precision, or make another library with --library"
        )


def _check_unused(place: Place) -> None:
    """A place belongs to one library: two would take each other's tracks for leftovers."""
    for name in place.names():
        if place.open(name).count():
            raise PartwiseError(
                f"the store {place.uri} holds vectors of another library already: name another"
                " place with --store"
            )


def _create_stores(place: Place, folder: Path, model: ModelInfo) -> None:
    with storage_errors(folder):
        place.create(tracks_name(model.digest), tracks_schema(model.dim))
        place.create(segments_name(model.digest), segments_schema(model.dim))


class Writer:
    """Writes what ``model`` heard. The caller holds the writer lock while this object is used.

    Making one starts the replacement of the active model when ``model`` is another, drops the
    stores of models that are no longer wanted, and repairs what a killed run left behind.
    """

    def __init__(self, store: Store, model: ModelInfo) -> None:
        self.store = store
        self.model = model
        self._upgrade()
        self._drop_other_stores()  # a half dropped table must not be taken for a new one
        self._open_stores()
        self._drop_other_stores()
        self._repair()

    @property
    def tracks(self) -> VectorStore:
        """The tracks of ``model``."""
        return self.store.vectors(tracks_name(self.model.digest))

    @property
    def segments(self) -> VectorStore:
        """The segments of ``model``."""
        return self.store.vectors(segments_name(self.model.digest))

    @property
    def replacing(self) -> bool:
        """Whether another model still answers searches."""
        return self.store.active.digest != self.model.digest

    def _upgrade(self) -> None:
        """Bring a library that an older partwise made up to date."""
        manifest = self.store.manifest
        if manifest.format == FORMAT:
            return
        for model in (manifest.active, manifest.pending):
            if model is None:
                continue
            for name in (tracks_name(model.digest), segments_name(model.digest)):
                table = self.store.vectors(name)
                if isinstance(table, LanceStore):
                    table.upgrade(model.presence_threshold)
        write_manifest(self.store.folder, replace(manifest, format=FORMAT))

    def _open_stores(self) -> None:
        manifest = self.store.manifest
        pending = self.model if self.replacing else None
        if pending is not None:
            _create_stores(self.store.place, self.store.folder, pending)
        if (manifest.pending and manifest.pending.digest) != (pending and pending.digest):
            write_manifest(self.store.folder, replace(manifest, pending=pending))

    def _drop_other_stores(self) -> None:
        manifest = self.store.manifest
        models = [m.digest for m in (manifest.active, manifest.pending) if m is not None]
        keep = {*map(tracks_name, models), *map(segments_name, models)}
        for name in self.store.place.names() - keep:
            self.store.place.drop(name)

    def _repair(self) -> None:
        """Remove segments without their track, and tracks without all of their segments.

        The sum of the tracks' counts equals the number of segments in a sound library, which is
        quick to see; only when it does not are all segments read.
        """
        tracks = self.tracks.fetch(columns=["track_id", "segments"]).to_pydict()
        ids, counts = tracks["track_id"], tracks["segments"]
        expected = dict(zip(ids, counts, strict=True))
        if len(expected) == len(ids) and sum(counts) == self.segments.count():
            return
        rows = self.segments.fetch(columns=["track_id"])
        found = Counter(rows.column("track_id").to_pylist())
        twice = {track_id for track_id, times in Counter(ids).items() if times > 1}
        wrong = {i for i in {*expected, *found} if expected.get(i) != found.get(i)}
        self.drop_tracks(twice | wrong)

    # --- rows

    def add(self, tracks: list[NewTrack], rows: list[LedgerRow], gone: Iterable[str] = ()) -> None:
        """Write a batch: tracks that the stores do not hold yet, and the ledger rows of files.

        gone : ledger paths (text) whose rows go, because the file is now known by another path.
        """
        with storage_errors(self.store.folder):
            if tracks:
                self.segments.upsert(_segment_rows(tracks, self.model), new=True)
                self.tracks.upsert(track_rows(tracks, self.model), new=True)
            if rows:
                merge = self.store.ledger_table.merge_insert("path")
                merge = merge.when_matched_update_all().when_not_matched_insert_all()
                merge.execute(rows_to_arrow(rows))
            for paths in chunks(gone):
                self.store.ledger_table.delete(in_list("path", paths))

    def set_tags(self, tags: Mapping[str, Tags]) -> int:
        """Replace what is known of the tags of tracks; returns how many have others now."""
        there = [name for name in TAG_COLUMNS if name in self.tracks.schema.names]
        about = self.tracks.fetch(columns=["track_id", *there])
        former = dict(zip(about.column("track_id").to_pylist(), tags_of(about), strict=True))
        if "genre" not in there:  # it cannot be kept, so it is not news either
            tags = {track_id: replace(said, genre=None) for track_id, said in tags.items()}
        changed = [one for one in tags if one in former and tags[one] != former[one]]
        with storage_errors(self.store.folder):
            for ids in chunks(changed):
                rows = self.tracks.fetch(ids)
                ordered = [tags[track_id] for track_id in rows.column("track_id").to_pylist()]
                for name in there:
                    column = tag_columns(ordered)[name]
                    at = rows.schema.get_field_index(name)
                    rows = rows.set_column(at, rows.schema.field(at), [column])
                self.tracks.upsert(rows)
        return len(changed)

    def drop_tracks(self, track_ids: Iterable[str]) -> int:
        """Remove tracks and their segments; returns how many were asked for."""
        dropped = 0
        with storage_errors(self.store.folder):
            for ids in chunks(track_ids):
                self.tracks.delete(ids)
                self.segments.delete(ids)
                dropped += len(ids)
        return dropped

    # --- the end of a run

    def promote(self) -> None:
        """Let ``model`` answer from now on, and drop what the former model left."""
        manifest = replace(self.store.manifest, active=self.model, pending=None)
        write_manifest(self.store.folder, manifest)
        self._drop_other_stores()

    def set_tag_encoding(self, encoding: str) -> None:
        """Remember what old tags are in."""
        if encoding != self.store.manifest.tag_encoding:
            manifest = replace(self.store.manifest, tag_encoding=encoding)
            write_manifest(self.store.folder, manifest)

    def set_rate(self, rate: Rate) -> None:
        """Remember how fast this run was."""
        write_manifest(self.store.folder, replace(self.store.manifest, rate=rate))

    def compact(self) -> None:
        """Join small pieces, forget versions that no reader uses, keep indexes up to date."""
        with storage_errors(self.store.folder):
            join_pieces(self.store.ledger_table)
            self.tracks.optimise()
            self.segments.optimise()


def write_snapshot(store: Store) -> None:
    """Bring the snapshot of the active model up to date. The caller holds the writer lock.

    None is kept where the vectors lie elsewhere, in fewer bits, or are more than a command reads.
    Raises OSError.
    """
    path, manifest = store.folder / snapshot.FILE_NAME, store.manifest
    state = snapshot.stamp(store.folder, store.active)
    plain = manifest.store is None and manifest.precision == "float32"
    few = store.tracks.count() <= snapshot.MAX_TRACKS
    if state is None or not plain or not few or store.segments.count() > snapshot.MAX_SEGMENTS:
        path.unlink(missing_ok=True)
    elif snapshot.open_snapshot(store.folder, store.active, state) is None:
        tracks, segments = ExactIndex.load(store.tracks), ExactIndex.load(store.segments)
        ledger = list(store.ledger().values())
        snapshot.write(path, state, tracks, segments, store.about_tracks(), ledger)


def track_rows(tracks: list[NewTrack], model: ModelInfo) -> Any:
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
            "vector": vector_column(vectors),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "duration_s": [float(track.embeddings.seconds) for track in tracks],
            "segments": [len(track.embeddings.start_s) for track in tracks],
            **tag_columns([track.tags for track in tracks]),
        },
        schema=schema,
    )


def tag_columns(tags: list[Tags]) -> dict[str, Any]:
    """The columns ``TAG_COLUMNS`` of a table of tracks, [n] each."""
    import pyarrow as pa

    kinds = {"year": pa.int32()}
    return {
        name: pa.array([getattr(one, name) for one in tags], kinds.get(name, pa.string()))
        for name in TAG_COLUMNS
    }


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
            "vector": vector_column(vectors),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "segment": np.concatenate([np.arange(n, dtype=np.int32) for n in counts]),
            "start_s": np.concatenate([e.start_s for e in heard]).astype(np.float64),
            "end_s": np.concatenate([e.end_s for e in heard]).astype(np.float64),
        },
        schema=schema,
    )
