"""How part vectors lie in rows: the Arrow schemas of both tables, and arrays out of them.

A vector column is [parts=5, dim] flattened; no other module knows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from partwise.audio.tags import Tags
from partwise.library.stores.protocol import Candidates
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

PRESENCE_COLUMNS = tuple(f"presence_{part}" for part in PARTS)
# What files say of themselves, in the order of ``Tags``. A store made before there was a genre
# lacks its column until an indexing run adds it, and one in Milvus for good.
TAG_COLUMNS = ("title", "artist", "album", "year", "genre")


def tracks_schema(dim: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            *_embedding_fields(dim),
            ("duration_s", pa.float64()),
            ("segments", pa.int32()),
            *((name, pa.int32() if name == "year" else pa.string()) for name in TAG_COLUMNS),
        ]
    )


def segments_schema(dim: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            *_embedding_fields(dim),
            ("segment", pa.int32()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
        ]
    )


def _embedding_fields(dim: int) -> list[tuple[str, pa.DataType]]:
    """What both tables hold; ``model_digest`` repeats what the table's name says."""
    import pyarrow as pa

    return [
        ("track_id", pa.string()),
        ("model_digest", pa.string()),
        ("vector", pa.list_(pa.float32(), len(PARTS) * dim)),
        *((name, pa.float32()) for name in PRESENCE_COLUMNS),
    ]


def dim_of(schema: pa.Schema) -> int:
    """Embedding dimensions of one part."""
    return schema.field("vector").type.list_size // len(PARTS)


def is_timed(schema: pa.Schema) -> bool:
    """Whether these are rows of segments, which have a time in their track."""
    return "start_s" in schema.names


def columns(timed: bool) -> list[str]:
    """What a search needs of rows."""
    return ["track_id", "vector", *PRESENCE_COLUMNS, *(["start_s", "end_s"] if timed else [])]


def vectors_of(rows: pa.Table) -> np.ndarray:
    """float32 [rows, parts=5, dim]: the column ``vector`` of either table."""
    column = rows.column("vector").combine_chunks()
    dim = column.type.list_size // len(PARTS)
    return column.flatten().to_numpy().reshape(rows.num_rows, len(PARTS), dim)


def vector_column(vectors: np.ndarray) -> pa.Array:
    """The column ``vector`` of float32 [rows, parts=5, dim]."""
    import pyarrow as pa

    flat = np.ascontiguousarray(vectors, np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), len(PARTS) * vectors.shape[2])


def presence_of(rows: pa.Table) -> np.ndarray:
    """float32 [rows, parts=5]: the presence columns of either table."""
    return np.stack([rows.column(name).to_numpy() for name in PRESENCE_COLUMNS], axis=1)


def tags_of(rows: pa.Table) -> list[Tags]:
    """What the files' tags say, of rows of tracks; None for a column that is not there."""
    there = rows.schema.names
    columns = [
        rows.column(name).to_pylist() if name in there else [None] * rows.num_rows
        for name in TAG_COLUMNS
    ]
    return [Tags(*values) for values in zip(*columns, strict=True)]


def pattern_of(vectors: np.ndarray) -> np.ndarray:
    """uint8 [n]: which parts float32 [n, parts=5, dim] holds, one bit each."""
    return (vectors.any(axis=-1) @ (1 << np.arange(len(PARTS)))).astype(np.uint8)


def wanted_bits(weights: np.ndarray) -> int:
    """The bits of ``pattern_of`` that a row must have to be complete for weights [parts=5]."""
    return int(np.sum(1 << np.flatnonzero(weights > 0)))


def scaled_query(query: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float32 [parts=5, dim] whose inner product with a row is the row's weighted score."""
    return (query * (weights / weights.sum())[:, None]).astype(np.float32)


def unpack(rows: pa.Table, timed: bool) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids [k], vectors [k, 5, dim], presence [k, 5] and times [start and end, k] of rows."""
    times = np.zeros((2, rows.num_rows))
    if timed:
        times[:] = rows.column("start_s").to_numpy(), rows.column("end_s").to_numpy()
    return rows.column("track_id").to_pylist(), vectors_of(rows), presence_of(rows), times


def take(found: Candidates, order: np.ndarray, exhausted: bool) -> Candidates:
    """Some of the candidates, int [m], in that order."""
    return Candidates(
        [found.track_ids[i] for i in order],
        found.scores[order],
        found.vectors[order],
        found.presence[order],
        found.start_s[order],
        found.end_s[order],
        exhausted,
    )


def in_list(column: str, values: Iterable[str]) -> str:
    """SQL condition for a LanceDB filter."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def quoted(value: str) -> str:
    """A string literal for a LanceDB filter."""
    return "'" + value.replace("'", "''") + "'"


def chunks(values: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    """Distinct values in order, as lists short enough for one condition."""
    ordered = sorted(set(values))
    for first in range(0, len(ordered), size):
        yield ordered[first : first + size]
