"""The ledger: one row per file that was ever seen, and what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from partwise.library.stores.faults import Unavailable
from partwise.paths import shown, text_to_path

if TYPE_CHECKING:
    import pyarrow as pa


class State(StrEnum):
    """What became of a file."""

    INDEXED = "indexed"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One file.

    path : key, text as written by ``paths.path_to_text``.
    size, mtime_ns : from the stat before reading; mtime_ns is -1 when the next run must look again.
    content_hash : names the content, and the track; None when the content was never read.
    reason : why it failed; for an indexed file a note (truncated, say) or None.
    seconds : time one job spent on it [s], None when nothing was computed.
    model_digest : model that last dealt with it.
    updated_at : seconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str | None
    state: State
    reason: str | None
    seconds: float | None
    model_digest: str
    updated_at: float

    @property
    def os_path(self) -> str:
        """The path for ``open``."""
        return text_to_path(self.path)

    @property
    def shown_path(self) -> str:
        """The path for people."""
        return shown(self.os_path)


_NAMES = tuple(LedgerRow.__dataclass_fields__)


def ledger_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("content_hash", pa.string()),
            ("state", pa.string()),
            ("reason", pa.string()),
            ("seconds", pa.float64()),
            ("model_digest", pa.string()),
            ("updated_at", pa.float64()),
        ]
    )


def rows_to_arrow(rows: list[LedgerRow]) -> pa.Table:
    import pyarrow as pa

    columns = {name: [getattr(row, name) for row in rows] for name in _NAMES}
    columns["state"] = [str(state) for state in columns["state"]]
    return pa.table(columns, schema=ledger_schema())


def rows_from_arrow(table: pa.Table) -> dict[str, LedgerRow]:
    """Every row, by its path. Raises Unavailable for a state that there is not."""
    columns = [table.column(name).to_pylist() for name in _NAMES]
    try:
        columns[_NAMES.index("state")] = [State(s) for s in columns[_NAMES.index("state")]]
    except ValueError as error:
        raise Unavailable(
            f"the table 'ledger' is damaged ({error}): `partwise check --repair` mends it"
        ) from None
    return {values[0]: LedgerRow(*values) for values in zip(*columns, strict=True)}


def now() -> float:
    """Time stamp for ``updated_at``."""
    return time.time()
