"""What a million segments cost: writing, the index, memory, answers; and what ten million would.

    partwise embed FILES... --out real.npz
    python benchmarks/scale.py --npz real.npz --json out.json           # all of it
    python benchmarks/scale.py --npz real.npz --sizes 1e4,1e5 --larger 1e6

Vectors are drawn around those of real recordings (``made_up.AroundReal``); ``--source made-up``
takes clusters without any (``made_up.MadeUp``). Every size is written to a table of its own, in a
process of its own, and read by others, so that each figure of memory is that of one step alone.
Writing is timed without the drawing of vectors. "Cold" is the first answer of a new process while
the system holds nothing of the files; the import of LanceDB (about a second) is not in it. Recall
is measured against exact search in one pass over the same vectors before they were rounded.

Beside the settings in use, others are measured: fewer partitions, fewer rows compared again, and
no comparing again at all, which shows by how much the quantised scores err. From these, and from
the exact best rows of ``--larger`` rows, which are drawn but never stored, ``larger.py`` tells
recall and cost at that size; it also tells them for the largest size from the smaller ones, which
is its check.
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

import larger
from made_up import (
    SEGMENTS_PER_TRACK,
    THRESHOLD,
    AroundReal,
    MadeUp,
    Source,
    draw_queries,
    likeness_of,
    real_tracks,
    row_numbers,
    tables,
)
from measuring import (
    TOP,
    ask_all,
    bytes_read,
    child,
    forget_cached,
    load_average,
    memory_mb,
    size_of,
)
from partwise.library.stores import lance
from partwise.library.stores.accuracy import WEIGHTINGS, measure_recall
from partwise.library.stores.lance import ROWS_PER_PARTITION, LanceStore, refresh_index
from partwise.library.stores.places import LancePlace
from partwise.library.stores.rows import scaled_query, segments_schema
from truth import Best, best_by_weights

# Of the exact best rows, so many are kept: those behind them cannot come among the candidates.
KEEP = 2000
NAME = "segments_benchmark"
# The errors of so many of the best rows are looked at.
ERRING = 200
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5)
REFINES = (1, 2, 5, 80)


def source_of(options: argparse.Namespace, rows: int) -> Source:
    if options.source == "made-up":
        return MadeUp(64, 1.4, max(20, rows // SEGMENTS_PER_TRACK // 8))
    return AroundReal(options.npz)


# --- the steps, each in a process of its own


def write(folder: Path, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    store = LancePlace(str(folder / "tables"), options.precision).create(NAME, segments_schema(64))
    seconds = cpu_s = 0.0
    for piece in tables(source_of(options, rows), rows):
        before_s, before_cpu_s = time.perf_counter(), time.process_time()
        store.upsert(piece, new=True)
        seconds += time.perf_counter() - before_s
        cpu_s += time.process_time() - before_cpu_s
    return {
        "write_s": seconds,
        "write_cpu_s": cpu_s,
        "write_peak_memory_mb": memory_mb(),
        "table_mb": size_of(folder / "tables") / 1e6,
    }


def build(folder: Path) -> dict[str, Any]:
    """What ``optimise`` does, one after the other: joining, the index, telling its recall."""
    store, result = _store(folder), {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        before = size_of(folder / "tables")
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        found = work()
        result[f"{name}_s"] = time.perf_counter() - started_s
        result[f"{name}_cpu_s"] = time.process_time() - started_cpu_s
        result[f"{name}_mb"] = (size_of(folder / "tables") - before) / 1e6
        return found

    timed("join", lambda: store.optimise(min_rows=sys.maxsize))
    if store.precision != "int8":  # which LanceDB cannot index
        timed("build", lambda: refresh_index(store.table, min_rows=1))
        result["index_mb"] = result.pop("build_mb")
        result["told_recall"] = timed("telling", lambda: measure_recall(_store(folder)))
    return {**result, "build_peak_memory_mb": memory_mb()}


def answer(folder: Path, budget_s: float) -> dict[str, Any]:
    """Cold and warm answers with the settings in use."""
    import lancedb  # noqa: F401  (its import takes about a second, whatever is asked)

    asked, truth = _asked(folder)
    started_s = time.perf_counter()
    store = _store(folder)
    store.search(asked["queries"][0], asked["uniform"][0], TOP)
    first_s = time.perf_counter() - started_s
    before = bytes_read()
    found = ask_all(lambda q, w: store.search(q, w, TOP), asked, truth, budget_s)
    count = sum(by["queries"] for by in found.values())
    return {
        "cold_first_s": first_s,
        "by_weights": found,
        "bytes_read_per_query": (bytes_read() - before) / count,
        "answer_peak_memory_mb": memory_mb(),
        "load": load_average(),
    }


def sweep(folder: Path, budget_s: float) -> dict[str, Any]:
    """Recall and cost with fewer partitions, and with fewer or more rows compared again."""
    asked, truth = _asked(folder)
    store = _store(folder)
    rows = store.count()
    partitions = max(1, rows // ROWS_PER_PARTITION)
    usual = lance.REFINE_FACTOR
    settings = [(max(1, round(share * partitions)), usual) for share in SHARES]
    settings += [(partitions, refine) for refine in (*REFINES, usual)]
    result = []
    for probes, refine in dict.fromkeys(settings):
        lance.ALL_PARTITIONS, lance.REFINE_FACTOR = probes, refine
        store.search(asked["queries"][0], asked["uniform"][0], TOP)
        found = ask_all(lambda q, w: store.search(q, w, TOP), asked, truth, budget_s)
        result.append({"rows": rows, "probed": probes / partitions, "refine": refine, "by": found})
    return {"sweep": result, "load": load_average()}


def errors(folder: Path) -> dict[str, Any]:
    """Quantised minus exact scores of the best rows, by weights and query, to ``errors.npz``."""
    asked, _ = _asked(folder)
    store, known = _store(folder), np.load(folder / "best.npz")
    found: dict[str, Any] = {}
    for name in WEIGHTINGS:
        best, exact = (known[f"{name} {what}"][:, :ERRING] for what in ("numbers", "scores"))
        of_queries = []
        for at, (query, weight) in enumerate(zip(asked["queries"], asked[name], strict=True)):
            # Among so many of the best by the erring scores are nearly all of the truly best few.
            numbers, scores = store.quantised(query, weight, KEEP)
            _, there, place = np.intersect1d(numbers, best[at], return_indices=True)
            of_queries.append(np.resize(scores[there] - exact[at][place], ERRING))
        found[name] = np.stack(of_queries)
    np.savez(folder / "errors.npz", **found)
    return {
        "errors": {
            name: {"sd": float(values.std()), "mean": float(values.mean())}
            for name, values in found.items()
        }
    }


class _Store(LanceStore):
    """With the quantised scores as they are."""

    def quantised(
        self, query: np.ndarray, weights: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers int64 [k] and scores float32 [k]."""
        scaled = scaled_query(query, weights).reshape(-1)
        rows = (
            self.table.search(scaled, vector_column_name="vector")
            .distance_type("dot")
            .where(self._condition(weights, complete=True), prefilter=True)
            .select(["track_id", "start_s", "_distance"])
            .limit(k)
            .nprobes(lance.ALL_PARTITIONS)
            .to_arrow()
        )
        numbers = row_numbers(
            rows.column("track_id").to_pylist(), rows.column("start_s").to_numpy()
        )
        return numbers, 1.0 - rows.column("_distance").to_numpy()


def _store(folder: Path) -> _Store:
    place = LancePlace(str(folder / "tables"))
    return _Store(place.open(NAME).table, place.uri)


def _asked(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    asked, best = dict(np.load(folder / "queries.npz")), np.load(folder / "best.npz")
    return asked, {name: best[f"{name} numbers"][:, :TOP] for name in WEIGHTINGS}


# --- all of it


def run_size(
    rows: int, options: argparse.Namespace
) -> tuple[dict[str, Any], list[dict[str, Any]], larger.Seen]:
    """Measure one size: in float32, in the other precisions, and what ``larger`` needs of it."""
    folder = Path(tempfile.mkdtemp(prefix="partwise-scale-", dir=options.folder))

    def run(precision: str, *steps: str) -> dict[str, Any]:
        flags = [f"--source={options.source}", f"--budget-s={options.budget_s}"]
        flags += [f"--npz={options.npz}"] if options.npz else []
        result: dict[str, Any] = {"rows": rows, "precision": precision}
        for step in steps:
            print(f"{rows:,} rows, {precision}: {step}", file=sys.stderr)
            if step == "answer":
                forget_cached(folder / "tables")
            flags_of_step = [*flags, f"--precision={precision}", f"--rows={rows}"]
            found = child(__file__, "--step", step, "--folder", folder, *flags_of_step)
            result |= {"answers": found} if step == "answer" else found
        shutil.rmtree(folder / "tables")
        return result

    try:
        source = source_of(options, rows)
        asked: dict[str, Any] = draw_queries(source, options.queries)
        np.savez(folder / "queries.npz", **asked)
        best = best_by_weights(source, rows, asked, min(KEEP, rows))
        save_best(folder / "best.npz", best)
        first, *others = options.precisions.split(",")
        whole = run(first, "write", "build", "answer", "sweep", "errors")
        seen = larger.Seen(
            rows, {n: b.scores for n, b in best.items()}, dict(np.load(folder / "errors.npz"))
        )
        return whole, [run(other, "write", "build", "answer") for other in others], seen
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drawn_likeness(npz: Path) -> list[dict[str, float]]:
    """``likeness_of`` as many drawn tracks as there are real ones, of as many segments."""
    real = real_tracks(npz)
    vectors, presence = AroundReal(npz).tracks(len(real), np.random.default_rng(5))
    vectors = vectors * (presence >= THRESHOLD)[..., None]
    return likeness_of([made[: len(track)] for made, track in zip(vectors, real, strict=True)])


def save_best(path: Path, best: dict[str, Best]) -> None:
    arrays: dict[str, Any] = {}
    for name, found in best.items():
        arrays |= {f"{name} scores": found.scores, f"{name} numbers": found.numbers}
    np.savez(path, **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--npz", type=Path, help="real embeddings, from `partwise embed`")
    parser.add_argument("--source", choices=("real", "made-up"), default="real")
    parser.add_argument("--sizes", default="1e4,1e5,1e6", help="numbers of segments")
    parser.add_argument("--larger", type=float, default=1e7, help="0: do without")
    parser.add_argument("--queries", type=int, default=50, help="per kind of weights")
    parser.add_argument("--budget-s", type=float, default=20.0, dest="budget_s")
    parser.add_argument("--folder", type=Path, help="where to put the tables while measuring")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    parser.add_argument("--precisions", default="float32,float16,int8")
    parser.add_argument("--precision", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        steps = {
            "write": lambda: write(options.folder, options.rows, options),
            "build": lambda: build(options.folder),
            "answer": lambda: answer(options.folder, options.budget_s),
            "sweep": lambda: sweep(options.folder, options.budget_s),
            "errors": lambda: errors(options.folder),
        }
        print(json.dumps(steps[options.step]()))
        return
    if options.source == "real" and options.npz is None:
        parser.error("--npz is needed: real embeddings, from `partwise embed`")
    likeness = {}
    if options.source == "real":
        likeness = {
            "real": likeness_of(real_tracks(options.npz)),
            "drawn": drawn_likeness(options.npz),
        }
    report: dict[str, Any] = {
        "likeness": likeness,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "source": options.source,
        "queries": options.queries,
        "sizes": [],
    }
    seen: list[larger.Seen] = []
    for size in options.sizes.split(","):
        measured, others, of_size = run_size(int(float(size)), options)
        report["sizes"].append(measured)
        report["precisions"] = [measured, *others]
        seen.append(of_size)
        _keep(report, options.json)
    if options.larger:
        rows = int(options.larger)
        print(f"{rows:,} rows: exact best, without a table", file=sys.stderr)
        source = source_of(options, rows)
        best = best_by_weights(source, rows, draw_queries(source, options.queries), KEEP)
        seen.append(larger.Seen(rows, {name: b.scores for name, b in best.items()}, None))
    report["larger"] = larger.foretell(report["sizes"], seen)
    _keep(report, options.json)
    print(json.dumps(report, indent=1))


def _keep(report: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
