"""Rows as Milvus keeps them: fields of a collection, filters, and the way there and back.

A collection has the columns of the store's Arrow schema and two more: ``row_id``, the primary key
of a table whose tracks have many rows, and ``present``, which parts the row holds, one bit each.
A filter for "every wanted part is present" lists the patterns that hold them: lists are understood
by every Milvus, bit operations are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.library.stores.protocol import Candidates
from partwise.library.stores.rows import (
    TAG_COLUMNS,
    dim_of,
    pattern_of,
    take,
    vector_column,
    vectors_of,
    wanted_bits,
)
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

ROW_ID = "row_id"
PRESENT = "present"

# Bytes of UTF-8, the most that Milvus takes in one string.
_MAX_TEXT = 65_535
_MAX_ID = 512

# A message to a server may have 64 MB. Python objects weigh more: a quarter of it at a time.
_MESSAGE_BYTES = 16_000_000
_ROW_BYTES = 1_000


def milvus_schema(client: Any, schema: pa.Schema) -> Any:
    """The schema of a collection for rows of ``schema``."""
    from pymilvus import DataType

    made = client.create_schema(auto_id=False, enable_dynamic_field=False)
    if key_of(schema) == ROW_ID:
        made.add_field(ROW_ID, DataType.VARCHAR, is_primary=True, max_length=_MAX_ID)
    types = {"float": "FLOAT", "double": "DOUBLE", "int32": "INT32", "string": "VARCHAR"}
    for field in schema:
        if field.name == "vector":
            made.add_field("vector", DataType.FLOAT_VECTOR, dim=field.type.list_size)
            continue
        more: dict[str, Any] = {"nullable": True} if field.name in TAG_COLUMNS else {}
        if str(field.type) == "string":
            more["max_length"] = _MAX_TEXT if field.name in TAG_COLUMNS else _MAX_ID
        made.add_field(
            field.name,
            DataType[types[str(field.type)]],
            is_primary=field.name == key_of(schema),
            **more,
        )
    made.add_field(PRESENT, DataType.INT8)
    return made


def arrow_schema(description: Mapping[str, Any]) -> pa.Schema:
    """The schema of the rows of a collection, from what the server says of it."""
    import pyarrow as pa

    types = {
        "FLOAT": pa.float32(),
        "DOUBLE": pa.float64(),
        "INT32": pa.int32(),
        "VARCHAR": pa.string(),
    }
    fields = []
    for field in description["fields"]:
        if field["name"] in (ROW_ID, PRESENT):
            continue
        kind = field["type"].name
        if kind == "FLOAT_VECTOR":
            fields.append((field["name"], pa.list_(pa.float32(), int(field["params"]["dim"]))))
        elif kind in types:
            fields.append((field["name"], types[kind]))
    return pa.schema(fields)


def key_of(schema: pa.Schema) -> str:
    """The primary key: the track where it has one row, else the row."""
    return ROW_ID if "segment" in schema.names else "track_id"


def row_key(track_id: str, segment: int) -> str:
    return f"{track_id}/{segment:07d}"


def batch_rows(schema: pa.Schema) -> int:
    """How many rows travel in one message."""
    size = 4 * schema.field("vector").type.list_size
    return max(1, _MESSAGE_BYTES // (size + _ROW_BYTES))


def to_milvus(rows: pa.Table) -> Iterator[list[dict[str, Any]]]:
    """Rows as pymilvus takes them, message by message."""
    import pyarrow as pa

    for batch in rows.to_batches(batch_rows(rows.schema)):
        columns = {
            name: batch.column(name).to_pylist() for name in rows.schema.names if name != "vector"
        }
        for name in TAG_COLUMNS:
            if name in columns and name != "year":
                columns[name] = [_cut(text) for text in columns[name]]
        vectors = vectors_of(pa.Table.from_batches([batch]))
        columns["vector"] = list(vectors.reshape(batch.num_rows, -1))
        columns[PRESENT] = pattern_of(vectors).tolist()
        if "segment" in columns:
            columns[ROW_ID] = list(map(row_key, columns["track_id"], columns["segment"]))
        names = list(columns)
        yield [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _MAX_TEXT // 4:
        return text
    return text.encode()[:_MAX_TEXT].decode(errors="ignore")


def from_milvus(found: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows of ``schema`` from what a query answers."""
    import pyarrow as pa

    columns = {}
    for field in schema:
        if field.name == "vector":
            vectors = np.zeros((len(found), field.type.list_size), np.float32)
            for at, row in enumerate(found):
                vectors[at] = row["vector"]
            columns["vector"] = vector_column(
                vectors.reshape(len(found), len(PARTS), dim_of(schema))
            )
        else:
            columns[field.name] = pa.array([row.get(field.name) for row in found], field.type)
    return pa.table(columns, schema=schema)


# --- filters


def holds(weights: np.ndarray, complete: bool) -> str:
    """Rows that hold every part with a weight, or (``complete`` False) the others."""
    bits = wanted_bits(weights)
    patterns = range(1 << len(PARTS))
    return listed(PRESENT, [p for p in patterns if ((p & bits) == bits) == complete])


def listed(column: str, values: Iterable[str] | Iterable[int]) -> str:
    """Rows whose column has one of these values."""
    return f"{column} in {json.dumps(list(values), ensure_ascii=False)}"


def both(*conditions: str | None) -> str:
    return " and ".join(f"({text})" for text in conditions if text)


def best_of(parts: Sequence[Candidates], k: int) -> Candidates:
    """The ``k`` best of several answers."""
    joined = Candidates(
        [track_id for part in parts for track_id in part.track_ids],
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("scores", "vectors", "presence", "start_s", "end_s")
        ),
        exhausted=all(part.exhausted for part in parts) and sum(map(len, parts)) <= k,
    )
    return take(joined, np.argsort(-joined.scores, kind="stable")[:k], joined.exhausted)
