"""One file beside the tables that answers a command at once.

LanceDB's client alone takes longer to import than an answer takes to compute. So the holder of the
lock ends its run by writing what a search needs of the active model into ``snapshot.bin``: the
vectors of tracks and segments as they lie in memory, who is who, and the ledger. A reader maps the
file and touches the pages it needs. It is a copy, never the truth: it counts only while the newest
versions of the three tables are those that it was made from, every block carries a checksum, and
whoever finds it stale, cut off or damaged reads the tables.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from partwise.atomic import replacing
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.stores.exact_index import EXACT_MAX_ROWS, ExactIndex
from partwise.library.tables.ledger import LedgerRow, State
from partwise.library.tables.manifest import ModelInfo

FILE_NAME = "snapshot.bin"
# As many tracks as a command holds in memory; their segments are read for a few of them.
MAX_TRACKS, MAX_SEGMENTS = EXACT_MAX_ROWS, 1_000_000
_MAGIC = b"partwise snapshot 1\n"
_ALIGNED = 64


def stamp(folder: Path, model: ModelInfo) -> str | None:
    """Names the state of the three tables by their newest versions; None when they lie elsewhere.

    A version's file names the data files of its table, and those have names of their own each.
    """
    state = hashlib.sha256(repr(model).encode())
    for table in ("ledger", f"tracks_{model.digest}", f"segments_{model.digest}"):
        try:
            versions = folder / f"{table}.lance" / "_versions"
            newest = max(os.listdir(versions), key=_version)
            state.update(f"\n{table} {newest} ".encode() + (versions / newest).read_bytes())
        except (OSError, ValueError):
            return None
    return state.hexdigest()


def _version(name: str) -> int:
    """Lance counts its versions upwards, or down from 2^64 in names of twenty digits."""
    number = name.partition(".")[0]
    if not number.isdecimal():
        return -1
    return 2**64 - 1 - int(number) if len(number) == 20 else int(number)


class Snapshot:
    """What ``write`` wrote, mapped into memory."""

    def __init__(self, path: Path, model: ModelInfo) -> None:
        """Raises OSError or ValueError for a file that is not there or cut off."""
        self._model = model
        with open(path, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError(f"{path} is no snapshot")
            size, checksum = np.frombuffer(file.read(16), np.uint64).tolist()
            text = file.read(min(size, path.stat().st_size))
            if zlib.crc32(text) != checksum:
                raise ValueError(f"{path} is damaged")
            header = json.loads(text)
            self._bytes = np.memmap(file, np.uint8, "r", file.tell())
        self.stamp: str = header["stamp"]
        self._blocks: dict[str, list[Any]] = header["blocks"]
        if len(self._bytes) != header["bytes"]:
            raise ValueError(f"{path} is cut off")
        # Whatever is small or read by every search is checked now; segments when they are read.
        self._who = json.loads(self._checked("who").tobytes())
        for name in ("bounds", "segment_sums", "track_vectors", "track_presence"):
            self._checked(name)
        self.track_ids: list[str] = self._who["tracks"]["track_id"]

    def _block(self, name: str) -> np.ndarray:
        dtype, shape, offset, _ = self._blocks[name]
        return np.ndarray(shape, dtype, self._bytes, offset)

    def _checked(self, name: str) -> np.ndarray:
        block = self._block(name)
        if _sum(block) != self._blocks[name][3]:
            raise ValueError(f"{name} is damaged")
        return block

    @cached_property
    def _number(self) -> dict[str, int]:
        return {track_id: number for number, track_id in enumerate(self.track_ids)}

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._number

    def __len__(self) -> int:
        return len(self.track_ids)

    @cached_property
    def ledger(self) -> dict[str, LedgerRow]:
        """Every ledger row by its path (as text)."""
        rows = (LedgerRow(*values) for values in zip(*self._who["ledger"], strict=True))
        return {row.path: replace(row, state=State(row.state)) for row in rows}

    @property
    def about(self) -> dict[str, list[Any]]:
        """Columns of the tracks, by name: track_id, duration_s and those of ``Tags``."""
        return self._who["tracks"]

    @cached_property
    def tracks(self) -> ExactIndex:
        """The vectors of all tracks, to search among."""
        return ExactIndex(
            self.track_ids, self._block("track_vectors"), self._block("track_presence")
        )

    @cached_property
    def segments(self) -> ExactIndex | None:
        """The vectors of all segments; None where they are more than a command reads.

        Raises ValueError where they are damaged.
        """
        names = ("vectors", "presence", "times")
        if len(self._block("vectors")) > EXACT_MAX_ROWS:
            return None
        vectors, presence, times = map(self._checked, names)
        counts = np.diff(self._block("bounds"))
        ids = np.repeat(np.array(self.track_ids, object), counts).tolist()
        return ExactIndex(ids, vectors, presence, times[:, 0], times[:, 1])

    def segments_of(self, track_ids: Iterable[str]) -> dict[str, PartEmbeddings]:
        """See ``Store.segments_of``. Raises ValueError where they are damaged."""
        bounds, sums = self._block("bounds"), self._block("segment_sums")
        vectors, presence = self._block("vectors"), self._block("presence")
        times = self._block("times")
        found: dict[str, PartEmbeddings] = {}
        for number in sorted({self._number[i] for i in track_ids if i in self._number}):
            rows = slice(*bounds[number : number + 2].tolist())
            if rows.start == rows.stop:
                continue
            if _sum(vectors[rows], presence[rows], times[rows]) != sums[number]:
                raise ValueError(f"the segments of {self.track_ids[number]} are damaged")
            found[self.track_ids[number]] = PartEmbeddings(
                embeddings=np.array(vectors[rows]),
                presence=np.array(presence[rows]),
                start_s=times[rows, 0].copy(),
                end_s=times[rows, 1].copy(),
                seconds=self.about["duration_s"][number],
                presence_threshold=np.asarray(self._model.presence_threshold, dtype=np.float32),
            )
        return found


def _sum(*blocks: np.ndarray) -> int:
    total = 0
    for block in blocks:
        total = zlib.crc32(np.ascontiguousarray(block).data, total)
    return total


def open_snapshot(folder: Path, model: ModelInfo, now: str | None) -> Snapshot | None:
    """The snapshot of a library, unless there is none for the state ``now`` (``stamp``)."""
    if now is None:
        return None
    try:
        found = Snapshot(folder / FILE_NAME, model)
    except (OSError, ValueError, KeyError, TypeError):  # whatever damage looks like
        return None
    return found if found.stamp == now else None


def write(
    path: Path,
    state: str,
    tracks: ExactIndex,
    segments: ExactIndex,
    about: Mapping[str, list[Any]],
    ledger: Iterable[LedgerRow],
) -> None:
    """Write what ``Snapshot`` reads, all at once or not at all. Raises OSError.

    state : of the tables that the rest was read from (``stamp``). about : columns of the tracks
    table, see ``Snapshot.about``.
    """
    ids = tracks.track_ids_at(np.arange(tracks.rows))
    at = {track_id: row for row, track_id in enumerate(about["track_id"])}
    order = [at[track_id] for track_id in ids]
    who = {
        "tracks": {name: [column[row] for row in order] for name, column in about.items()},
        "ledger": [[getattr(row, f.name) for row in ledger] for f in fields(LedgerRow)],
    }
    rows_of = [segments.rows_of_track(track_id) for track_id in ids]
    bounds = np.cumsum([0, *map(len, rows_of)])
    rows = np.concatenate([np.zeros(0, np.int64), *rows_of])
    own = {
        "vectors": segments.vectors[rows],
        "presence": segments.presence[rows],
        "times": np.stack([segments.start_s[rows], segments.end_s[rows]], axis=1),
    }
    pairs = list(pairwise(bounds.tolist()))
    sums = [_sum(*(block[first:last] for block in own.values())) for first, last in pairs]
    blocks = {
        "who": np.frombuffer(json.dumps(who).encode(), np.uint8),
        "track_vectors": tracks.vectors,
        "track_presence": tracks.presence,
        "bounds": bounds,
        "segment_sums": np.array(sums, np.uint32),
        **own,
    }
    with replacing(path) as file:
        _write(file, state, blocks)


def _write(file: Any, state: str, blocks: dict[str, np.ndarray]) -> None:
    """A header, then each block; the header tells dtype, shape, place after it and checksum."""
    places, offset = {}, 0
    for name, block in blocks.items():
        places[name] = [block.dtype.str, block.shape, offset, _sum(block)]
        offset += block.nbytes + -block.nbytes % _ALIGNED
    header = json.dumps({"stamp": state, "bytes": offset, "blocks": places}).encode()
    header += b" " * (-(len(_MAGIC) + 16 + len(header)) % _ALIGNED)
    file.write(_MAGIC + np.array([len(header), zlib.crc32(header)], np.uint64).tobytes() + header)
    for block in blocks.values():
        file.write(block.tobytes())
        file.write(bytes(-block.nbytes % _ALIGNED))
