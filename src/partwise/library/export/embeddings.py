"""The vectors of a library with what is known of their tracks: as arrays, as Arrow, piece by piece.

Only tracks that have a file are given, as in answers, and only vectors of the active model. Tracks
are in no order; the segments of one stand together, in order of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.rows import PRESENCE_COLUMNS, chunks, presence_of, vectors_of
from partwise.library.tables.catalogue import Track, read_catalogue
from partwise.parts import PARTS
from partwise.paths import path_to_text

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.embedding.embeddings import PartEmbeddings
    from partwise.library.tables.reader import Store

Rows = Literal["tracks", "segments"]
ROWS: tuple[Rows, ...] = ("tracks", "segments")
# Tracks whose segments are read at a time: some ten thousand rows.
_TRACKS_AT_ONCE = 500


@dataclass(frozen=True)
class LibraryEmbeddings:
    """Rows of a library: its tracks as wholes, or their segments.

    of : "tracks" or "segments". model_digest : whose vectors these are.
    tracks : those that the rows belong to (ids, files, tags, length). track : int64 [rows], which.
    embeddings : float32 [rows, parts=5, dim], unit norm per part, zeros where the part is absent.
    presence : float32 [rows, parts=5], 0..1.
    start_s, end_s : float64 [rows], of a track 0 and its length.
    """

    of: Rows
    model_digest: str
    tracks: tuple[Track, ...]
    track: np.ndarray
    embeddings: np.ndarray
    presence: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.embeddings)

    @property
    def track_ids(self) -> list[str]:
        """The id of each row's track."""
        return [self.tracks[number].track_id for number in self.track]

    def to_arrow(self) -> pa.Table:
        """A table with a row for each, as ``partwise export --parquet`` writes it.

        track_id, path (the first file, as ``paths.path_to_text`` writes it), paths (all files),
        title, artist, album, genre, year, duration_s, start_s, end_s, presence_drums ...
        presence_other, embedding_drums ... embedding_other (lists of dim floats), model_digest.
        """
        import pyarrow as pa

        paths = [[path_to_text(path) for path in track.paths] for track in self.tracks]
        tags = [track.tags for track in self.tracks]
        about = pa.table(
            {
                "track_id": pa.array([track.track_id for track in self.tracks], pa.string()),
                "path": pa.array([files[0] for files in paths], pa.string()),
                "paths": pa.array(paths, pa.list_(pa.string())),
                "title": pa.array([one.title for one in tags], pa.string()),
                "artist": pa.array([one.artist for one in tags], pa.string()),
                "album": pa.array([one.album for one in tags], pa.string()),
                "genre": pa.array([one.genre for one in tags], pa.string()),
                "year": pa.array([one.year for one in tags], pa.int32()),
                "duration_s": pa.array([t.duration_s for t in self.tracks], pa.float64()),
            }
        )
        columns = dict(zip(about.column_names, about.take(self.track).columns, strict=True))
        return pa.table({**columns, **heard_columns(self, self.model_digest)})


def heard_columns(
    heard: LibraryEmbeddings | PartEmbeddings, model_digest: str
) -> dict[str, pa.Array]:
    """The Arrow columns of what was heard in rows, by name: a column for each part."""
    import pyarrow as pa

    count, _, dim = heard.embeddings.shape
    columns: dict[str, pa.Array] = {"start_s": pa.array(heard.start_s)}
    columns["end_s"] = pa.array(heard.end_s)
    for name, values in zip(PRESENCE_COLUMNS, heard.presence.T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(values, np.float32))
    for part in PARTS:
        flat = np.ascontiguousarray(heard.embeddings[:, part.index], np.float32).reshape(-1)
        columns[f"embedding_{part}"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), dim)
    columns["model_digest"] = pa.array([model_digest] * count, pa.string())
    return columns


def batches(store: Store, of: Rows) -> Iterator[LibraryEmbeddings]:
    """All rows of the active model piece by piece; what is written meanwhile may be among them.

    Raises PartwiseError for another word than "tracks" and "segments".
    """
    if of not in ROWS:
        raise PartwiseError(f"a library has tracks and segments, no {of!r}")
    digest, catalogue = store.digest, read_catalogue(store)
    tables = _tracks(store) if of == "tracks" else _segments(store, sorted(catalogue))
    for rows in tables:
        ids = rows.column("track_id").to_pylist()
        known = np.fromiter((track_id in catalogue for track_id in ids), bool, len(ids))
        if not known.all():
            rows = rows.filter(known)
            ids = [track_id for track_id in ids if track_id in catalogue]
        if not ids:
            continue
        numbers = {track_id: number for number, track_id in enumerate(dict.fromkeys(ids))}
        tracks = tuple(catalogue[track_id] for track_id in numbers)
        track = np.fromiter((numbers[track_id] for track_id in ids), np.int64, len(ids))
        if of == "segments":
            start_s, end_s = (rows.column(name).to_numpy() for name in ("start_s", "end_s"))
        else:
            end_s = np.array([tracks[number].duration_s for number in track])
            start_s = np.zeros(len(ids))
        yield LibraryEmbeddings(
            of, digest, tracks, track, vectors_of(rows), presence_of(rows), start_s, end_s
        )


def read_all(store: Store, of: Rows) -> LibraryEmbeddings:
    """All rows at once; memory holds them once, and a piece of them twice."""
    # What is written meanwhile belongs to a later state, and has no place here.
    room = (store.tracks if of == "tracks" else store.segments).count()
    embeddings = np.empty((room, len(PARTS), store.dim), np.float32)
    presence = np.empty((room, len(PARTS)), np.float32)
    numbers, times = np.empty(room, np.int64), np.empty((2, room))
    tracks: list[Track] = []
    done = 0
    for piece in batches(store, of):
        here = slice(done, min(done + len(piece), room))
        fits = here.stop - done
        embeddings[here], presence[here] = piece.embeddings[:fits], piece.presence[:fits]
        times[0, here], times[1, here] = piece.start_s[:fits], piece.end_s[:fits]
        numbers[here] = piece.track[:fits] + len(tracks)
        tracks += piece.tracks
        done = here.stop
    rows = slice(0, done)
    used = tuple(tracks[: numbers[done - 1] + 1] if done else ())
    return LibraryEmbeddings(
        of,
        store.digest,
        used,
        numbers[rows],
        embeddings[rows],
        presence[rows],
        times[0, rows],
        times[1, rows],
    )


def _tracks(store: Store) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in store.tracks.batches(["track_id", "vector", *PRESENCE_COLUMNS]):
        yield pa.Table.from_batches([batch])


def _segments(store: Store, track_ids: Sequence[str]) -> Iterator[pa.Table]:
    """Segments of some tracks at a time, so that those of one stand together."""
    segments = store.segments
    names = ["track_id", "vector", *PRESENCE_COLUMNS, "segment", "start_s", "end_s"]
    for ids in chunks(track_ids, _TRACKS_AT_ONCE):
        rows = segments.fetch(ids, names)
        yield rows.sort_by([("track_id", "ascending"), ("segment", "ascending")])
