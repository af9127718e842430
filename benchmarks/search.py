"""How fast, how exact and how large search is, for every method and kind of part weights.

    python benchmarks/search.py                         # 1e4, 1e5 and 1e6 segments, made-up vectors
    python benchmarks/search.py --npz FILE              # real embeddings, resampled with noise
    python benchmarks/search.py --sizes 1e4 --bits 1 --refine 10 --noise 1.4
    python benchmarks/search.py --sizes 1e5 --precisions float32,float16,int8

``FILE`` is written by ``partwise embed``. Made-up vectors: tracks of 20 segments; each part of a
track belongs to one of many clusters, independently of the other parts (the worst case for an
index that cuts the space into cells), and is absent from a quarter of the tracks. Queries are
tracks that are not in the table. Recall is measured against exact search among the vectors as they
were before they were stored, and a row that scores as high as the tenth counts as found.

Every method runs in a process of its own, so that its peak memory is its own. "First answer" is
opening, loading and one question, with the file cache warm: what a command pays each time besides
imports.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from partwise.library.exact_index import ExactIndex
from partwise.library.stores import lance, lance_index
from partwise.library.stores.accuracy import WEIGHTINGS, draw_weights
from partwise.library.stores.lance import LancePlace, LanceStore
from partwise.library.stores.lance_index import refresh_index
from partwise.library.stores.precision import PRECISIONS
from partwise.library.stores.rows import PRESENCE_COLUMNS, segments_schema, vector_column
from partwise.library.vector_index import VectorIndex
from partwise.parts import PARTS

TOP = 10
SEGMENTS_PER_TRACK = 20
THRESHOLD = 0.5
BATCH_TRACKS = 1000
# Where the vectors are compared: in memory, in LanceDB row by row, in LanceDB through its index.
MEMORY, SCAN, INDEX = "memory", "lancedb scan", "lancedb index"
NAME = "segments_benchmark"


class MadeUp:
    """Clustered vectors, each part on its own."""

    def __init__(self, dim: int, noise: float, clusters: int) -> None:
        rng = np.random.default_rng(0)
        self._centres = _unit(rng.normal(size=(len(PARTS), clusters, dim)))
        self._noise = noise

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Vectors float32 [count, segments, 5, dim] and presence float32 [count, segments, 5].

        noise : length of what is added to a cluster's unit vector; 1 gives tracks of one cluster a
        similarity of about 0.5. Segments of a track lie at 0.3 of that around it.
        """
        clusters, dim = self._centres.shape[1:]
        parts = np.arange(len(PARTS))
        chosen = self._centres[parts, rng.integers(clusters, size=(count, len(PARTS)))]
        spread = self._noise / np.sqrt(dim)
        track = chosen + spread * rng.normal(size=chosen.shape)
        shape = (count, SEGMENTS_PER_TRACK, len(PARTS), dim)
        vectors = _unit(track[:, None] + 0.3 * spread * rng.normal(size=shape))
        absent = rng.random((count, 1, len(PARTS))) < 0.25
        presence = np.where(absent, 0.2, 0.9) + rng.uniform(-0.1, 0.1, shape[:3])
        return vectors, presence.astype(np.float32)


class Resampled:
    """Rows of real embeddings, each with noise of its own."""

    def __init__(self, path: Path, noise: float) -> None:
        with np.load(path) as data:
            self._vectors, self._presence = data["embeddings"], data["presence"]
        self._noise = noise

    def tracks(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As ``MadeUp.tracks``; the segments of a track are consecutive rows where possible."""
        rows = len(self._vectors)
        first = rng.integers(rows, size=(count, 1))
        chosen = (first + np.arange(SEGMENTS_PER_TRACK)) % rows
        vectors, presence = self._vectors[chosen], self._presence[chosen]
        spread = self._noise / np.sqrt(vectors.shape[-1])
        moved = vectors + spread * rng.normal(size=(count, 1, *vectors.shape[2:]))
        moved = _unit(moved + 0.3 * spread * rng.normal(size=vectors.shape))
        # A row that the encoder left at zero is absent whatever its presence says.
        heard = vectors.any(axis=-1)
        return moved, np.where(heard, np.maximum(presence, THRESHOLD), presence * 0.99 * THRESHOLD)


def _unit(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def batches(source: MadeUp | Resampled, rows: int, dim: int) -> Iterator[Any]:
    """Tables of ``segments_schema``, ``rows`` rows in all."""
    import pyarrow as pa

    rng = np.random.default_rng(1)
    schema = segments_schema(dim)
    written = track = 0
    while written < rows:
        vectors, presence = source.tracks(BATCH_TRACKS, rng)
        take = min(BATCH_TRACKS * SEGMENTS_PER_TRACK, rows - written)
        presence = presence.reshape(-1, len(PARTS))[:take].astype(np.float32)
        flat = vectors.reshape(-1, len(PARTS), dim)[:take] * (presence >= THRESHOLD)[:, :, None]
        at = np.arange(take)
        segment = (at % SEGMENTS_PER_TRACK).astype(np.int32)
        columns = {
            "track_id": [f"{track + n // SEGMENTS_PER_TRACK:032x}" for n in range(take)],
            "model_digest": ["benchmark"] * take,
            "vector": vector_column(flat),
            **dict(zip(PRESENCE_COLUMNS, presence.T.copy(), strict=True)),
            "segment": segment,
            "start_s": 5.0 * segment,
            "end_s": 5.0 * segment + 10.0,
        }
        yield pa.table({name: columns[name] for name in schema.names}, schema=schema)
        written += take
        track += BATCH_TRACKS


def draw_queries(source: MadeUp | Resampled, count: int, dim: int) -> dict[str, np.ndarray]:
    """Queries float32 [count, 5, dim] and, by kind, weights float32 [count, 5].

    Only parts that the query has are asked for; queries without two parts are not drawn.
    """
    rng = np.random.default_rng(2)
    queries = np.empty((0, len(PARTS), dim), np.float32)
    while len(queries) < count:
        vectors, presence = source.tracks(BATCH_TRACKS, rng)
        heard = presence[:, 0] >= THRESHOLD
        drawn = vectors[:, 0] * heard[:, :, None]
        queries = np.concatenate([queries, drawn[heard.sum(axis=1) >= 2].astype(np.float32)])
    queries = queries[:count]
    weights = {name: np.zeros((count, len(PARTS)), np.float32) for name in WEIGHTINGS}
    for at, query in enumerate(queries):
        for name, drawn in draw_weights(query.any(axis=-1), rng).items():
            weights[name][at] = drawn
    return {"queries": queries, **weights}


# --- one method, in a process of its own


def open_store(folder: Path) -> LanceStore:
    return LancePlace(str(folder / "tables")).open(NAME)


def measure(folder: Path, method: str, budget_s: float) -> dict[str, Any]:
    """First answer, latencies and recall of one method; float32 in memory writes the truth."""
    import lancedb  # noqa: F401  (its import takes about a second, whatever the method)

    asked = dict(np.load(folder / "queries.npz"))
    queries = asked.pop("queries")
    started = time.perf_counter()
    store = open_store(folder)
    index: VectorIndex = ExactIndex.load(store) if method == MEMORY else store
    index.search(queries[0], asked["uniform"][0], TOP)
    first_s = time.perf_counter() - started
    loaded_mb = _memory_mb("VmRSS:")
    truth_path = folder / "truth.npz"
    is_truth = not truth_path.exists()
    # Rounded vectors have other scores: there only the rows themselves can be compared.
    exact_scores = store.precision == "float32"
    truth: dict[str, Any] = {} if is_truth else dict(np.load(truth_path))
    result: dict[str, Any] = {
        "method": method,
        "first_answer_s": first_s,
        "resident_mb": loaded_mb,
        "by_weights": {},
    }
    for name, weights in asked.items():
        latency_s, recalls, tenths, best = [], [], [], []
        began = time.perf_counter()
        for at, (query, weight) in enumerate(zip(queries, weights, strict=True)):
            # The truth is needed for every query; the others stop when their time is up.
            if not is_truth and time.perf_counter() - began > budget_s and at >= 5:
                break
            before = time.perf_counter()
            found = index.search(query, weight, TOP)
            latency_s.append(time.perf_counter() - before)
            keys = [f"{i} {s}" for i, s in zip(found.track_ids, found.start_s, strict=True)]
            if is_truth:
                tenths.append([found.scores[-1] if len(found) else np.inf])
                best.append(keys)
                recalls.append(1.0)
            else:
                tied = found.scores >= truth[name][at] - 1e-5 if exact_scores else False
                named = np.isin(keys, truth[f"{name}, rows"][at])
                recalls.append(float(np.sum(named | tied)) / TOP)
        if is_truth:
            truth[name] = np.array(tenths, np.float32)
            truth[f"{name}, rows"] = np.array(best)
        result["by_weights"][name] = {
            "queries": len(latency_s),
            "recall_at_10": float(np.mean(recalls)),
            "median_ms": 1e3 * float(np.median(latency_s)),
            "p95_ms": 1e3 * float(np.percentile(latency_s, 95)),
        }
    if is_truth:
        np.savez(truth_path, **truth)
    result["peak_memory_mb"] = _memory_mb("VmHWM:")
    return result


def build(folder: Path) -> dict[str, Any]:
    """Build the IVF_RQ index."""
    store = open_store(folder)
    before = _size(folder / "tables")
    started = time.perf_counter()
    if not refresh_index(store.table, min_rows=1):
        raise RuntimeError("the index was there already")
    seconds = time.perf_counter() - started
    assert store.indexed
    return {
        "build_s": seconds,
        "index_mb": (_size(folder / "tables") - before) / 1e6,
        "build_peak_memory_mb": _memory_mb("VmHWM:"),
    }


def _memory_mb(line: str) -> float:
    """``VmRSS:``, of the moment, or ``VmHWM:``, the peak."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: there a process starts with the peak of the one that started it.
        text = next(x for x in status.read_text().splitlines() if x.startswith(line))
        return int(text.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _child(step: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    command += ["--bits", str(options.bits), "--refine", str(options.refine)]
    command += ["--budget-s", str(options.budget_s)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


# --- all of it


def run_size(rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """Make tables of ``rows`` rows, one for each precision, and measure every method on them."""
    if options.npz:
        source: MadeUp | Resampled = Resampled(options.npz, options.noise)
        with np.load(options.npz) as data:
            dim = data["embeddings"].shape[-1]
    else:
        dim = options.dim
        # About eight tracks a cluster, as in a library with many sessions of the same musicians.
        source = MadeUp(dim, options.noise, max(20, rows // SEGMENTS_PER_TRACK // 8))
    folder = Path(tempfile.mkdtemp(prefix="partwise-search-", dir=options.folder))
    try:
        drawn: dict[str, Any] = draw_queries(source, options.queries, dim)
        np.savez(folder / "queries.npz", **drawn)
        stored = []
        for precision in options.precisions.split(","):
            shutil.rmtree(folder / "tables", ignore_errors=True)
            started = time.perf_counter()
            store = LancePlace(str(folder / "tables"), precision).create(NAME, segments_schema(dim))
            for batch in batches(source, rows, dim):
                store.upsert(batch, new=True)
            store.table.optimize(cleanup_older_than=timedelta(0))
            one: dict[str, Any] = {
                "precision": precision,
                "write_s": time.perf_counter() - started,
                "table_mb": _size(folder / "tables") / 1e6,
            }
            one["methods"] = [_child(method, folder, options) for method in (MEMORY, SCAN)]
            if precision != "int8":  # LanceDB has no index over int8
                one["index"] = _child("build", folder, options)
                one["methods"].append(_child(INDEX, folder, options))
            stored.append(one)
        return {"rows": rows, "dim": dim, "stored": stored}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(results: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="recall@10, and median / 95th percentile latency [ms]")
    columns = ("segments", "stored as", "method", "first answer", "resident", "peak", *WEIGHTINGS)
    for name in columns:
        left = name in ("method", "stored as")
        table.add_column(name, justify="left" if left else "right")
    for result in results:
        for stored in result["stored"]:
            for method in stored["methods"]:
                cells = [
                    f"{by['recall_at_10']:.3f}  {by['median_ms']:.1f} / {by['p95_ms']:.1f}"
                    for by in (method["by_weights"][name] for name in WEIGHTINGS)
                ]
                table.add_row(
                    f"{result['rows']:,}",
                    stored["precision"],
                    method["method"],
                    f"{method['first_answer_s']:.2f} s",
                    f"{method['resident_mb']:,.0f} MB",
                    f"{method['peak_memory_mb']:,.0f} MB",
                    *cells,
                )
            table.add_section()
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for result in results:
        for stored in result["stored"]:
            text = (
                f"{result['rows']:,} segments of 5 x {result['dim']} as {stored['precision']}:"
                f" {stored['table_mb']:,.0f} MB on disk"
                f" ({1e6 * stored['table_mb'] / result['rows']:,.0f} bytes each), written in"
                f" {stored['write_s']:.1f} s"
            )
            if "index" in stored:
                index = stored["index"]
                text += (
                    f"; IVF_RQ index {index['index_mb']:,.0f} MB, built in"
                    f" {index['build_s']:.1f} s with {index['build_peak_memory_mb']:,.0f} MB"
                )
            console.print(text, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1e4,1e5,1e6", help="numbers of segments")
    parser.add_argument("--dim", type=int, default=64, help="dimensions per part (made-up vectors)")
    parser.add_argument("--noise", type=float, default=None, help="see MadeUp.tracks, Resampled")
    parser.add_argument("--npz", type=Path, help="real embeddings, from `partwise embed`")
    parser.add_argument("--queries", type=int, default=100, help="per kind of weights")
    parser.add_argument("--budget-s", type=float, default=20.0, help="per kind of weights")
    parser.add_argument("--bits", type=int, default=lance_index.RQ_BITS)
    parser.add_argument("--refine", type=int, default=lance.REFINE_FACTOR)
    parser.add_argument(
        "--precisions", default="float32", help=f"of {', '.join(PRECISIONS)}; float32 first"
    )
    parser.add_argument("--folder", type=Path, help="where to put the tables while measuring")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    lance_index.RQ_BITS, lance.REFINE_FACTOR = options.bits, options.refine
    if options.step == "build":
        print(json.dumps(build(options.folder)))
        return
    if options.step:
        print(json.dumps(measure(options.folder, options.step, options.budget_s)))
        return
    if options.noise is None:
        options.noise = 0.3 if options.npz else 1.0
    results = []
    for size in options.sizes.split(","):
        print(f"{int(float(size)):,} segments ...", file=sys.stderr)
        results.append(run_size(int(float(size)), options))
    show(results)
    if options.json:
        about = {
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "source": "made up" if options.npz is None else options.npz.name,
            "noise": options.noise,
            "bits": options.bits,
            "refine": options.refine,
        }
        options.json.write_text(json.dumps({**about, "sizes": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
