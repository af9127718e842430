"""How many bytes a store spends on a number of a vector, and what is lost by spending fewer.

``float16`` rounds each number to 11 bits. ``int8`` keeps one scale per row and part: the numbers of
a part span -127..127 whatever their size, and the part keeps its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.protocol import Candidates
from partwise.library.stores.rows import take, unpack, vector_column, vectors_of
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

PRECISIONS = ("float32", "float16", "int8")
SCALE = "vector_scale"
_INT8_MAX = 127


def check_precision(precision: str) -> str:
    """Raises PartwiseError when there is no such precision."""
    if precision not in PRECISIONS:
        raise PartwiseError(
            f"{precision!r} is no precision of stored vectors: choose one of"
            f" {', '.join(PRECISIONS)}"
        )
    return precision


def stored_schema(schema: pa.Schema, precision: str) -> pa.Schema:
    """The schema of rows as they are stored, from that of rows as they are given."""
    import pyarrow as pa

    if precision == "float32":
        return schema
    number = pa.float16() if precision == "float16" else pa.int8()
    at = schema.get_field_index("vector")
    vector = pa.field("vector", pa.list_(number, schema.field(at).type.list_size))
    stored = schema.set(at, vector)
    if precision == "int8":
        stored = stored.append(pa.field(SCALE, pa.list_(pa.float32(), len(PARTS))))
    return stored


def precision_of(stored: pa.Schema) -> str:
    """What rows of this schema are stored in."""
    name = str(stored.field("vector").type.value_type)
    return {"float": "float32", "halffloat": "float16"}.get(name, name)


def encoded(rows: pa.Table, precision: str) -> pa.Table:
    """Rows as they are stored."""
    import pyarrow as pa

    if precision == "float32":
        return rows
    vectors = vectors_of(rows)
    at = rows.schema.get_field_index("vector")
    size = rows.schema.field(at).type.list_size
    if precision == "float16":
        flat = pa.array(vectors.astype(np.float16).reshape(-1))
        return rows.set_column(at, "vector", pa.FixedSizeListArray.from_arrays(flat, size))
    numbers, scale = to_int8(vectors)
    column = pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), size)
    scales = pa.FixedSizeListArray.from_arrays(pa.array(scale.reshape(-1)), len(PARTS))
    return rows.set_column(at, "vector", column).append_column(SCALE, scales)


def decoded(rows: pa.Table) -> pa.Table:
    """Rows as they are given: ``vector`` in float32, however it is stored; no scale."""
    if "vector" not in rows.schema.names or precision_of(rows.schema) == "float32":
        return rows
    at = rows.schema.get_field_index("vector")
    if precision_of(rows.schema) == "float16":
        return rows.set_column(at, "vector", vector_column(vectors_of(rows)))
    vectors = from_int8(vectors_of(rows), scales_of(rows))
    return rows.set_column(at, "vector", vector_column(vectors)).drop_columns([SCALE])


def scales_of(rows: pa.Table) -> np.ndarray:
    """float32 [rows, parts=5]: the size of one step of each part's numbers."""
    column = rows.column(SCALE).combine_chunks()
    return column.flatten().to_numpy().reshape(rows.num_rows, len(PARTS))


def to_int8(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [n, parts=5, dim] and its scale, float32 [n, parts=5], of float32 vectors."""
    step = np.abs(vectors).max(axis=-1, initial=0.0) / _INT8_MAX
    numbers = np.rint(vectors / np.where(step > 0, step, 1.0)[..., None])
    # The scale that gives a part its length back: then only its direction is rounded.
    lengths = np.linalg.norm(numbers, axis=-1)
    scale = np.linalg.norm(vectors, axis=-1) / np.where(lengths > 0, lengths, 1.0)
    return numbers.astype(np.int8), scale.astype(np.float32)


def from_int8(numbers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 [n, parts=5, dim]."""
    return numbers.astype(np.float32) * scale[..., None]


def scan(batches: Iterable[pa.RecordBatch], scaled: np.ndarray, k: int, timed: bool) -> Candidates:
    """The ``k`` rows of highest score.

    batches : of ``rows.columns(timed)``, only of rows that may be found.
    scaled : the query of ``rows.scaled_query``, float32 [parts=5, dim].
    """
    import pyarrow as pa

    wanted = np.flatnonzero(scaled.any(axis=-1))
    best = Candidates(
        [],
        np.zeros(0, np.float32),
        np.zeros((0, *scaled.shape), np.float32),
        np.zeros((0, len(scaled)), np.float32),
        np.zeros(0),
        np.zeros(0),
        exhausted=True,
    )
    for batch in batches:
        ids, vectors, presence, times = unpack(pa.Table.from_batches([batch]), timed)
        scores = np.zeros(len(ids), np.float32)
        for part in wanted:
            scores += vectors[:, part] @ scaled[part]
        near = np.arange(len(ids))
        if len(ids) > k:  # keep no more of a batch than can be among the best
            near = np.sort(np.argpartition(-scores, k)[:k])
        both = Candidates(
            best.track_ids + [ids[row] for row in near],
            np.concatenate([best.scores, scores[near]]),
            np.concatenate([best.vectors, vectors[near]]),
            np.concatenate([best.presence, presence[near]]),
            np.concatenate([best.start_s, times[0][near]]),
            np.concatenate([best.end_s, times[1][near]]),
            exhausted=best.exhausted and len(ids) <= k,
        )
        order = np.argsort(-both.scores, kind="stable")[:k]
        best = take(both, order, both.exhausted and len(both) <= k)
    return best
