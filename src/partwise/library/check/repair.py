"""Mending a library: the steps of ``check`` that write. The caller holds the writer lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partwise.audio.tags import NO_TAGS, read_tags_and_length
from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.check.rows import (
    TOLERANCES,
    SegmentArrays,
    Wrong,
    pieces_of,
    without_gaps,
    wrong_segments,
)
from partwise.library.check.salvage import schema_of
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
from partwise.library.tables.writer import NewTrack, track_rows

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


def drop_or_remake(
    store: Store, model: ModelInfo, wrong: Mapping[str, Wrong], paths: Mapping[str, list[str]]
) -> tuple[set[str], set[str]]:
    """Drop wrong tracks, so that they are heard again.

    A track none of whose files is there is made anew from its segments, where those are sound.
    paths : files of each track. Returns the ids that are lost, and those to be heard again.
    """
    gone = {i for i in wrong if not any(os.path.exists(path) for path in paths.get(i, ()))}
    remade = {i for i in gone if wrong[i].segments_sound}
    _remake(store, model, remade, paths)
    dropped = wrong.keys() - remade
    # The track goes first: segments without a track are invisible, and are found again.
    tracks_of(store, model).delete(dropped)
    segments_of(store, model).delete(dropped)
    return gone - remade, dropped - gone


def tracks_from_segments(
    store: Store,
    model: ModelInfo,
    loose: Iterable[str],
    paths: Mapping[str, list[str]],
    some_lost: bool,
) -> set[str]:
    """Make the tracks of segments that have none. Returns the ids that could not be made.

    some_lost : rows of the segments table were lost too, so that nothing tells whether a track's
    segments are all there; then all are dropped.
    """
    loose = set(loose)
    made = set() if some_lost else _remake(store, model, loose, paths)
    segments_of(store, model).delete(loose - made)
    return loose - made


def _remake(
    store: Store, model: ModelInfo, ids: Iterable[str], paths: Mapping[str, list[str]]
) -> set[str]:
    """Write the tracks of sound segments anew; returns their ids."""
    tracks, segments = tracks_of(store, model), segments_of(store, model)
    tolerance = TOLERANCES[store.manifest.precision]
    made: set[str] = set()
    for some in chunks(ids):
        rows, _ = without_gaps(segments.fetch(some))
        rows = rows.sort_by([("track_id", "ascending"), ("segment", "ascending")])
        arrays = SegmentArrays(rows)
        new: list[NewTrack] = []
        for track_id, here in pieces_of(rows).items():
            if wrong_segments(arrays, here, model, tolerance) is not None:
                continue
            end_s = float(arrays.end_s[here][-1])
            tags, length_s = NO_TAGS, None
            for path in filter(os.path.exists, paths.get(track_id, ())):
                tags, length_s = read_tags_and_length(path)
                break
            # The last segment ends where the piece does, or up to half a hop before.
            seconds = float(np.clip(length_s or end_s, end_s, end_s + model.hop_s / 2))
            new.append(NewTrack(track_id, arrays.embeddings_of(here, model, seconds), tags))
        if new:
            tracks.delete([track.track_id for track in new])  # it may be there twice
            tracks.upsert(track_rows(new, model), new=True)
            made.update(track.track_id for track in new)
    return made


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
