"""What so many tracks cost, from measured constants and stated assumptions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.audio.segment import segment_starts
from partwise.errors import PartwiseError

RESULTS = "docs/results/scale"
SPEED = "docs/results/speed-2-shipped.json"
_DIMS = 5 * 64
# Bytes of a stored vector: int8 has a float32 scale for each part.
VECTOR_BYTES = {"float32": 4 * _DIMS, "float16": 2 * _DIMS, "int8": _DIMS + 20}


@dataclass(frozen=True)
class Assumed:
    """What no measurement of this project tells; every one is an option.

    minutes : length of a track. queries_per_s : to be answered at once, each within p95_ms.
    threads : that work on one query in one machine. busy : share of its cores that a machine is
    kept at. cores, memory_gb : of one machine; half of the memory is left to all else.
    gpu_x_real_time : seconds of audio whose network one GPU computes in a second. **Not measured.**
    """

    minutes: float = 4.0
    queries_per_s: float = 100.0
    p95_ms: float = 200.0
    threads: int = 4
    busy: float = 0.5
    cores: int = 16
    memory_gb: float = 64.0
    gpu_x_real_time: float = 10_000.0

    @property
    def segments(self) -> int:
        """Segments of a track."""
        return len(segment_starts(60.0 * self.minutes))


@dataclass(frozen=True)
class Measured:
    """Constants out of the result files.

    hear_x_real_time : seconds of audio that one core hears in a second, decoding included.
    prepare_x_real_time : the same without the network, which a GPU could compute.
    ledger_bytes, row_bytes, index_bytes : of a track, a row besides its vector, a row in the index.
    build_cpu_s : of a row, in an index of about ``shard_rows`` rows.
    query_ms, row_ms, probed_ms, again_ms : CPU time of a query (``benchmarks/larger.py``).
    probes : share of partitions -> the lowest recall@10 of the four weightings.
    """

    hear_x_real_time: float
    prepare_x_real_time: float
    ledger_bytes: float
    row_bytes: float
    index_bytes: float
    build_cpu_s: float
    built_rows: int
    query_ms: float
    row_ms: float
    probed_ms: float
    again_ms: float
    probes: dict[float, float]

    def query_cpu_ms(self, rows: float, probed: float = 1.0, again: float = 200.0) -> float:
        """CPU milliseconds of one query of a table of so many rows.

        probed : share of the partitions. again : rows compared again from their full vectors.
        """
        rest = self.row_ms * rows + self.probed_ms * rows * probed
        return self.query_ms + rest + self.again_ms * again


def read_measured(root: Path) -> tuple[Measured, dict[str, Any]]:
    """The constants, and the reports that they are from by name."""
    reports = {
        path.stem: json.loads(path.read_text()) for path in sorted((root / RESULTS).glob("*.json"))
    }
    missing = {"index", "limits", "bucket"} - reports.keys()
    if missing:
        raise PartwiseError(f"{RESULTS} lacks {', '.join(sorted(missing))}.json: see --help")
    speeds = json.loads((root / SPEED).read_text())["speeds"]["mp3"]
    largest = reports["index"]["sizes"][-1]
    cost = reports["index"]["larger"][-1]["cost"]
    of_tracks = reports["limits"]["sizes"][-1]
    probes = {
        swept["probed"]: min(by["recall_at_10"] for by in swept["by"].values())
        for swept in largest["sweep"]
        if swept["refine"] == 20
    }
    steps = ("decode, soundfile", "resample", "log-mel")
    return Measured(
        hear_x_real_time=speeds["embed_file, all of it"],
        prepare_x_real_time=1.0 / sum(1.0 / speeds[step] for step in steps),
        ledger_bytes=1e6 * of_tracks["steps"]["fill"]["ledger_mb"] / of_tracks["tracks"],
        row_bytes=1e6 * largest["table_mb"] / largest["rows"] - VECTOR_BYTES["float32"],
        index_bytes=1e6 * largest["index_mb"] / largest["rows"],
        build_cpu_s=largest["build_cpu_s"] / largest["rows"],
        built_rows=largest["rows"],
        query_ms=cost["per_query_ms"],
        row_ms=cost["per_million_rows_ms"] / 1e6,
        probed_ms=cost["per_million_probed_ms"] / 1e6,
        again_ms=cost["per_compared_again_ms"],
        probes=probes,
    ), reports


@dataclass(frozen=True)
class Serving:
    """What answers take.

    shards : tables, each on machines of its own. replicas : machines of each.
    cpu_s : of one query, over all shards. memory_gb : of the index, over all shards.
    """

    rows: float
    probed: float
    shards: int
    replicas: int
    cpu_s: float
    memory_gb: float

    @property
    def machines(self) -> int:
        return self.shards * self.replicas


def serving(rows: float, measured: Measured, assumed: Assumed, probed: float = 1.0) -> Serving:
    """Shards small enough that one answers in time, replicas enough for all queries.

    A query's mean time in a shard may be half of the p95 asked for: measured p95 are 1.3 to 1.6
    times the median on a quiet machine, and a queue before machines half busy adds the rest.
    """
    allowed_ms = 0.5 * assumed.p95_ms * assumed.threads
    per_row = measured.row_ms + measured.probed_ms * probed
    by_time = (allowed_ms - measured.query_cpu_ms(0.0)) / per_row
    if by_time < 1:
        raise PartwiseError(
            f"no shard is small enough for {assumed.p95_ms:g} ms: a query of no rows at all takes"
            f" {measured.query_cpu_ms(0.0):.0f} ms of CPU"
        )
    by_memory = 0.5 * 1e9 * assumed.memory_gb / measured.index_bytes
    shards = math.ceil(rows / min(by_time, by_memory))
    of_shard_s = measured.query_cpu_ms(rows / shards, probed) / 1e3
    replicas = math.ceil(assumed.queries_per_s * of_shard_s / (assumed.busy * assumed.cores))
    return Serving(
        rows=rows,
        probed=probed,
        shards=shards,
        replicas=replicas,
        cpu_s=shards * of_shard_s,
        memory_gb=rows * measured.index_bytes / 1e9,
    )


def storage_bytes(tracks: float, rows_each: float, precision: str, measured: Measured) -> float:
    """Bytes of a table and its index. rows_each : 1 for whole songs, else segments of a track."""
    index_bytes = 0.0 if precision == "int8" else measured.index_bytes  # LanceDB has none for it
    return tracks * rows_each * (VECTOR_BYTES[precision] + measured.row_bytes + index_bytes)


def build_cpu_s(rows: float, shards: int, measured: Measured) -> float:
    """CPU seconds of building the index of ``rows`` rows in so many shards.

    A row is compared with every partition of its shard, of which larger shards have more.
    """
    growth = max(1.0, rows / shards / measured.built_rows)
    return rows * measured.build_cpu_s * growth
