"""Seeded rows of both tables, with absent parts, and questions to ask of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from partwise.library.stores.accuracy import WEIGHTINGS, draw_weights
from partwise.library.stores.protocol import Candidates
from partwise.library.stores.rows import (
    PRESENCE_COLUMNS,
    segments_schema,
    tracks_schema,
    vector_column,
    vectors_of,
)
from partwise.parts import PARTS

DIM = 8
THRESHOLD = 0.5


def vectors(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vectors float32 [rows, 5, DIM], clustered part by part, and presence float32 [rows, 5].

    Every part is absent from a quarter of the rows; now and then a row holds nothing at all.
    """
    centres = np.random.default_rng(3).normal(size=(len(PARTS), 12, DIM))
    chosen = centres[np.arange(len(PARTS)), rng.integers(12, size=(rows, len(PARTS)))]
    made = chosen + rng.normal(size=chosen.shape)
    made /= np.linalg.norm(made, axis=-1, keepdims=True)
    heard = rng.random((rows, len(PARTS))) >= 0.25
    heard[::41] = False
    presence = np.where(heard, rng.uniform(THRESHOLD, 1, heard.shape), rng.uniform(0, 0.49))
    return (made * heard[..., None]).astype(np.float32), presence.astype(np.float32)


def _table(schema: pa.Schema, owners: Sequence[str], rng: np.random.Generator, more: dict):
    made, presence = vectors(len(owners), rng)
    columns = {
        "track_id": list(owners),
        "model_digest": ["digest"] * len(owners),
        "vector": vector_column(made),
        **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
        **more,
    }
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def tracks(ids: Sequence[str], seed: int = 0) -> pa.Table:
    """One row a track, some without tags."""
    rng = np.random.default_rng(seed)
    count = len(ids)
    return _table(
        tracks_schema(DIM),
        ids,
        rng,
        {
            "duration_s": rng.uniform(30, 400, count),
            "segments": pa.array([3] * count, pa.int32()),
            "title": [None if n % 5 == 0 else f"it's “{n}”" for n in range(count)],
            "artist": [f"artist {n % 4}" for n in range(count)],
            "album": [None] * count,
            "year": pa.array([None if n % 3 else 1990 + n % 30 for n in range(count)], pa.int32()),
            "genre": pa.array(
                [f"genre {n % 2}" if n % 4 else None for n in range(count)], pa.string()
            ),
        },
    )


def segments(ids: Sequence[str], each: int = 3, seed: int = 0) -> pa.Table:
    """``each`` rows a track."""
    numbers = np.tile(np.arange(each, dtype=np.int32), len(ids))
    return _table(
        segments_schema(DIM),
        [track_id for track_id in ids for _ in range(each)],
        np.random.default_rng(seed),
        {"segment": numbers, "start_s": 5.0 * numbers, "end_s": 5.0 * numbers + 10.0},
    )


def ids(count: int, first: int = 0) -> list[str]:
    return [f"{number:032x}" for number in range(first, first + count)]


def ordered(rows: pa.Table) -> pa.Table:
    """By track and segment, in one piece: so that two tables can be compared."""
    keys = [(name, "ascending") for name in ("track_id", "segment") if name in rows.schema.names]
    return rows.sort_by(keys).combine_chunks()


def questions(
    rows: pa.Table, weighting: str, count: int, seed: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Queries near rows that hold two parts or more, and weights of parts that they have."""
    assert weighting in WEIGHTINGS
    rng = np.random.default_rng(seed)
    there = vectors_of(rows)
    several = np.flatnonzero(there.any(axis=-1).sum(axis=-1) >= 2)
    for row in rng.choice(several, count, replace=False):
        present = np.asarray(there[row].any(axis=-1))
        query = there[row] + 0.1 * rng.normal(size=there[row].shape) * present[:, None]
        norm = np.linalg.norm(query, axis=-1, keepdims=True)
        query = query / np.where(norm > 0, norm, 1)
        yield query.astype(np.float32), draw_weights(present, rng)[weighting]


def keys_of(found: Candidates) -> list[tuple[str, float]]:
    return list(zip(found.track_ids, found.start_s.tolist(), strict=True))


def assert_same(found: Candidates, expected: Candidates) -> None:
    """The same rows, in the same order as far as the scores tell them apart."""
    assert len(found) == len(expected) and found.exhausted == expected.exhausted
    np.testing.assert_allclose(found.scores, expected.scores, atol=2e-6)
    if not len(found):
        return
    # Rows that score as high as the last may differ where not all of them fit.
    least = -np.inf if expected.exhausted else expected.scores[-1] + 4e-6
    sure = [int(np.sum(candidates.scores > least)) for candidates in (found, expected)]
    assert set(keys_of(found)[: sure[0]]) == set(keys_of(expected)[: sure[1]])
    at = {key: place for place, key in enumerate(keys_of(expected))}
    for place, key in enumerate(keys_of(found)):
        if key in at:
            np.testing.assert_array_equal(found.vectors[place], expected.vectors[at[key]])
            np.testing.assert_array_equal(found.presence[place], expected.presence[at[key]])
            assert found.end_s[place] == expected.end_s[at[key]]
