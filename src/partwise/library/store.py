"""Reading the library: LanceDB tables in a folder.

``ledger`` has a row per file. Each model has its own pair of tables, ``tracks_<digest>`` and
``segments_<digest>``, so that a new model (of any dimension) can fill its pair while the old one
answers; ``library.json`` names the active one. This is the only module that knows how arrays lie
in tables: a vector column is [parts=5, dim] flattened. Writing is in ``writing.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.ledger import LedgerRow, State, ledger_schema, rows_from_arrow
from partwise.library.manifest import FILE_NAME, Manifest, ModelInfo, read_manifest
from partwise.library.paths import absolute, path_to_text
from partwise.library.tags import Tags
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.embedding.embeddings import PartEmbeddings

PRESENCE_COLUMNS = tuple(f"presence_{part}" for part in PARTS)
LEDGER = "ledger"
# A reader looks for newer versions at most this often; writers keep old versions far longer.
_READ_INTERVAL = timedelta(seconds=2)


@dataclass(frozen=True)
class TrackTable:
    """All tracks of one model, as arrays in one order.

    track_ids : n content hashes.
    vectors : float32 [n, parts=5, dim], unit norm per part, zeros where the part is absent.
    presence : float32 [n, parts=5], 0..1.
    duration_s : float64 [n].
    segments : int32 [n], number of segments.
    tags : n of what the files' tags say.
    """

    track_ids: list[str]
    vectors: np.ndarray
    presence: np.ndarray
    duration_s: np.ndarray
    segments: np.ndarray
    tags: list[Tags]

    def __len__(self) -> int:
        return len(self.track_ids)


class Store:
    """A library folder opened for reading. Needs no lock, and sees what a writer adds.

    Raises PartwiseError when ``folder`` holds no library, or one that cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._manifest = read_manifest(self.folder)
        self._seen = self._stamp()
        self._tables: dict[str, Any] = {}
        self._database: Any = None

    # --- what the folder is

    def _stamp(self) -> tuple[int, int]:
        try:
            stat = (self.folder / FILE_NAME).stat()
        except OSError:
            return (0, 0)
        return (stat.st_ino, stat.st_mtime_ns)

    @property
    def manifest(self) -> Manifest:
        """``library.json``, read again when it has changed."""
        if self._stamp() != self._seen:
            self._seen = self._stamp()
            self._manifest = read_manifest(self.folder)
            self._tables.clear()  # a model's tables may have been dropped, or made anew
        return self._manifest

    @property
    def active(self) -> ModelInfo:
        """The model whose vectors answer searches."""
        return self.manifest.active

    @property
    def digest(self) -> str:
        """Digest of the active model."""
        return self.active.digest

    @property
    def dim(self) -> int:
        """Embedding dimensions of one part, of the active model."""
        return self.active.dim

    def model(self, digest: str | None = None) -> ModelInfo:
        """What is known of the active model, or of the one that is replacing it."""
        manifest = self.manifest
        for model in (manifest.active, manifest.pending):
            if model is not None and digest in (None, model.digest):
                return model
        raise PartwiseError(f"the library at {self.folder} has no vectors of the model {digest}")

    # --- tables

    @property
    def database(self) -> Any:
        """The LanceDB connection."""
        if self._database is None:
            self._database = connect(self.folder)
        return self._database

    def table(self, name: str) -> Any:
        """An open LanceDB table. Raises PartwiseError when it cannot be opened."""
        if name not in self._tables:
            try:
                self._tables[name] = self.database.open_table(name)
            except Exception as error:  # LanceDB raises ValueError, OSError or RuntimeError
                cause = str(error).splitlines()[0]
                raise PartwiseError(
                    f"the table {name!r} of the library at {self.folder} cannot be read: {cause}"
                ) from error
        return self._tables[name]

    @property
    def ledger_table(self) -> Any:
        return self.table(LEDGER)

    @property
    def tracks_table(self) -> Any:
        """LanceDB table of the active model's tracks (see ``tracks_schema``)."""
        return self.table(tracks_name(self.digest))

    @property
    def segments_table(self) -> Any:
        """LanceDB table of the active model's segments (see ``segments_schema``)."""
        return self.table(segments_name(self.digest))

    # --- rows

    def ledger(self) -> dict[str, LedgerRow]:
        """Every ledger row by its path (as text)."""
        return rows_from_arrow(self.ledger_table.to_arrow())

    def rows_of_file(self, path: str | os.PathLike[str]) -> list[LedgerRow]:
        """The ledger's rows of a file: as it is named, and where its symbolic links lead."""
        name = absolute(path)
        spellings = {path_to_text(name), path_to_text(os.path.realpath(name))}
        rows = self.ledger_table.search().where(in_list("path", sorted(spellings)))
        return list(rows_from_arrow(rows.to_arrow()).values())

    def rows_of_content(self, content_hash: str) -> list[LedgerRow]:
        """The ledger's rows of the indexed files with this content, by path."""
        where = f"content_hash = {quoted(content_hash)} AND state = '{State.INDEXED}'"
        rows = rows_from_arrow(self.ledger_table.search().where(where).to_arrow())
        return [row for _, row in sorted(rows.items())]

    def live_paths(self) -> dict[str, list[str]]:
        """For each track that has one, its files as far as the last run saw them, sorted.

        Paths are those of the operating system: usable with ``open``, perhaps not printable.
        """
        paths: dict[str, list[str]] = {}
        rows = self.ledger_table.search().where(f"state = '{State.INDEXED}'")
        table = rows.select(list(ledger_schema().names)).to_arrow()
        for row in rows_from_arrow(table).values():
            if row.content_hash is not None:
                paths.setdefault(row.content_hash, []).append(row.os_path)
        for of_track in paths.values():
            of_track.sort()
        return paths

    def track_ids(self, digest: str | None = None) -> set[str]:
        """Content hashes that have a track of the model (the active one unless given)."""
        table = self.table(tracks_name(self.model(digest).digest))
        return set(table.search().select(["track_id"]).to_arrow().column("track_id").to_pylist())

    def durations_s(self) -> dict[str, float]:
        """Seconds of every track of the active model."""
        rows = self.tracks_table.search().select(["track_id", "duration_s"]).to_arrow()
        columns = rows.to_pydict()
        return dict(zip(columns["track_id"], columns["duration_s"], strict=True))

    def track_vectors(self, digest: str | None = None) -> TrackTable:
        """All tracks of a model (the active one unless given), ordered by id."""
        model = self.model(digest)
        rows = self.table(tracks_name(model.digest)).to_arrow().sort_by("track_id")
        tags = [rows.column(name).to_pylist() for name in ("title", "artist", "album", "year")]
        return TrackTable(
            track_ids=rows.column("track_id").to_pylist(),
            vectors=vectors_of(rows),
            presence=presence_of(rows),
            duration_s=rows.column("duration_s").to_numpy(),
            segments=rows.column("segments").to_numpy(),
            tags=[Tags(*values) for values in zip(*tags, strict=True)],
        )

    def segments_of(
        self, track_ids: Iterable[str], digest: str | None = None
    ) -> dict[str, PartEmbeddings]:
        """Segments of some tracks, in order of time. Tracks that are not there are left out."""
        from partwise.embedding.embeddings import PartEmbeddings

        model = self.model(digest)
        found: dict[str, PartEmbeddings] = {}
        for ids in chunks(track_ids):
            where = in_list("track_id", ids)
            table = self.table(segments_name(model.digest))
            rows = table.search().where(where).to_arrow()
            rows = rows.sort_by([("track_id", "ascending"), ("segment", "ascending")])
            tracks = self.table(tracks_name(model.digest)).search().where(where)
            tracks = tracks.select(["track_id", "duration_s"]).to_arrow().to_pydict()
            seconds = dict(zip(tracks["track_id"], tracks["duration_s"], strict=True))
            embeddings = vectors_of(rows)
            presence = presence_of(rows)
            start_s = rows.column("start_s").to_numpy()
            end_s = rows.column("end_s").to_numpy()
            owners = np.asarray(rows.column("track_id").to_pylist(), dtype=object)
            bounds = np.flatnonzero(owners[1:] != owners[:-1]) + 1
            edges = [0, *bounds.tolist(), len(owners)]
            for first, last in pairwise(edges):
                if first == last or owners[first] not in seconds:
                    continue  # no rows, or segments whose run was killed before their track
                found[owners[first]] = PartEmbeddings(
                    embeddings=embeddings[first:last],
                    presence=presence[first:last],
                    start_s=start_s[first:last],
                    end_s=end_s[first:last],
                    seconds=seconds[owners[first]],
                    presence_threshold=np.asarray(model.presence_threshold, dtype=np.float32),
                )
        return found

    def size_on_disk(self) -> int:
        """Bytes that the library's folder takes."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


def connect(folder: Path) -> Any:
    """A LanceDB connection. Its warnings, about matters of its own, stay out of the terminal."""
    os.environ.setdefault("LANCEDB_LOG", "error")
    import lancedb

    return lancedb.connect(str(folder), read_consistency_interval=_READ_INTERVAL)


def tracks_name(digest: str) -> str:
    return f"tracks_{digest}"


def segments_name(digest: str) -> str:
    return f"segments_{digest}"


def tracks_schema(dim: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            *_embedding_fields(dim),
            ("duration_s", pa.float64()),
            ("segments", pa.int32()),
            ("title", pa.string()),
            ("artist", pa.string()),
            ("album", pa.string()),
            ("year", pa.int32()),
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


def vectors_of(rows: pa.Table) -> np.ndarray:
    """float32 [rows, parts=5, dim]: the column ``vector`` of either table."""
    column = rows.column("vector").combine_chunks()
    dim = column.type.list_size // len(PARTS)
    return column.flatten().to_numpy().reshape(rows.num_rows, len(PARTS), dim)


def presence_of(rows: pa.Table) -> np.ndarray:
    """float32 [rows, parts=5]: the presence columns of either table."""
    return np.stack([rows.column(name).to_numpy() for name in PRESENCE_COLUMNS], axis=1)
