"""How fast, how exact and how large search is, for every method and kind of part weights.

    python benchmarks/search.py                         # 1e4, 1e5 and 1e6 segments, made-up vectors
    python benchmarks/search.py --npz FILE              # real embeddings, resampled with noise
    python benchmarks/search.py --sizes 1e4 --bits 1 --refine 10 --noise 1.4
    python benchmarks/search.py --sizes 1e5 --precisions float32,float16,int8

``FILE`` is written by ``partwise embed``. Made-up vectors: tracks of 20 segments; each part of a
track belongs to one of many clusters, independently of the other parts (the worst case for an
index that cuts the space into cells), and is absent from a quarter of the tracks. Queries are
tracks that are not in the table. Recall is measured against exact search among the vectors as they
were before they were stored.

Every method runs in a process of its own, so that its peak memory is its own. "First answer" is
opening, loading and one question, with the file cache warm: what a command pays each time besides
imports.
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
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from made_up import SEGMENTS_PER_TRACK, MadeUp, Resampled, Source, draw_queries, tables
from measuring import TOP, ask_all, child, memory_mb, size_of
from partwise.library.stores import lance
from partwise.library.stores.accuracy import WEIGHTINGS
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.lance import LanceStore, refresh_index
from partwise.library.stores.places import LancePlace
from partwise.library.stores.precision import PRECISIONS
from partwise.library.stores.protocol import Searchable
from partwise.library.stores.rows import segments_schema
from truth import best_by_weights

# Where the vectors are compared: in memory, in LanceDB row by row, in LanceDB through its index.
MEMORY, SCAN, INDEX = "memory", "lancedb scan", "lancedb index"
NAME = "segments_benchmark"


# --- one method, in a process of its own


def open_store(folder: Path) -> LanceStore:
    return LancePlace(str(folder / "tables")).open(NAME)


def measure(folder: Path, method: str, budget_s: float) -> dict[str, Any]:
    """First answer, latencies and recall of one method."""
    import lancedb  # noqa: F401  (its import takes about a second, whatever the method)

    asked, truth = dict(np.load(folder / "queries.npz")), dict(np.load(folder / "truth.npz"))
    started = time.perf_counter()
    store = open_store(folder)
    index: Searchable = ExactIndex.load(store) if method == MEMORY else store
    index.search(asked["queries"][0], asked["uniform"][0], TOP)
    return {
        "method": method,
        "first_answer_s": time.perf_counter() - started,
        "resident_mb": memory_mb("VmRSS:"),
        "by_weights": ask_all(
            lambda query, weights: index.search(query, weights, TOP), asked, truth, budget_s
        ),
        "peak_memory_mb": memory_mb("VmHWM:"),
    }


def build(folder: Path) -> dict[str, Any]:
    """Build the IVF_RQ index."""
    store = open_store(folder)
    before = size_of(folder / "tables")
    started = time.perf_counter()
    if not refresh_index(store.table, min_rows=1):
        raise RuntimeError("the index was there already")
    seconds = time.perf_counter() - started
    assert store.indexed
    return {
        "build_s": seconds,
        "index_mb": (size_of(folder / "tables") - before) / 1e6,
        "build_peak_memory_mb": memory_mb("VmHWM:"),
    }


def _step(step: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(options, name) for name in ("bits", "refine", "budget_s")}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in named.items()]
    return child(__file__, "--step", step, "--folder", folder, *flags)


# --- all of it


def run_size(rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """Make tables of ``rows`` rows, one for each precision, and measure every method on them."""
    if options.npz:
        source: Source = Resampled(options.npz, options.noise)
    else:
        # About eight tracks a cluster, as in a library with many sessions of the same musicians.
        source = MadeUp(options.dim, options.noise, max(20, rows // SEGMENTS_PER_TRACK // 8))
    folder = Path(tempfile.mkdtemp(prefix="partwise-search-", dir=options.folder))
    try:
        drawn: dict[str, Any] = draw_queries(source, options.queries)
        np.savez(folder / "queries.npz", **drawn)
        best = best_by_weights(source, rows, drawn, TOP)
        truth: dict[str, Any] = {name: found.numbers for name, found in best.items()}
        np.savez(folder / "truth.npz", **truth)
        stored = []
        for precision in options.precisions.split(","):
            shutil.rmtree(folder / "tables", ignore_errors=True)
            started = time.perf_counter()
            store = LancePlace(str(folder / "tables"), precision).create(
                NAME, segments_schema(source.dim)
            )
            for piece in tables(source, rows):
                store.upsert(piece, new=True)
            store.table.optimize(cleanup_older_than=timedelta(0))
            one: dict[str, Any] = {
                "precision": precision,
                "write_s": time.perf_counter() - started,
                "table_mb": size_of(folder / "tables") / 1e6,
            }
            one["methods"] = [_step(method, folder, options) for method in (MEMORY, SCAN)]
            if precision != "int8":  # LanceDB has no index over int8
                one["index"] = _step("build", folder, options)
                one["methods"].append(_step(INDEX, folder, options))
            stored.append(one)
        return {"rows": rows, "dim": source.dim, "stored": stored}
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
    parser.add_argument("--bits", type=int, default=lance.RQ_BITS)
    parser.add_argument("--refine", type=int, default=lance.REFINE_FACTOR)
    parser.add_argument(
        "--precisions", default="float32", help=f"of {', '.join(PRECISIONS)}; float32 first"
    )
    parser.add_argument("--folder", type=Path, help="where to put the tables while measuring")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    lance.RQ_BITS, lance.REFINE_FACTOR = options.bits, options.refine
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
