"""The tables of docs/scale.md, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from partwise.library.stores.accuracy import WEIGHTINGS
from partwise.parts import PARTS
from partwise_lab.report.table import NONE, markdown
from scale_costs import VECTOR_BYTES, Assumed, Measured, build_cpu_s, serving, storage_bytes

# --- tables: of the plan


def storage_table(measured: Measured, assumed: Assumed, tracks: Sequence[float]) -> str:
    rows = []
    for count in tracks:
        for precision in VECTOR_BYTES:
            songs = storage_bytes(count, 1, precision, measured)
            passages = storage_bytes(count, assumed.segments, precision, measured)
            ledger = count * measured.ledger_bytes
            rows.append([_count(count), precision, *map(_size, (ledger, songs, ledger + songs))])
            rows[-1] += [_size(passages), _size(ledger + songs + passages)]
    head = ["tracks", "precision", "ledger", "whole songs, with index", "together"]
    return markdown([*head, "segments, with index", "all"], rows)


def hearing_table(measured: Measured, assumed: Assumed, tracks: Sequence[float]) -> str:
    rows = []
    for count in tracks:
        audio_h = count * assumed.minutes / 60.0
        cpu_h = audio_h / measured.hear_x_real_time
        beside_h = audio_h / measured.prepare_x_real_time
        days = cpu_h / assumed.cores / 24.0
        cells = [audio_h, cpu_h, days, audio_h / assumed.gpu_x_real_time, beside_h]
        rows.append([_count(count), *map(_rounded, cells)])
    head = [
        "tracks",
        "hours of audio",
        "CPU hours",
        f"days of one machine of {assumed.cores} cores",
    ]
    return markdown(
        [*head, "or GPU hours (assumed, not measured)", "with CPU hours beside them"], rows
    )


def building_table(measured: Measured, assumed: Assumed, tracks: Sequence[float]) -> str:
    rows = []
    for count in tracks:
        for name, each in (("whole songs", 1), ("segments", assumed.segments)):
            total = count * each
            shards = serving(total, measured, assumed).shards
            hours = build_cpu_s(total, shards, measured) / 3600.0
            rows.append([_count(count), name, f"{shards:,}", _rounded(hours)])
    return markdown(["tracks", "index of", "shards", "CPU hours"], rows)


def serving_table(measured: Measured, assumed: Assumed, tracks: Sequence[float]) -> str:
    some = max((share for share in measured.probes if share <= 0.1), default=1.0)
    rows = []
    for count in tracks:
        for name, each, probed in (
            ("whole songs", 1, 1.0),
            ("segments", assumed.segments, 1.0),
            ("segments", assumed.segments, some),
        ):
            plan = serving(count * each, measured, assumed, probed)
            recall = 1.0 if probed == 1.0 else measured.probes[probed]
            share = "all" if probed == 1.0 else f"{100 * probed:.0f} %"
            cells = [_count(count), name, share, f"{recall:.2f}", f"{plan.cpu_s:,.2f}"]
            cells += [f"{plan.memory_gb:,.1f} GB", f"{plan.shards:,}", f"{plan.replicas:,}"]
            rows.append([*cells, f"{plan.machines:,}"])
    head = ["tracks", "asked of", "partitions probed", "lowest recall@10", "CPU s a query"]
    return markdown([*head, "index in memory", "shards", "replicas of each", "machines"], rows)


def assumed_list(assumed: Assumed) -> str:
    return "\n".join(
        [
            f"- Tracks of {assumed.minutes:g} minutes: {assumed.segments} segments of 10 s, 5 s"
            " apart.",
            f"- Machines of {assumed.cores} cores and {assumed.memory_gb:g} GB, kept at most"
            f" {100 * assumed.busy:.0f} % busy; half of the memory for the index.",
            f"- {assumed.queries_per_s:g} queries a second, p95 below {assumed.p95_ms:g} ms;"
            f" {assumed.threads} threads work on one query in one machine.",
            f"- One GPU computes the network for {assumed.gpu_x_real_time:,.0f} s of audio in a"
            " second. **Assumed, not measured.**",
        ]
    )


# --- tables: of what was measured


def sizes_table(report: dict[str, Any]) -> str:
    rows = []
    for size in report["sizes"]:
        answers = size["answers"]
        peaks = (size[f"{step}_peak_memory_mb"] for step in ("write", "build"))
        rows.append(
            [
                f"{size['rows']:,}",
                f"{size['write_s']:.1f} / {size['write_cpu_s']:.1f} s",
                f"{size['table_mb']:,.0f} + {size['index_mb']:,.0f} MB",
                f"{size['build_s']:.0f} / {size['build_cpu_s']:.0f} s",
                " / ".join(f"{peak:,.0f}" for peak in peaks)
                + f" / {answers['answer_peak_memory_mb']:,.0f} MB",
                f"{answers['cold_first_s']:.2f} s",
                f"{answers['bytes_read_per_query'] / 1e6:.2f} MB",
            ]
        )
    head = ["rows", "written, wall / CPU", "table + index", "index built, wall / CPU"]
    head += ["peak memory: writing / building / answering", "first answer, cold", "read per answer"]
    return markdown(head, rows)


def precisions_table(report: dict[str, Any]) -> str:
    rows = []
    for size in report["precisions"]:
        answers = size["answers"]
        by = [answers["by_weights"][name] for name in WEIGHTINGS]
        index = size.get("index_mb")
        cells = [f"{size['rows']:,}", size["precision"], f"{size['table_mb']:,.0f} MB"]
        cells += [NONE if index is None else f"{index:,.0f} MB"]
        cells += [" / ".join(f"{one['recall_at_10']:.3f}" for one in by)]
        cells += [" / ".join(f"{one['median_ms']:.0f}" for one in by) + " ms"]
        cells += [f"{sum(one['cpu_ms'] for one in by) / len(by):.0f} ms"]
        cells += [f"{answers['bytes_read_per_query'] / 1e6:.1f} MB"]
        rows.append([*cells, f"{answers['answer_peak_memory_mb']:,.0f} MB", f"{answers['load']:g}"])
    head = ["rows", "precision", "table", "index", f"recall@10: {' / '.join(WEIGHTINGS)}", "p50"]
    return markdown([*head, "CPU", "read per answer", "peak memory", "load"], rows)


def answers_table(report: dict[str, Any]) -> str:
    rows = []
    for size in report["sizes"]:
        for name in WEIGHTINGS:
            by = size["answers"]["by_weights"][name]
            cells = [
                f"{by['median_ms']:.0f} ms",
                f"{by['p95_ms']:.0f} ms",
                f"{by['cpu_ms']:.0f} ms",
            ]
            rows.append([f"{size['rows']:,}", name, f"{by['recall_at_10']:.3f}", *cells])
            rows[-1].append(f"{size['answers']['load']:g}")
    return markdown(["rows", "weights", "recall@10", "p50", "p95", "CPU", "load"], rows)


def likeness_table(report: dict[str, Any]) -> str:
    words = {
        "there": "share of tracks that have it",
        "nearest": "similarity to the nearest other track, median",
        "pairs_95": "of the closest twentieth of pairs",
        "next": "of a segment to the next, median",
        "dims": "dimensions filled",
    }
    rows = []
    for key, what in words.items():
        both = (report["likeness"][kind] for kind in ("real", "drawn"))
        digits = 0 if key == "dims" else 2
        cells = [
            f"{real[key]:.{digits}f} / {drawn[key]:.{digits}f}"
            for real, drawn in zip(*both, strict=True)
        ]
        rows.append([what, *cells])
    return markdown(["real / drawn", *map(str, PARTS)], rows)


def probes_table(report: dict[str, Any]) -> str:
    largest = report["sizes"][-1]
    rows = []
    for swept in largest["sweep"]:
        by = swept["by"]
        cpu_ms = sum(one["cpu_ms"] for one in by.values()) / len(by)
        rows.append([f"{100 * swept['probed']:.0f} %", f"{10 * swept['refine']}"])
        rows[-1] += [f"{by[name]['recall_at_10']:.3f}" for name in WEIGHTINGS]
        rows[-1].append(f"{cpu_ms:.0f} ms")
    head = ["partitions probed", "compared again", *(f"recall, {name}" for name in WEIGHTINGS)]
    return markdown([*head, "CPU"], rows)


def foretold_table(report: dict[str, Any]) -> str:
    rows = []
    for told in report["larger"]:
        for refine, recall in told["recall"].items():
            known = told.get("measured_recall", {}).get(refine)
            cells = [
                f"{recall[name]:.3f}" + (f" ({known[name]:.3f})" if known else "")
                for name in WEIGHTINGS
            ]
            rows.append([f"{told['rows']:,}", f"{10 * int(refine)}", *cells])
    return markdown(["rows", "compared again", *(f"recall, {name}" for name in WEIGHTINGS)], rows)


def cost_table(report: dict[str, Any]) -> str:
    rows = []
    for told in report["larger"]:
        cost = told["cost"]
        measured_ms = told.get("measured_cpu_ms")
        rows.append(
            [
                f"{told['rows']:,}",
                f"{cost['per_query_ms']:.1f}",
                f"{cost['per_million_rows_ms']:.1f}",
                f"{cost['per_million_probed_ms']:.1f}",
                f"{cost['per_compared_again_ms']:.3f}",
                f"{told['cpu_ms']:,.0f}",
                NONE if measured_ms is None else f"{measured_ms:,.0f}",
            ]
        )
    head = ["rows", "a query [ms]", "a million rows", "a million probed", "a row compared again"]
    return markdown([*head, "told, all probed [ms]", "measured [ms]"], rows)


_READERS = {
    "ledger": "the ledger, read whole by every run",
    "plan": "ledger and plan of a run without changes (no disk)",
    "live_paths": "files of every track (`live_paths`)",
    "catalogue": "the catalogue, in every server and command that answers",
    "condition": "`--where`: the catalogue made a table and asked",
    "vectors": "all tracks in memory (exact search)",
    "duplicates": "the finder of duplicates, and its first 500 answers",
    "map_of_a_part": "the map of one part (a run gives it 36 s)",
}


def limits_table(report: dict[str, Any]) -> str:
    rows = []
    for name, words in _READERS.items():
        cells = [words]
        for size in report["sizes"]:
            steps = size["steps"]
            used_mb = steps[name]["peak_memory_mb"] - steps["nothing"]["peak_memory_mb"]
            cells += [f"{steps[name]['cpu_s']:.1f} s", f"{used_mb:,.0f} MB"]
            if "ms_each" in steps[name]:
                cells[-2] += f"; {steps[name]['ms_each']:.1f} ms each"
        rows.append(cells)
    head = ["what"]
    for size in report["sizes"]:
        head += [f"{_count(size['tracks'])} tracks: CPU", "memory"]
    return markdown(head, rows)


def bucket_table(report: dict[str, Any]) -> str:
    steps = ("write a batch", "build the index", "open", "first answer", "later answers, each")
    rows = [
        [step, *(f"{report[step].get(kind, 0):g}" for kind in ("GET", "HEAD", "PUT", "POST"))]
        for step in steps
    ]
    return markdown([f"at {report['rows']:,} rows", "GET", "HEAD", "PUT", "POST"], rows)


def versions_table(report: dict[str, Any]) -> str:
    rows = [
        [after, f"{found['write_ms']:.0f} ms", f"{found['manifests_mb']:.1f} MB"]
        for after, found in report["versions"]["after"].items()
    ]
    return markdown(["batches before", "one more batch takes", "manifests"], rows)


# --- words


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _size(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000.0
    return f"{value:,.3g} PB"


def _rounded(value: float) -> str:
    """Two digits that count, or what stands before the point."""
    if value >= 100:
        digits = max(0, int(math.log10(value)) - 2)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.2g}"
