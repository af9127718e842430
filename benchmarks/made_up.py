"""Part vectors in any number, for the benchmarks of stores: made up, or drawn around real ones.

Every source gives whole tracks of ``SEGMENTS_PER_TRACK`` segments. ``rows`` and ``draw_queries``
draw from fixed seeds, so that two processes see the same rows without passing them on; a row is
known by its number, which ``row_numbers`` reads from an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from partwise.library.stores.accuracy import WEIGHTINGS, draw_weights
from partwise.library.stores.rows import PRESENCE_COLUMNS, segments_schema, vector_column
from partwise.parts import PARTS

SEGMENTS_PER_TRACK = 20
SEGMENT_S, HOP_S = 10.0, 5.0
THRESHOLD = 0.5
BATCH_TRACKS = 1000


class Source(Protocol):
    """Where vectors come from."""

    dim: int

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Vectors float32 [count, segments, 5, dim] and presence float32 [count, segments, 5].

        Where a presence is below ``THRESHOLD`` the part is absent, whatever its vector.
        """
        ...


class MadeUp:
    """Clustered vectors, each part on its own."""

    def __init__(self, dim: int, noise: float, clusters: int) -> None:
        """noise : length of what is added to a cluster's unit vector; 1 gives tracks of one cluster
        a similarity of about 0.5. Segments of a track lie at 0.3 of that around it.
        """
        rng = np.random.default_rng(0)
        self._centres = unit(rng.normal(size=(len(PARTS), clusters, dim)))
        self._noise = noise
        self.dim = dim

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        clusters, dim = self._centres.shape[1:]
        parts = np.arange(len(PARTS))
        chosen = self._centres[parts, rng.integers(clusters, size=(count, len(PARTS)))]
        spread = self._noise / np.sqrt(dim)
        track = chosen + spread * rng.normal(size=chosen.shape)
        shape = (count, SEGMENTS_PER_TRACK, len(PARTS), dim)
        vectors = unit(track[:, None] + 0.3 * spread * rng.normal(size=shape))
        absent = rng.random((count, 1, len(PARTS))) < 0.25
        presence = np.where(absent, 0.2, 0.9) + rng.uniform(-0.1, 0.1, shape[:3])
        return vectors, presence.astype(np.float32)


class Resampled:
    """Rows of real embeddings, each with noise of its own."""

    def __init__(self, path: Path, noise: float) -> None:
        with np.load(path) as data:
            self._vectors, self._presence = data["embeddings"], data["presence"]
        self._noise = noise
        self.dim = self._vectors.shape[-1]

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The segments of a track are consecutive rows where possible."""
        rows = len(self._vectors)
        first = rng.integers(rows, size=(count, 1))
        chosen = (first + np.arange(SEGMENTS_PER_TRACK)) % rows
        vectors, presence = self._vectors[chosen], self._presence[chosen]
        spread = self._noise / np.sqrt(vectors.shape[-1])
        moved = vectors + spread * rng.normal(size=(count, 1, *vectors.shape[2:]))
        moved = unit(moved + 0.3 * spread * rng.normal(size=vectors.shape))
        # A row that the encoder left at zero is absent whatever its presence says.
        heard = vectors.any(axis=-1)
        return moved, np.where(heard, np.maximum(presence, THRESHOLD), presence * 0.99 * THRESHOLD)


class AroundReal:
    """Tracks drawn around real ones, with their spread, their course in time and their gaps.

    A smoothed bootstrap: a new track takes a real one (all five parts of it), goes a part of the
    way to the mean of all, and is moved by noise of the covariance that real tracks have among
    themselves, so that mean and covariance stay what they are. Its segments wander around it with
    the covariance, and the correlation from one to the next, that real segments have around theirs.
    Which parts a segment has is copied from the real track.
    """

    def __init__(self, path: Path, noise: float = 0.7) -> None:
        """path : what ``partwise embed`` wrote of several recordings.

        noise : share of the spread that is noise, 0 (copies of real tracks) to 1 (one Gaussian).
        """
        tracks = real_tracks(path)
        self.dim = tracks[0].shape[-1]
        self._noise = noise
        # bool [segments, parts] each
        self._heard: list[np.ndarray] = [np.asarray(t.any(axis=-1)) for t in tracks]
        count = np.maximum([heard.sum(axis=0) for heard in self._heard], 1)[:, :, None]
        self._centres = np.stack([track.sum(axis=0) for track in tracks]) / count  # [n, parts, dim]
        self._mean = np.zeros((len(PARTS), self.dim), np.float32)
        self._among = np.zeros((len(PARTS), self.dim, self.dim), np.float32)
        self._within = np.zeros_like(self._among)
        self._follows = np.zeros(len(PARTS), np.float32)
        for part in range(len(PARTS)):
            self._fit(part, tracks)

    def _fit(self, part: int, tracks: Sequence[np.ndarray]) -> None:
        there = np.array([bool(heard[:, part].any()) for heard in self._heard])
        centres = self._centres[there, part]
        self._mean[part] = centres.mean(axis=0)
        self._among[part] = _root(np.cov(centres.T))
        around, before, after = [], [], []
        for at in np.flatnonzero(there).tolist():
            heard = self._heard[at][:, part]
            away = tracks[at][:, part] - self._centres[at, part]
            around.append(away[heard])
            both = heard[1:] & heard[:-1]
            before.append(away[:-1][both])
            after.append(away[1:][both])
        rows = np.concatenate(around)
        # A track's own mean was taken off: one degree of freedom a track.
        self._within[part] = _root(rows.T @ rows / max(1, len(rows) - there.sum()))
        first, second = np.concatenate(before), np.concatenate(after)
        joint = (first * second).sum() / max(1e-9, 0.5 * ((first**2).sum() + (second**2).sum()))
        self._follows[part] = np.clip(joint, 0.0, 0.99)

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen = rng.integers(len(self._centres), size=count)
        kept = np.float32(np.sqrt(1.0 - self._noise**2))
        moved = self._drawn(count, self._among, rng)
        track = self._mean + kept * (self._centres[chosen] - self._mean) + self._noise * moved
        follows = self._follows[:, None]
        vectors = np.empty((count, SEGMENTS_PER_TRACK, len(PARTS), self.dim), np.float32)
        away = self._drawn(count, self._within, rng)
        for segment in range(SEGMENTS_PER_TRACK):
            if segment:
                fresh = self._drawn(count, self._within, rng)
                away = follows * away + np.sqrt(1.0 - follows**2) * fresh
            vectors[:, segment] = track + away
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        return vectors, np.stack([self._gaps(at, rng) for at in chosen])

    def _drawn(self, count: int, roots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float32 [count, parts, dim] of the covariance whose roots are given."""
        white = rng.standard_normal((len(PARTS), count, self.dim), dtype=np.float32)
        return np.matmul(white, roots).swapaxes(0, 1)

    def _gaps(self, track: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [segments, parts]: presence of a real track's segments, to and fro in time."""
        heard = self._heard[track]
        there_and_back = np.concatenate([heard, heard[::-1]])
        first = rng.integers(len(there_and_back))
        at = (first + np.arange(SEGMENTS_PER_TRACK)) % len(there_and_back)
        return np.where(there_and_back[at], np.float32(0.9), np.float32(0.1))


def real_tracks(path: Path) -> list[np.ndarray]:
    """float32 [segments, parts=5, dim] of each recording that ``partwise embed`` wrote."""
    with np.load(path) as data:
        vectors, paths = data["embeddings"].astype(np.float32), data["path"]
    return np.split(vectors, np.flatnonzero(paths[1:] != paths[:-1]) + 1)


def likeness_of(tracks: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """By part, what decides how hard a search is, to compare drawn tracks with real ones.

    there : share of tracks that have the part. nearest, pairs_95 : similarity of a track to its
    nearest other one (median), and that of the closest twentieth of pairs. next : of a segment to
    the next one (median). dims : how many dimensions the tracks fill (participation ratio).
    """
    found = []
    for part in range(len(PARTS)):
        vectors = [track[track[:, part].any(axis=-1), part] for track in tracks]
        whole = unit(np.stack([of_track.mean(axis=0) for of_track in vectors if len(of_track)]))
        alike = whole @ whole.T
        pairs = alike[np.triu_indices(len(whole), 1)]
        np.fill_diagonal(alike, -1.0)
        follows = np.concatenate([(v[1:] * v[:-1]).sum(axis=-1) for v in vectors])
        spread = np.linalg.eigvalsh(np.cov(whole.T))
        found.append(
            {
                "there": len(whole) / len(tracks),
                "nearest": float(np.median(alike.max(axis=1))),
                "pairs_95": float(np.quantile(pairs, 0.95)),
                "next": float(np.median(follows)),
                "dims": float(spread.sum() ** 2 / (spread**2).sum()),
            }
        )
    return found


def _root(covariance: np.ndarray) -> np.ndarray:
    """A symmetric square root, float32 [dim, dim]; what rounding made negative counts as 0."""
    values, vectors = np.linalg.eigh(covariance)
    return ((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T).astype(np.float32)


def unit(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def rows(source: Source, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """``count`` rows piece by piece: float32 [n, parts=5, dim], zeros where absent, and presence.

    Always the same rows; those of a larger number begin with those of a smaller one.
    """
    rng = np.random.default_rng(1)
    written = 0
    while written < count:
        vectors, presence = source.tracks(BATCH_TRACKS, rng)
        take = min(BATCH_TRACKS * SEGMENTS_PER_TRACK, count - written)
        presence = presence.reshape(-1, len(PARTS))[:take].astype(np.float32)
        vectors = vectors.reshape(-1, len(PARTS), source.dim)[:take]
        yield (vectors * (presence >= THRESHOLD)[:, :, None]).astype(np.float32), presence
        written += take


def tables(source: Source, count: int) -> Iterator[Any]:
    """The same rows as Arrow tables of ``segments_schema``."""
    import pyarrow as pa

    schema = segments_schema(source.dim)
    written = 0
    for vectors, presence in rows(source, count):
        number = written + np.arange(len(vectors))
        segment = (number % SEGMENTS_PER_TRACK).astype(np.int32)
        columns = {
            "track_id": [f"{track:032x}" for track in number // SEGMENTS_PER_TRACK],
            "model_digest": ["benchmark"] * len(vectors),
            "vector": vector_column(vectors),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "segment": segment,
            "start_s": HOP_S * segment,
            "end_s": HOP_S * segment + SEGMENT_S,
        }
        yield pa.table({name: columns[name] for name in schema.names}, schema=schema)
        written += len(vectors)


def row_numbers(track_ids: Sequence[str], start_s: np.ndarray) -> np.ndarray:
    """int64 [k]: which of ``tables`` rows these are."""
    tracks = np.array([int(track_id, 16) for track_id in track_ids], np.int64)
    return tracks * SEGMENTS_PER_TRACK + np.rint(start_s / HOP_S).astype(np.int64)


def draw_queries(source: Source, count: int) -> dict[str, np.ndarray]:
    """Queries float32 [count, 5, dim] and, by kind, weights float32 [count, 5].

    They are tracks that are in no table. Only parts that the query has are asked for; queries
    without two parts are not drawn.
    """
    rng = np.random.default_rng(2)
    queries = np.empty((0, len(PARTS), source.dim), np.float32)
    while len(queries) < count:
        vectors, presence = source.tracks(BATCH_TRACKS, rng)
        heard = presence[:, 0] >= THRESHOLD
        drawn = vectors[:, 0] * heard[:, :, None]
        queries = np.concatenate([queries, drawn[heard.sum(axis=1) >= 2].astype(np.float32)])
    queries = queries[:count]
    weights = {name: np.zeros((count, len(PARTS)), np.float32) for name in WEIGHTINGS}
    for at, query in enumerate(queries):
        for name, drawn in draw_weights(query.any(axis=-1), rng).items():
            weights[name][at] = drawn
    return {"queries": queries, **weights}
