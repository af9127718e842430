"""Mending a library: the steps of ``check`` that write. The caller holds the writer lock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.check.tables import schema_of
from partwise.library.map.atlas import atlas_file, read_atlas
from partwise.library.stores.lance import table_schema
from partwise.library.stores.places import PREFIXES
from partwise.library.stores.precision import precision_of
from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import (
    chunks,
    dim_of,
    in_list,
    segments_schema,
    tracks_schema,
)
from partwise.library.tables.ledger import LedgerRow, State, ledger_schema, now, rows_to_arrow
from partwise.library.tables.manifest import Manifest, ModelInfo
from partwise.library.tables.reader import LEDGER, Store, segments_name, tracks_name
from partwise.library.tables.server_songs import DOWNLOADS
from partwise.paths import is_there

if TYPE_CHECKING:
    import pyarrow as pa

# Stands in the ledger as the reason of files whose track was lost.
UNHEARD = "what was heard in it was damaged: the next index run hears it again"


def tracks_of(store: Store, model: ModelInfo) -> VectorStore:
    """Where the tracks of a model lie."""
    return store.vectors(tracks_name(model.digest))


def segments_of(store: Store, model: ModelInfo) -> VectorStore:
    """Where the segments of a model lie."""
    return store.vectors(segments_name(model.digest))


def ids_of(vectors: VectorStore) -> list[str]:
    """The track id of every row."""
    return vectors.fetch(columns=["track_id"]).column("track_id").to_pylist()


def expected_tables(manifest: Manifest) -> dict[str, pa.Schema]:
    """Every table that must be there, and the schema of its rows as they are stored."""
    schemas = {LEDGER: ledger_schema()}
    for model in filter(None, (manifest.active, manifest.pending)):
        for name, schema in (
            (segments_name(model.digest), segments_schema(model.dim)),
            (tracks_name(model.digest), tracks_schema(model.dim)),
        ):
            schemas[name] = table_schema(schema, manifest.precision)
    return schemas


def manifest_from_tables(folder: Path, model: Path | None) -> Manifest:
    """What ``library.json`` said, from the tables and the model that heard them.

    model : an ONNX file; None for the shipped one. Raises PartwiseError when it is another model,
    or the vectors lay elsewhere.
    """
    from partwise.embedding.encoder import load_encoder

    digests = {
        path.stem.split("_", 1)[1]
        for path in folder.glob("*.lance")
        if path.stem.startswith(PREFIXES)
    }
    if not digests:
        raise PartwiseError(
            "nothing tells where its vectors lie: move the folder away, and index again with the"
            " same --store"
        )
    encoder = load_encoder(None if model is None else str(model))
    if encoder.digest not in digests:
        raise PartwiseError(
            f"it was made with the model {' or '.join(sorted(digests))}, and"
            f" {encoder.path} is {encoder.digest}: name the right one with --model"
        )
    precision = "float32"
    for name in (tracks_name(encoder.digest), segments_name(encoder.digest)):
        stored = schema_of(folder, name)
        if stored is None:
            continue
        precision = precision_of(stored)
        if dim_of(stored) != encoder.dim:
            raise PartwiseError(
                f"{name} has {dim_of(stored)} dimensions a part and not {encoder.dim}"
            )
    thresholds = tuple(float(value) for value in encoder.presence_threshold)
    return Manifest(ModelInfo(encoder.digest, encoder.dim, thresholds), precision=precision)


def drop(
    store: Store, model: ModelInfo, ids: Collection[str], paths: Mapping[str, list[str]]
) -> str:
    """Drop what was heard, so that it is heard again; a clause that says of how many it can be.

    paths : files of each track.
    """
    # The track goes first: segments without a track are invisible, and are found again.
    tracks_of(store, model).delete(ids)
    segments_of(store, model).delete(ids)
    again = sum(any(map(is_there, paths.get(track_id, ()))) for track_id in ids)
    said = [f"{again} dropped, to be heard again by the next index run"] if again else []
    if lost := len(ids) - again:
        said.append(f"{lost} lost: dropped, and none of their files is there")
    return ", ".join(said)


# --- the ledger


def forget(store: Store, paths: Iterable[str]) -> str:
    """Remove files from the ledger."""
    paths = list(paths)
    for some in chunks(paths):
        store.ledger_table.delete(in_list("path", some))
    return f"{len(paths)} forgotten"


def mark_unheard(store: Store, paths: Iterable[str]) -> str:
    """Let the next run hear these files again, and say why."""
    rows = [
        replace(row, state=State.FAILED, reason=UNHEARD, mtime_ns=LOOK_AGAIN, updated_at=now())
        for row in _rows(store, paths)
    ]
    _write(store, rows)
    return f"{len(rows)} marked"


def look_again(store: Store, paths: Iterable[str]) -> str:
    """Let the next run look at these files again."""
    rows = [replace(row, mtime_ns=LOOK_AGAIN, updated_at=now()) for row in _rows(store, paths)]
    _write(store, rows)
    return f"{len(rows)} marked"


def _rows(store: Store, paths: Iterable[str]) -> list[LedgerRow]:
    ledger = store.ledger()
    return [ledger[path] for path in paths if path in ledger]


def _write(store: Store, rows: list[LedgerRow]) -> None:
    merge = store.ledger_table.merge_insert("path")
    merge.when_matched_update_all().when_not_matched_insert_all().execute(rows_to_arrow(rows))


# --- what belongs to nothing


@dataclass(frozen=True)
class Leftover:
    """name : in the library's folder. remove : removes it and says so."""

    name: str
    problem: str
    remove: Callable[[], str]


def leftovers(store: Store) -> list[Leftover]:
    """Unfinished files, tables of other models, maps that are damaged or of other models."""
    folder, manifest = store.folder, store.manifest
    models = [m.digest for m in (manifest.active, manifest.pending) if m is not None]
    wanted = {*map(tracks_name, models), *map(segments_name, models)}
    found: list[Leftover] = []

    def add(path: Path, problem: str) -> None:
        def remove() -> str:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            return "removed"

        found.append(Leftover(str(path.relative_to(folder)), problem, remove))

    for path in sorted(folder.iterdir()):
        if path.name in ("library.json.new", "salvage", DOWNLOADS):
            add(path, "left by a run or repair that was cut off")
        elif path.name.startswith(PREFIXES) and path.name.removesuffix(".lance") not in wanted:
            add(path, "a table of a model that is not in use")
    atlas = atlas_file(store)
    if atlas.parent.is_dir():
        for path in sorted(atlas.parent.iterdir()):
            if path.name.startswith("."):
                add(path, "left by a run that was cut off")
            elif path != atlas:
                add(path, "a map of a model that is not in use")
    if atlas.exists() and read_atlas(store) is None:
        add(atlas, "a map that cannot be read; the next run draws it anew")
    return found
