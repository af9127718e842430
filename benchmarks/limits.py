"""What a library of many tracks asks of one machine besides its index: what breaks first.

    python benchmarks/limits.py --npz real.npz --sizes 1e5,1e6 --json out.json

A library of so many tracks is written without audio: one row of the ledger and one of the tracks
each, vectors drawn around real ones (``made_up.AroundReal``), no segments. Then everything that
reads one of its tables whole is done once, in a process of its own: time, CPU time, and how much
memory the process held at most, less what a process that imports the same holds.

``versions`` writes segments in batches of 32 tracks, as an indexing run does, and tells how long a
batch takes when there have been so many before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from made_up import SEGMENTS_PER_TRACK, AroundReal, tables
from measuring import child, load_average, memory_mb, size_of
from partwise.library.index.planning import Scan, plan_run
from partwise.library.index.settle import BATCH_FILES
from partwise.library.map.atlas import LIMIT_S
from partwise.library.map.layout import lay_out
from partwise.library.search.conditions import Conditions
from partwise.library.search.duplicates import Duplicates
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.places import LancePlace
from partwise.library.stores.rows import (
    PRESENCE_COLUMNS,
    segments_schema,
    tracks_schema,
    vector_column,
)
from partwise.library.tables.catalogue import read_catalogue
from partwise.library.tables.ledger import ledger_schema
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.reader import Store
from partwise.library.tables.writer import open_or_create
from partwise.parts import PARTS
from partwise.paths import FoundFile

DIM = 64
MODEL = ModelInfo("benchmark", DIM, (0.5,) * len(PARTS))
ROOT = "/music"
_PIECE = 50_000
# Batches after which one of ``versions`` is told.
_BATCHES = (10, 100, 200, 400)
_SEGMENTS_PER_TRACK = 47  # 4 minutes


def path_of(number: int) -> str:
    """A path as long as those of real collections."""
    return (
        f"{ROOT}/Artist number {number // 100:06}/1998 - Album number {number // 12:07}"
        f"/{number % 12:02} - The title of song {number:08}.flac"
    )


def fill(folder: Path, tracks: int, npz: Path) -> dict[str, Any]:
    """Write the library."""
    store = open_or_create(folder, MODEL)
    source, rng = AroundReal(npz), np.random.default_rng(1)
    for first in range(0, tracks, _PIECE):
        numbers = range(first, min(first + _PIECE, tracks))
        count = len(numbers)
        ids = [f"{number:032x}" for number in numbers]
        whole = np.concatenate([_whole(source, 5000, rng) for _ in range(0, count, 5000)])[:count]
        schema = tracks_schema(DIM)
        columns = {
            "track_id": ids,
            "model_digest": [MODEL.digest] * count,
            "vector": vector_column(whole),
            **{
                name: np.where(whole[:, part].any(axis=-1), 0.9, 0.1).astype(np.float32)
                for part, name in enumerate(PRESENCE_COLUMNS)
            },
            "duration_s": rng.lognormal(np.log(225), 0.35, count),
            "segments": np.full(count, _SEGMENTS_PER_TRACK, np.int32),
            "title": [f"The title of song {number:08}" for number in numbers],
            "artist": [f"Artist number {number // 100:06}" for number in numbers],
            "album": [f"Album number {number // 12:07}" for number in numbers],
            "year": pa.array([1998] * count, pa.int32()),
        }
        rows = pa.table({name: columns[name] for name in schema.names}, schema=schema)
        store.tracks.upsert(rows, new=True)
        columns = {
            "path": [path_of(number) for number in numbers],
            "size": [30_000_000 + number for number in numbers],
            "mtime_ns": [1_700_000_000_000_000_000 + number for number in numbers],
            "content_hash": ids,
            "state": ["indexed"] * count,
            "reason": pa.nulls(count, pa.string()),
            "seconds": [1.5] * count,
            "model_digest": [MODEL.digest] * count,
            "updated_at": [1.7e9] * count,
        }
        store.ledger_table.add(pa.table(columns, schema=ledger_schema()))
    sizes = {
        name: size_of(folder / f"{name}.lance") for name in ("ledger", f"tracks_{MODEL.digest}")
    }
    return {"ledger_mb": sizes["ledger"] / 1e6, "tracks_mb": sizes.popitem()[1] / 1e6}


def _whole(source: AroundReal, count: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [count, parts, dim]: a segment each, which stands for its track."""
    vectors, presence = source.tracks(count // SEGMENTS_PER_TRACK + 1, rng)
    heard = (presence >= 0.5).reshape(-1, len(PARTS))
    return (vectors.reshape(-1, len(PARTS), DIM) * heard[:, :, None])[:count]


# --- what is read whole


def nothing(store: Store) -> None:
    """What the others are compared with: the tables are open."""
    store.ledger_table.count_rows()
    store.tracks.count()


def ledger(store: Store) -> object:
    return store.ledger()


def plan(store: Store) -> object:
    """The ledger, and a run in which nothing has changed; the disk is not asked."""
    rows, known = store.ledger(), store.track_ids()
    files = {path: FoundFile(path, row.size, row.mtime_ns) for path, row in rows.items()}
    return plan_run(Scan([ROOT], files), rows, known, MODEL.digest)


def live_paths(store: Store) -> object:
    return store.live_paths()


def catalogue(store: Store) -> object:
    return read_catalogue(store)


def condition(store: Store) -> object:
    """``--where``: the catalogue is made a table and asked."""
    conditions = Conditions(read_catalogue(store))
    return conditions.select("year = 1998 AND artist = 'Artist number 000007'")


def vectors(store: Store) -> object:
    """All tracks in memory, as a server holds them up to ``RESIDENT_MAX_ROWS``."""
    return ExactIndex.load(store.tracks)


def duplicates(store: Store) -> dict[str, float]:
    """The finder over all tracks, and its first answers to 500."""
    tracks = store.track_vectors()
    finder = Duplicates(tracks.track_ids, tracks.vectors, tracks.duration_s)
    before = time.perf_counter()
    for at in range(500):
        finder.of(tracks.vectors[at], float(tracks.duration_s[at]), tracks.track_ids[at])
    return {"ms_each": 1e3 * (time.perf_counter() - before) / 500}


def map_of_a_part(store: Store) -> object:
    """One of the five planes, in the time that a run gives it."""
    tracks = store.track_vectors()
    drums = np.ascontiguousarray(tracks.vectors[:, 0])
    return lay_out(drums[drums.any(axis=1)], time.monotonic() + LIMIT_S / len(PARTS))


READERS: tuple[Callable[[Store], Any], ...] = (
    nothing, ledger, plan, live_paths, catalogue, condition, vectors, duplicates, map_of_a_part
)  # fmt: skip


def read(folder: Path, name: str) -> dict[str, Any]:
    reader = next(r for r in READERS if r.__name__ == name)
    store = Store(folder)
    nothing(store)
    before_s, before_cpu_s = time.perf_counter(), time.process_time()
    found = reader(store)
    told = found if isinstance(found, dict) and "ms_each" in found else {}
    return {
        "s": time.perf_counter() - before_s,
        "cpu_s": time.process_time() - before_cpu_s,
        "peak_memory_mb": memory_mb(),
        **told,
    }


def versions(folder: Path, npz: Path) -> dict[str, Any]:
    """Milliseconds of writing one batch after so many, and of opening the table then."""
    store = LancePlace(str(folder)).create("segments_benchmark", segments_schema(DIM))
    rows = BATCH_FILES * _SEGMENTS_PER_TRACK
    piece = next(tables(AroundReal(npz), rows))
    told, times = {}, []
    for batch in range(1, max(_BATCHES) + 1):
        before = time.perf_counter()
        store.upsert(piece, new=True)
        times.append(time.perf_counter() - before)
        if batch in _BATCHES:
            before = time.perf_counter()
            LancePlace(str(folder)).open(store.name).count()
            opened = time.perf_counter() - before
            told[str(batch)] = {
                "write_ms": 1e3 * float(np.median(times[-10:])),
                "open_ms": 1e3 * opened,
                "manifests_mb": size_of(folder / f"{store.name}.lance" / "_versions") / 1e6,
            }
    return {"rows_a_batch": rows, "after": told, "load": load_average()}


# --- all of it


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--npz", type=Path, required=True, help="from `partwise embed`")
    parser.add_argument("--sizes", default="1e5,1e6", help="numbers of tracks")
    parser.add_argument("--folder", type=Path, help="where to put the libraries while measuring")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--tracks", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        if options.step == "fill":
            found = fill(options.folder, options.tracks, options.npz)
        elif options.step == "versions":
            found = versions(options.folder, options.npz)
        else:
            found = read(options.folder, options.step)
        print(json.dumps(found))
        return

    def measured(steps: list[str], tracks: int) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(prefix="partwise-limits-", dir=options.folder))
        found = {}
        try:
            for step in steps:
                print(f"{tracks:,} tracks: {step}", file=sys.stderr)
                flags = [f"--npz={options.npz}", f"--tracks={tracks}"]
                found[step] = child(__file__, "--step", step, "--folder", folder, *flags)
                found[step]["load"] = load_average()
            return found
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    report: dict[str, Any] = {"machine": platform.machine(), "cores": os.cpu_count(), "sizes": []}
    report["versions"] = measured(["versions"], 0)["versions"]
    for size in options.sizes.split(","):
        tracks = int(float(size))
        steps = ["fill", *(reader.__name__ for reader in READERS)]
        report["sizes"].append({"tracks": tracks, "steps": measured(steps, tracks)})
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
