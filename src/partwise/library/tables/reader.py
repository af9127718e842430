"""Reading the library: what it knows of files, and the stores of what was heard in them.

``ledger`` has a row per file; it is about this machine's files, and always a LanceDB table in the
library's folder. Each model has its own pair of vector stores, ``tracks_<digest>`` and
``segments_<digest>``, so that a new model (of any dimension) can fill its pair while the old one
answers; ``library.json`` names the active one, and the place where the stores lie (``stores``).
Writing is in ``writer.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.stores.exact_index import open_index
from partwise.library.stores.faults import gone, open_guarded
from partwise.library.stores.lance import LanceStore
from partwise.library.stores.places import connect, open_place
from partwise.library.stores.protocol import Place, Searchable, VectorStore
from partwise.library.stores.rows import (
    TAG_COLUMNS,
    in_list,
    presence_of,
    quoted,
    tags_of,
    vectors_of,
)
from partwise.library.tables.ledger import LedgerRow, State, ledger_schema, rows_from_arrow
from partwise.library.tables.manifest import FILE_NAME, Manifest, ModelInfo, read_manifest
from partwise.library.tables.snapshot import FILE_NAME as SNAPSHOT
from partwise.library.tables.snapshot import Snapshot, open_snapshot, stamp
from partwise.paths import absolute, forms_of, path_to_text

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

LEDGER = "ledger"
ABOUT = ("track_id", "duration_s", *TAG_COLUMNS)


@dataclass(frozen=True)
class TrackTable:
    """All tracks of one model, as arrays in one order.

    track_ids : n content hashes.
    vectors : float32 [n, parts=5, dim], unit norm per part, zeros where the part is absent.
    presence : float32 [n, parts=5], 0..1.
    duration_s : float64 [n].
    segments : int32 [n], number of segments.
    tags : n of what the files' tags say.
    """

    track_ids: list[str]
    vectors: np.ndarray
    presence: np.ndarray
    duration_s: np.ndarray
    segments: np.ndarray
    tags: list[Tags]

    def __len__(self) -> int:
        return len(self.track_ids)


class Store:
    """A library folder opened for reading. Needs no lock, and sees what a writer adds.

    snapshot : answer from the library's snapshot while that agrees with the tables.

    Raises PartwiseError when ``folder`` holds no library, or one that cannot be read.
    """

    def __init__(self, folder: str | Path, *, snapshot: bool = False) -> None:
        self.folder = Path(folder)
        self._manifest = read_manifest(self.folder)
        self._seen = modified(self.folder / FILE_NAME)
        self._place: Place | None = None
        self._stores: dict[str, VectorStore] = {}
        self._ledger: Any = None
        self._uses_snapshot = snapshot
        self._snapshot: tuple[Any, Snapshot | None] = (None, None)

    # --- what the folder is

    @property
    def manifest(self) -> Manifest:
        """``library.json``, read again when it has changed."""
        if (now := modified(self.folder / FILE_NAME)) != self._seen:
            if not self.folder.is_dir():
                raise gone(self.folder)
            self._seen = now
            self._manifest = read_manifest(self.folder)
            self._stores.clear()  # a model's stores may have been dropped, or made anew
            self._ledger = None
        return self._manifest

    @property
    def active(self) -> ModelInfo:
        """The model whose vectors answer searches."""
        return self.manifest.active

    @property
    def digest(self) -> str:
        """Digest of the active model."""
        return self.active.digest

    @property
    def dim(self) -> int:
        """Embedding dimensions of one part, of the active model."""
        return self.active.dim

    def model(self, digest: str | None = None) -> ModelInfo:
        """What is known of the active model, or of the one that is replacing it."""
        manifest = self.manifest
        for model in (manifest.active, manifest.pending):
            if model is not None and digest in (None, model.digest):
                return model
        raise PartwiseError(f"the library at {self.folder} has no vectors of the model {digest}")

    # --- the snapshot

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot, where one may be used and agrees with the tables as they are now."""
        if not self._uses_snapshot:
            return None
        now = stamp(self.folder, self.active)
        key = (now, modified(self.folder / SNAPSHOT))
        if key != self._snapshot[0]:
            self._snapshot = (key, open_snapshot(self.folder, self.active, now))
        return self._snapshot[1]

    def state(self, *tables: str) -> tuple[str, ...]:
        """Changes when one of "tracks", "segments" and "ledger" does; the model's digest first."""
        if (snapshot := self.snapshot) is not None:
            return (self.digest, snapshot.stamp)
        opened = [self.ledger_table if one == "ledger" else getattr(self, one) for one in tables]
        return (self.digest, *(str(table.version) for table in opened))

    def index(
        self, name: str, max_rows: int | None = None, former: Searchable | None = None
    ) -> Searchable:
        """What answers searches among "tracks" or "segments": see ``exact_index.open_index``."""
        if max_rows is None and (snapshot := self.snapshot) is not None:
            with self._damage_told():
                if (found := getattr(snapshot, name)) is not None:
                    return found
        return open_index(getattr(self, name), max_rows, former)

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        """Damage of the snapshot costs time and no more: from now on the tables are read."""
        try:
            yield
        except ValueError:
            self._uses_snapshot = False

    # --- tables and stores

    @property
    def ledger_table(self) -> Any:
        """The open LanceDB table of files. Raises PartwiseError when it cannot be opened."""
        if self._ledger is None:
            self._ledger = open_guarded(connect(str(self.folder)), str(self.folder), LEDGER)
        return self._ledger

    @property
    def place(self) -> Place:
        """Where the stores of vectors lie."""
        if self._place is None:
            manifest = self._manifest
            self._place = open_place(manifest.store, self.folder, manifest.precision)
        return self._place

    def vectors(self, name: str) -> VectorStore:
        """The store of this name (``tracks_name``, ``segments_name``).

        Raises PartwiseError when there is none, or it cannot be read.
        """
        if name not in self._stores:
            store = self.place.open(name)
            if isinstance(store, LanceStore):
                store.former_threshold = self.model(name.rpartition("_")[2]).presence_threshold
            self._stores[name] = store
        return self._stores[name]

    @property
    def tracks(self) -> VectorStore:
        """The active model's tracks (see ``stores.rows.tracks_schema``)."""
        return self.vectors(tracks_name(self.digest))

    @property
    def segments(self) -> VectorStore:
        """The active model's segments (see ``stores.rows.segments_schema``)."""
        return self.vectors(segments_name(self.digest))

    # --- rows

    def ledger(self) -> dict[str, LedgerRow]:
        """Every ledger row by its path (as text)."""
        return rows_from_arrow(self.ledger_table.to_arrow())

    def rows_of_file(self, path: str | os.PathLike[str]) -> list[LedgerRow]:
        """The ledger's rows of a file: as it is named, and where its symbolic links lead."""
        name = absolute(path)
        spellings = {path_to_text(name), path_to_text(os.path.realpath(name))}
        if (snapshot := self.snapshot) is not None:
            return [snapshot.ledger[text] for text in sorted(spellings) if text in snapshot.ledger]
        rows = self.ledger_table.search().where(in_list("path", sorted(spellings)))
        return list(rows_from_arrow(rows.to_arrow()).values())

    def find(self, path_or_id: str | os.PathLike[str]) -> str | None:
        """The track id of a file of the library, or of a track id itself; None when not there.

        A path may be written in another form of Unicode than the file's name.
        """
        name = os.fspath(path_or_id)
        rows = next(filter(None, map(self.rows_of_file, (name, *forms_of(name)))), [])
        rows = [row for row in rows if row.state is State.INDEXED]
        ids = [row.content_hash for row in rows if row.content_hash is not None]
        for track_id in [*ids, name]:
            if path_to_text(track_id) == track_id and self.has(track_id):
                return track_id
        return None

    def has(self, track_id: str) -> bool:
        """Whether there is a track with this id, whether or not it has a file."""
        if (snapshot := self.snapshot) is not None:
            return track_id in snapshot
        return self.tracks.count([track_id]) > 0

    def count(self) -> int:
        """How many tracks there are."""
        return self.tracks.count() if (snapshot := self.snapshot) is None else len(snapshot)

    def rows_of_content(self, content_hash: str) -> list[LedgerRow]:
        """The ledger's rows of the indexed files with this content, by path."""
        where = f"content_hash = {quoted(content_hash)} AND state = '{State.INDEXED}'"
        rows = rows_from_arrow(self.ledger_table.search().where(where).to_arrow())
        return [row for _, row in sorted(rows.items())]

    def live_paths(self, state: State = State.INDEXED) -> dict[str, list[str]]:
        """For each track that has one, its files as far as the last run saw them, sorted.

        state : in which it saw them.

        Paths are those of the operating system: usable with ``open``, perhaps not printable.
        """
        paths: dict[str, list[str]] = {}
        if (snapshot := self.snapshot) is not None:
            ledger = snapshot.ledger
        else:
            rows = self.ledger_table.search().where(f"state = '{state}'")
            ledger = rows_from_arrow(rows.select(list(ledger_schema().names)).to_arrow())
        for row in ledger.values():
            if row.state is state and row.content_hash is not None:
                paths.setdefault(row.content_hash, []).append(row.os_path)
        for of_track in paths.values():
            of_track.sort()
        return paths

    def about_tracks(self) -> dict[str, list[Any]]:
        """Columns track_id, duration_s and those of ``Tags`` of all tracks, in this order."""
        if (snapshot := self.snapshot) is not None:
            about = snapshot.about
        else:
            names = [name for name in ABOUT if name in self.tracks.schema.names]
            about = self.tracks.fetch(columns=names).to_pydict()
        return {name: about.get(name) or [None] * len(about["track_id"]) for name in ABOUT}

    def track_ids(self, digest: str | None = None) -> set[str]:
        """Content hashes that have a track of the model (the active one unless given)."""
        tracks = self.vectors(tracks_name(self.model(digest).digest))
        return set(tracks.fetch(columns=["track_id"]).column("track_id").to_pylist())

    def durations_s(self) -> dict[str, float]:
        """Seconds of every track of the active model."""
        columns = self.tracks.fetch(columns=["track_id", "duration_s"]).to_pydict()
        return dict(zip(columns["track_id"], columns["duration_s"], strict=True))

    def track_vectors(self, digest: str | None = None) -> TrackTable:
        """All tracks of a model (the active one unless given), ordered by id."""
        model = self.model(digest)
        rows = self.vectors(tracks_name(model.digest)).fetch().sort_by("track_id")
        return TrackTable(
            track_ids=rows.column("track_id").to_pylist(),
            vectors=vectors_of(rows),
            presence=presence_of(rows),
            duration_s=rows.column("duration_s").to_numpy(),
            segments=rows.column("segments").to_numpy(),
            tags=tags_of(rows),
        )

    def segments_of(
        self, track_ids: Iterable[str], digest: str | None = None
    ) -> dict[str, PartEmbeddings]:
        """Segments of some tracks, in order of time. Tracks that are not there are left out."""
        from partwise.embedding.embeddings import PartEmbeddings

        model = self.model(digest)
        found: dict[str, PartEmbeddings] = {}
        ids = set(track_ids)
        if digest is None and (snapshot := self.snapshot) is not None:
            with self._damage_told():
                return snapshot.segments_of(ids)
        rows = self.vectors(segments_name(model.digest)).fetch(ids)
        rows = rows.sort_by([("track_id", "ascending"), ("segment", "ascending")])
        tracks = self.vectors(tracks_name(model.digest)).fetch(ids, ["track_id", "duration_s"])
        columns = tracks.to_pydict()
        seconds = dict(zip(columns["track_id"], columns["duration_s"], strict=True))
        embeddings = vectors_of(rows)
        presence = presence_of(rows)
        start_s = rows.column("start_s").to_numpy()
        end_s = rows.column("end_s").to_numpy()
        owners = np.asarray(rows.column("track_id").to_pylist(), dtype=object)
        bounds = np.flatnonzero(owners[1:] != owners[:-1]) + 1
        edges = [0, *bounds.tolist(), len(owners)]
        for first, last in pairwise(edges):
            if first == last or owners[first] not in seconds:
                continue  # no rows, or segments whose run was killed before their track
            found[owners[first]] = PartEmbeddings(
                embeddings=embeddings[first:last],
                presence=presence[first:last],
                start_s=start_s[first:last],
                end_s=end_s[first:last],
                seconds=seconds[owners[first]],
                presence_threshold=np.asarray(model.presence_threshold, dtype=np.float32),
            )
        return found

    def size_on_disk(self) -> int:
        """Bytes that the library's folder takes."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


def modified(path: Path) -> tuple[int, int]:
    """Another value for every file that takes this one's place; zeros when there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def tracks_name(digest: str) -> str:
    return f"tracks_{digest}"


def segments_name(digest: str) -> str:
    return f"segments_{digest}"
