"""What a store of part vectors must do, wherever it lies.

A *store* is one table of part vectors: the tracks of a model, or its segments. A *place* is where
stores with names lie together: a folder, a bucket, a Milvus server. Rows travel as Arrow tables
with the schemas of ``stores.rows`` (``tracks_schema``, ``segments_schema``): ``vector`` is always
float32 [parts=5, dim] flattened there, however few bytes the store itself spends on it.

Rows belong to tracks, and a track's id is the hash of its content: writing the same track again is
harmless. One conformance suite (``tests/library/stores``) holds every store to this protocol, with
the exact NumPy store as oracle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Candidates:
    """Rows, best first.

    track_ids : list of str [k]. scores : float32 [k], the weighted score in -1..1.
    vectors : float32 [k, parts=5, dim]. presence : float32 [k, parts=5].
    start_s, end_s : float64 [k], zeros for a table without them.
    exhausted : True when no further row satisfies the conditions.
    """

    track_ids: list[str]
    scores: np.ndarray
    vectors: np.ndarray
    presence: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    exhausted: bool

    def __len__(self) -> int:
        return len(self.track_ids)


@dataclass(frozen=True)
class Accuracy:
    """How many of the true best ten rows a search finds, per kind of weighting.

    exact : every row is compared at full stored precision; nothing can be missed.
    recall : measured on the store's own rows when its index was built, by weighting ("one part",
    "two parts", "uniform", "random"); empty where nothing has been measured.
    """

    exact: bool
    recall: dict[str, float] = field(default_factory=dict)

    @property
    def lowest(self) -> float | None:
        """The weighting that fares worst; 1 for an exact store, None where nothing was measured."""
        return 1.0 if self.exact else min(self.recall.values(), default=None)


class Searchable(Protocol):
    """What answers a search among part vectors."""

    def search(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        """The ``k`` rows of highest score (fewer if there are fewer).

        query : float32 [parts=5, dim], zeros where a part is absent.
        weights : float32 [parts=5], not negative, at least one above 0.
        complete : True for rows in which every wanted part is present, False for the others.
        allowed : only rows of these tracks; None for all.
        """
        ...


class VectorStore(Searchable, Protocol):
    """One table of part vectors.

    name : of the table. dim : embedding dimensions of one part.
    """

    name: str
    dim: int

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that are taken and given."""
        ...

    @property
    def version(self) -> int:
        """Changes whenever the rows do, whoever changed them."""
        ...

    @property
    def accuracy(self) -> Accuracy:
        """What ``search`` promises."""
        ...

    def upsert(self, rows: pa.Table, *, new: bool = False) -> None:
        """Write tracks: afterwards their rows are exactly those in ``rows``.

        rows : all rows of one or more tracks. new : the caller knows that none of these tracks is
        there, so that a store may append without looking.
        """
        ...

    def delete(self, track_ids: Iterable[str]) -> None:
        """Remove all rows of these tracks; those that are not there are passed over."""
        ...

    def fetch(
        self, track_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows of these tracks (None: of all), in no particular order; the named columns only."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows piece by piece, so that memory need not hold them twice."""
        ...

    def count(self, track_ids: Iterable[str] | None = None) -> int:
        """Number of rows, of these tracks or of all."""
        ...

    def optimise(self, min_rows: int | None = None) -> bool:
        """Join small pieces and bring the index up to date; True if anything was written.

        min_rows : size from which a store gets an index; None for the measured one.
        """
        ...


class Place(Protocol):
    """Where stores with names lie together.

    uri : as ``--store`` takes it; no credentials stand in it.
    """

    uri: str

    def names(self) -> set[str]:
        """Names of the stores that are there."""
        ...

    def create(self, name: str, schema: pa.Schema) -> VectorStore:
        """An empty store, or the one of this name and schema that is there already."""
        ...

    def open(self, name: str) -> VectorStore:
        """Raises PartwiseError when there is none, or it cannot be read."""
        ...

    def drop(self, name: str) -> None:
        """Remove a store and everything in it; nothing happens when there is none."""
        ...
