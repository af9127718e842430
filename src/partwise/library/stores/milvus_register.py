"""What a Milvus database knows of its stores: the collection ``partwise_stores``.

It has a row per store: its version, whose index it has, and what that index was measured to find.
A collection without a row there is somebody else's.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from partwise.library.stores.milvus_rows import ROW_ID, listed
from partwise.library.stores.milvus_server import Server

REGISTER = "partwise_stores"

# What Milvus answers at most, to a search or a query.
MAX_ANSWER_ROWS = 16_384

# Milvus Lite knows an index by no other name than this.
VECTOR_INDEX = "vector_idx"
# More edges and a wider search while building than Milvus's defaults: rows in which a part is
# absent are short, and an inner product leads a greedy walk past them.
_HNSW = {"M": 32, "efConstruction": 256}
# How widely it is searched (``ef``). Not narrower, whatever is measured: that is done with rows of
# the store, whose neighbours in their own track are easy to find. 10,000 made-up rows of 5 x 64 at
# 128: measured 1.00 for every weighting, but 0.94 for the uniform one with queries from elsewhere.
WIDTHS = (512, 1024, 2048, 4096)
MAX_WIDTH = 32_768


@dataclass(frozen=True)
class Entry:
    """A store's row in the register.

    version : another number after every change. settled : the version at the last ``optimise``.
    index : "FLAT" or "HNSW". width : how widely HNSW is searched (``ef``).
    recall, measured_rows : see ``Accuracy``; of how many rows.
    """

    version: int = 0
    settled: int = -1
    index: str = "FLAT"
    width: int = WIDTHS[0]
    recall: dict[str, float] = field(default_factory=dict)
    measured_rows: int = 0


class Register:
    """The collection ``partwise_stores``. Milvus wants a vector in it, which means nothing."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def make(self) -> None:
        from pymilvus import DataType

        if self._server.ask("has_collection", REGISTER):
            return
        schema = self._server.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("name", DataType.VARCHAR, is_primary=True, max_length=255)
        schema.add_field("entry", DataType.VARCHAR, max_length=65_535)
        schema.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)
        create_collection(self._server, REGISTER, schema, "nothing")

    def names(self) -> set[str]:
        if not self._server.ask("has_collection", REGISTER):
            return set()
        rows = self._server.ask_of(
            REGISTER, "query", filter='name != ""', output_fields=["name"], limit=MAX_ANSWER_ROWS
        )
        return {row["name"] for row in rows}

    def read(self, name: str) -> Entry | None:
        rows = self._server.ask_of(
            REGISTER, "query", filter=listed("name", [name]), output_fields=["entry"]
        )
        return Entry(**json.loads(rows[0]["entry"])) if rows else None

    def write(self, name: str, entry: Entry) -> None:
        row = {"name": name, "entry": json.dumps(asdict(entry)), "nothing": [0.0, 0.0]}
        self._server.ask_of(REGISTER, "upsert", data=[row])

    def remove(self, name: str) -> None:
        self._server.ask_of(REGISTER, "delete", filter=listed("name", [name]))


def create_collection(server: Server, name: str, schema: Any, vector: str) -> None:
    """With an exact index, ready to be searched. ``Strong``: a write is seen by what follows."""
    index = server.client.prepare_index_params()
    add_index(index, vector, "FLAT")
    if any(column.name == ROW_ID for column in schema.fields):
        index.add_index("track_id", index_type="INVERTED", index_name="track_id_idx")
    server.ask(
        "create_collection", name, schema=schema, index_params=index, consistency_level="Strong"
    )


def add_index(index: Any, column: str, kind: str) -> None:
    """Milvus Lite knows an index by no other name than this."""
    params = _HNSW if kind == "HNSW" else {}
    index.add_index(
        column, index_type=kind, metric_type="IP", index_name=f"{column}_idx", params=params
    )


def new_version() -> int:
    """Never the same, so that writers who know nothing of each other cannot agree on one."""
    return secrets.randbits(52)
