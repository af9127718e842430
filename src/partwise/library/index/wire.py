"""What was heard as columns of numbers, to travel between machines without being pickled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.hearing.worker import Outcome
from partwise.hearing.worker_process import WorkersUnfit
from partwise.parts import PARTS

_FLOATS = pa.list_(pa.float32())
_SECONDS = pa.list_(pa.float64())
# One row per file. ``embeddings`` is [segments, parts, dim] and ``presence`` [segments, parts],
# flattened; both are null where nothing was heard. ``unfit`` : why no file can be heard at all
# where this row comes from; all but ``node`` is null then.
SCHEMA = pa.schema(
    {
        "node": pa.string(),
        "unfit": pa.string(),
        "path": pa.string(),
        "size": pa.int64(),
        "mtime_ns": pa.int64(),
        "content_hash": pa.string(),
        "failure": pa.string(),
        "vanished": pa.bool_(),
        "seconds": pa.float64(),
        "title": pa.string(),
        "artist": pa.string(),
        "album": pa.string(),
        "year": pa.int64(),
        "embeddings": _FLOATS,
        "presence": _FLOATS,
        "start_s": _SECONDS,
        "end_s": _SECONDS,
        "duration_s": pa.float64(),
        "presence_threshold": _FLOATS,
        "notes": pa.list_(pa.string()),
    }
)


def outcomes_to_arrow(outcomes: Iterable[Outcome | WorkersUnfit], node: str) -> pa.Table:
    """Columns of ``SCHEMA``. node : the machine that heard."""
    rows = [{"node": node, **_row(outcome)} for outcome in outcomes]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def outcomes_from_arrow(table: pa.Table) -> Iterator[tuple[str, Outcome | WorkersUnfit]]:
    """(node, outcome) row by row; arrays are copies, so that the table can go."""
    for place in range(len(table)):
        row = {name: table.column(name)[place] for name in table.column_names}
        yield row["node"].as_py(), _outcome(row)


def _row(outcome: Outcome | WorkersUnfit) -> dict[str, Any]:
    if isinstance(outcome, WorkersUnfit):
        return {"unfit": str(outcome)}
    row = {
        "path": outcome.path,
        "size": outcome.size,
        "mtime_ns": outcome.mtime_ns,
        "content_hash": outcome.content_hash,
        "failure": outcome.failure,
        "vanished": outcome.vanished,
        "seconds": outcome.seconds,
        "title": outcome.tags.title,
        "artist": outcome.tags.artist,
        "album": outcome.tags.album,
        "year": outcome.tags.year,
    }
    heard = outcome.embeddings
    if heard is None:
        return row
    return row | {
        "embeddings": heard.embeddings.reshape(-1),
        "presence": heard.presence.reshape(-1),
        "start_s": heard.start_s,
        "end_s": heard.end_s,
        "duration_s": heard.seconds,
        "presence_threshold": heard.presence_threshold,
        "notes": list(heard.notes),
    }


def _outcome(row: dict[str, Any]) -> Outcome | WorkersUnfit:
    def value(name: str) -> Any:
        return row[name].as_py()

    def numbers(name: str) -> np.ndarray:
        return np.array(row[name].values)

    if row["unfit"].is_valid:
        return WorkersUnfit(value("unfit"))
    heard = None
    if row["embeddings"].is_valid:
        start_s = numbers("start_s")
        heard = PartEmbeddings(
            embeddings=numbers("embeddings").reshape(len(start_s), len(PARTS), -1),
            presence=numbers("presence").reshape(len(start_s), len(PARTS)),
            start_s=start_s,
            end_s=numbers("end_s"),
            seconds=value("duration_s"),
            presence_threshold=numbers("presence_threshold"),
            notes=tuple(value("notes")),
        )
    return Outcome(
        path=value("path"),
        size=value("size"),
        mtime_ns=value("mtime_ns"),
        content_hash=value("content_hash"),
        failure=value("failure"),
        vanished=value("vanished"),
        embeddings=heard,
        tags=Tags(value("title"), value("artist"), value("album"), value("year")),
        seconds=value("seconds"),
    )
