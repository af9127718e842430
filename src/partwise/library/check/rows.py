"""What is wrong with tables that can be read: their rows one by one, their indexes, their files."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.stores.precision import scan
from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import (
    TAG_COLUMNS,
    columns,
    is_timed,
    presence_of,
    scaled_query,
    unpack,
    vectors_of,
)
from partwise.library.tables.ledger import State
from partwise.library.tables.reader import Store
from partwise.paths import hash_content, is_address, text_to_path

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.library.tables.manifest import ModelInfo

_CONTENT = re.compile(r"[0-9a-f]{32}")
# A last segment ends where the track does, up to rounding.
_TIME_S = 0.05
_QUERIES = 3
_HITS = 10
# Of the best ten scores, so many have to be found; stores promise 0.98 on average.
_LEAST = 8
_SCORE = 0.02


@dataclass(frozen=True)
class Tolerance:
    """How far stored vectors may be from what was heard. norm : from 1. track : per value."""

    norm: float
    track: float


TOLERANCES: Mapping[str, Tolerance] = {
    "float32": Tolerance(1e-3, 1e-3),
    "float16": Tolerance(2e-3, 3e-3),
    "int8": Tolerance(3e-2, 3e-2),
}


def wrong_files(rows: pa.Table) -> dict[str, str]:
    """What is wrong with ledger rows, a clause by path."""
    wrong: dict[str, str] = {}
    values = {name: rows.column(name).to_pylist() for name in rows.schema.names}
    times = Counter(values["path"])
    for row in range(rows.num_rows):
        its = {name: column[row] for name, column in values.items()}
        twice = "it stands there twice" if times[its["path"]] > 1 else None
        if clause := _wrong_file(its) or twice:
            wrong[its["path"]] = clause
    return wrong


def _wrong_file(row: Mapping[str, Any]) -> str | None:
    path, content, state = str(row["path"]), row["content_hash"], row["state"]
    absolute = text_to_path(path).startswith("/") or is_address(path)
    if not absolute or "\0" in text_to_path(path):
        return "that is no path"
    if state not in set(State):
        return f"the state {state!r} is none"
    if content is None:
        if state != State.FAILED:
            return "it has no content"
    elif not _CONTENT.fullmatch(str(content)):
        return "its content hash is none"
    for name in ("size", "mtime_ns", "updated_at", "model_digest"):
        value = row[name]
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return f"it has no {name}"
    seconds = row["seconds"]
    if isinstance(seconds, float) and not 0 <= seconds < math.inf:
        return "its seconds are impossible"
    return None


def wrong_tracks(
    tracks: pa.Table, segments: pa.Table, model: ModelInfo, tolerance: Tolerance
) -> dict[str, str]:
    """What is wrong with tracks, a clause by id. segments : all of these tracks, in any order."""
    tracks, empty = without_gaps(tracks)
    segments, empty_too = without_gaps(segments)
    wrong = dict.fromkeys(empty | empty_too, "rows with gaps")
    segments = segments.sort_by([("track_id", "ascending"), ("segment", "ascending")])
    of_track = rows_of_tracks(segments)
    arrays = SegmentArrays(segments)
    vectors, presence = vectors_of(tracks), presence_of(tracks)
    for row, values in enumerate(_light(tracks)):
        if values["track_id"] in wrong:
            continue
        here = of_track.get(values["track_id"], slice(0, 0))
        clause = wrong_segments(arrays, here, model, tolerance)
        if clause is None:
            heard = arrays.embeddings_of(here, model, values["duration_s"] or 0.0)
            clause = _wrong_track(values, vectors[row], presence[row], heard, model, tolerance)
        if clause is not None:
            wrong[values["track_id"]] = clause
    return wrong


def without_gaps(rows: pa.Table) -> tuple[pa.Table, set[str]]:
    """The rows that have a value wherever there must be one, and the track ids of the others."""
    import pyarrow.compute as pc

    whole = np.ones(rows.num_rows, dtype=bool)
    for name in set(rows.schema.names) - set(TAG_COLUMNS):
        whole &= pc.is_valid(rows.column(name)).to_numpy()  # pyright: ignore[reportAttributeAccessIssue]
    ids = rows.column("track_id").to_pylist()
    return rows.filter(whole), {ids[row] for row in np.flatnonzero(~whole)}


def rows_of_tracks(segments: pa.Table) -> dict[str, slice]:
    """The rows of each track; segments : sorted by track."""
    owners = np.asarray(segments.column("track_id").to_pylist(), dtype=object)
    if len(owners) == 0:
        return {}
    bounds = (np.flatnonzero(owners[1:] != owners[:-1]) + 1).tolist()
    edges = [0, *bounds, len(owners)]
    return {owners[first]: slice(first, last) for first, last in pairwise(edges)}


class SegmentArrays:
    """Columns of segments as arrays, one row each."""

    def __init__(self, rows: pa.Table) -> None:
        self.vectors = vectors_of(rows)  # [n, parts, dim]
        self.presence = presence_of(rows)  # [n, parts]
        self.norms = np.linalg.norm(self.vectors.astype(np.float64), axis=2)  # [n, parts]
        self.numbers = _numbers(rows, "segment")
        self.start_s = _numbers(rows, "start_s")
        self.end_s = _numbers(rows, "end_s")
        self.digests = rows.column("model_digest").to_pylist()

    def embeddings_of(self, here: slice, model: ModelInfo, seconds: float) -> PartEmbeddings:
        return PartEmbeddings(
            self.vectors[here],
            self.presence[here],
            self.start_s[here],
            self.end_s[here],
            seconds,
            np.asarray(model.presence_threshold, np.float32),
        )


def wrong_segments(
    arrays: SegmentArrays, here: slice, model: ModelInfo, tolerance: Tolerance
) -> str | None:
    """What is wrong with one track's segments, sorted by number."""
    numbers, start_s, end_s = arrays.numbers[here], arrays.start_s[here], arrays.end_s[here]
    if len(numbers) == 0:
        return "no segments"
    if not np.array_equal(numbers, np.arange(len(numbers))):
        return "segments are missing, or there twice"
    if set(arrays.digests[here]) != {model.digest}:
        return "segments of another model"
    ordered = np.all(np.diff(start_s) > 0) and np.all(end_s > start_s) and start_s[0] == 0
    if not (ordered and np.isfinite(end_s).all()):
        return "segments at impossible times"
    if end_s[-1] - start_s[-1] > model.segment_s + _TIME_S:
        return "segments at impossible times"
    return wrong_vectors(arrays.norms[here], arrays.presence[here], model, tolerance)


def wrong_vectors(
    norms: np.ndarray, presence: np.ndarray, model: ModelInfo, tolerance: Tolerance
) -> str | None:
    """What is wrong with vectors of these norms [n, parts] and presences [n, parts]."""
    if not np.isfinite(norms).all():
        return "vectors that are not finite"
    if not ((presence >= 0) & (presence <= 1)).all():
        return "presences outside 0..1"
    present = presence >= np.asarray(model.presence_threshold, np.float32)
    if (np.abs(norms[present] - 1) > tolerance.norm).any() or norms[~present].any():
        return "vectors whose length is not 1, or that are there for an absent part"
    return None


def _wrong_track(
    row: Mapping[str, Any],
    vector: np.ndarray,
    presence: np.ndarray,
    heard: PartEmbeddings,
    model: ModelInfo,
    tolerance: Tolerance,
) -> str | None:
    if not _CONTENT.fullmatch(str(row["track_id"])):
        return "an id that is none"
    if row["model_digest"] != model.digest:
        return "a track of another model"
    if row["segments"] != len(heard):
        return "another number of segments than the track says"
    seconds, end_s = row["duration_s"], heard.end_s[-1]
    if not isinstance(seconds, float) or not (
        end_s - _TIME_S <= seconds <= end_s + model.hop_s / 2 + _TIME_S
    ):
        return "another length than that of the segments"
    its_vector, its_presence = heard.track()
    near = np.abs(vector - its_vector).max() <= tolerance.track
    if not (near and np.abs(presence - its_presence).max() <= tolerance.track):
        return "a vector that is not that of the segments"
    return None


def _light(tracks: pa.Table) -> list[dict[str, Any]]:
    return tracks.select(["track_id", "model_digest", "duration_s", "segments"]).to_pylist()


def _numbers(rows: pa.Table, name: str) -> np.ndarray:
    """float64 [n]; NaN where there is no value."""
    return rows.column(name).cast("float64").fill_null(math.nan).to_numpy()


# --- vector indexes


def index_problem(vectors: VectorStore) -> str | None:
    """What is wrong with the indexes of a store, a clause; None when they are of use."""
    try:
        ids = vectors.fetch(columns=["track_id"]).column("track_id").to_pylist()
        if not ids:
            return None
        chosen = sorted(set(ids[:: max(1, len(ids) // _QUERIES)]))[:_QUERIES]
        rows = vectors.fetch(chosen, columns(is_timed(vectors.schema)))
        if rows.num_rows < len(chosen):
            return "the index of track ids does not find every track"
        if vectors.accuracy.exact:
            return None
        _, queries, _, _ = unpack(rows, is_timed(vectors.schema))
        for query in islice(queries, _QUERIES):
            if _found(vectors, query) < _LEAST:
                return "the vector index misses rows that a comparison with all of them finds"
    except PartwiseError as error:
        return f"a search through its index fails: {error}"
    return None


def _found(vectors: VectorStore, query: np.ndarray) -> int:
    """How many of the best ten scores the search finds; query : float32 [parts=5, dim]."""
    weights = np.asarray(np.any(query, axis=-1), np.float32)
    if not weights.any():
        return _HITS
    timed = is_timed(vectors.schema)
    every = scan(vectors.batches(columns(timed)), scaled_query(query, weights), _HITS, timed)
    found = [vectors.search(query, weights, _HITS, complete=c).scores for c in (True, False)]
    best = -np.sort(-np.concatenate(found))[: len(every)]
    hits = int((best >= every.scores[: len(best)] - _SCORE).sum())
    return hits + _HITS - len(every)


# --- files


@dataclass
class FilesRead:
    """read : how many. missing : not there. changed : of another size or time of change.

    problems : paths (text) by what is wrong, a clause.
    """

    read: int = 0
    missing: int = 0
    changed: int = 0
    problems: dict[str, list[str]] = field(default_factory=dict)


def changed_files(store: Store, tell: Callable[[float, float], None]) -> FilesRead:
    """Read every indexed file and compare. tell : is told how many megabytes of how many."""
    found = FilesRead()
    rows = [row for _, row in sorted(store.ledger().items()) if row.state is State.INDEXED]
    rows = [row for row in rows if row.mtime_ns != LOOK_AGAIN]  # the next run looks anyway
    rows = [row for row in rows if not is_address(row.path)]  # and their server is not asked
    total, done = sum(row.size for row in rows), 0
    for row in rows:
        tell(done / 1e6, total / 1e6)
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
