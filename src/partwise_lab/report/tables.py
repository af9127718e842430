"""Reports as text: what `partwise-lab evaluate` prints, made from the report alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from partwise.parts import PARTS
from partwise_lab.measure.same_part import KINDS
from partwise_lab.report.abx_text import abx_text


def report_text(report: dict[str, Any]) -> str:
    """The tables of one report (see `protocols`), a line each, without a line end."""
    lines: list[str] = []
    blocks = (_scores, _nearest, _unmixed, _leakage, _presence, _same_part, _probes, _listeners)
    for block in (make(report) for make in blocks):
        part = list(block)
        if part:
            lines += ["", *part] if lines else part
    lines += _single_windows(report)
    for part, why in report.get("not_measured", {}).items():
        lines.append(f"{part:8} not measured: {why}")
    return "\n".join(lines)


def _by_reading(report: dict[str, Any], reading: str) -> dict[str, dict]:
    found = report.get("scores", ())
    return {score["part"]: score for score in found if score["reading"] == reading}


def _scores(report: dict[str, Any]) -> Iterator[str]:
    few, strict, every = (_by_reading(report, name) for name in ("paper", "strict", "all"))
    if not few:
        return
    labels = {score["labels"] for score in few.values()}
    same = f"{labels.pop()}" if len(labels) == 1 else "all"  # which differs by part
    last = "   all labels" if every else "   chance"
    yield f"{'part':8} {same:>4} labels (95 % over pieces)   strict{last}"
    for part, score in few.items():
        interval = f"({score['low']:.1%} - {score['high']:.1%})"
        if every:
            end = f"{every[part]['accuracy']:.1%} of {every[part]['labels']}"
        else:
            end = f"{score['chance']:6.1%} ({score['labels']} pieces)"
        yield (
            f"{part:8} {score['accuracy']:9.1%} {interval:>20} "
            f"{strict[part]['accuracy']:9.1%}   {end}"
        )
    chance = sum(score["chance"] for score in few.values()) / len(few)
    end = f"{report['mean_all']:.1%}" if every else ""
    yield (
        f"{'mean':8} {report['mean']:9.1%} {f'chance {chance:.0%}':>20} "
        f"{report['mean_strict']:9.1%}   {end}"
    ).rstrip()


def _nearest(report: dict[str, Any]) -> Iterator[str]:
    yield from _found(report, "nearest", "finds its other half")


def _unmixed(report: dict[str, Any]) -> Iterator[str]:
    yield from _found(report, "unmixed", "segment of its piece")
    if _by_reading(report, "unmixed"):
        yield "(no measure of disentanglement: any subspace can win from cues of the song)"


def _found(report: dict[str, Any], reading: str, what: str) -> Iterator[str]:
    found = _by_reading(report, reading)
    if not found:
        return
    yield f"{'part':8} {what} (95 % over pieces)   chance"
    for part, score in found.items():
        interval = f"({score['low']:.1%} - {score['high']:.1%})"
        yield (
            f"{part:8} {score['accuracy']:9.1%} {interval:>20} {score['chance']:17.1%} "
            f"({score['labels']} pieces)"
        )
    yield f"{'mean':8} {report['mean']:9.1%}"


def _single_windows(report: dict[str, Any]) -> list[str]:
    """What to know about the strict column where loops are too short for two windows."""
    single = [
        f"{part} of {name}"
        for part, windows in report.get("windows", {}).items()
        for name, count in windows.items()
        if count == 1
    ]
    if not single:
        return []
    return ["", f"never right in strict, having one window only: {', '.join(single)}"]


def _leakage(report: dict[str, Any]) -> Iterator[str]:
    if "leakage" not in report:
        return
    yield "labels of the row, read in the subspace of the column:"
    yield " " * 8 + "".join(f"{part:>9}" for part in PARTS)
    for part, row in zip(PARTS, report["leakage"], strict=True):
        if any(cell is not None for cell in row):
            yield f"{part:8}" + "".join(f"{cell:9.1%}" for cell in row)


def _presence(report: dict[str, Any]) -> Iterator[str]:
    for part, value in report.get("average_precision", {}).items():
        share = report["share_present"][part]
        if value is None:
            yield f"{part:8} average precision cannot be told: its presence never varies"
            continue
        low, high = report["average_precision_interval"][part]
        yield (
            f"{part:8} average precision {value:.3f} ({low:.3f} - {high:.3f})   "
            f"(there in {share:.0%})"
        )


def _same_part(report: dict[str, Any]) -> Iterator[str]:
    entries = report.get("same_part")
    if not entries:
        return
    yield "AUC of the part of the row in the subspace of the column (target: 1 in its own, else 0):"
    yield " " * 8 + "".join(f"{part:>7}" for part in PARTS)
    for part, row in zip(PARTS, report["auc"], strict=True):
        if any(cell is not None for cell in row):
            yield f"{part:8}" + "".join(f"{cell:7.2f}" for cell in row)
    own = [entry for entry in entries if entry["part"] == entry["subspace"]]
    others = [entry["auc"] for entry in entries if entry["part"] != entry["subspace"]]
    inside = sum(entry["auc"] for entry in own) / len(own)
    yield f"mean in its own {inside:.2f}, in others {sum(others) / len(others):.2f}"
    yield ""
    yield "mean cosine in the part's own subspace (95 % over pieces):"
    yield " " * 8 + "".join(f"{kind.replace('_', ' '):>24}" for kind in KINDS)
    for entry in own:
        cells = (
            f"{found['mean']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
            for found in (entry["similarity"][kind] for kind in KINDS)
        )
        yield f"{entry['part']:8}" + "".join(f"{cell:>24}" for cell in cells)


def _probes(report: dict[str, Any]) -> Iterator[str]:
    """The words, then each fact in the part's own subspace and in the best of the others."""
    entries = report.get("probes")
    if not entries:
        return
    yield from report["words"]
    yield ""
    yield "read in the part's own subspace | in the best of the others (per cent right, or R2):"
    measured = {entry["fact"] for entry in entries}
    facts = [fact for fact in report["facts"] if fact in measured]
    yield " " * 8 + "".join(f"{fact:>16}" for fact in facts)
    for part in dict.fromkeys(entry["part"] for entry in entries):
        cells = []
        for fact in facts:
            asked = [e for e in entries if (e["part"], e["fact"]) == (part, fact)]
            if not asked:
                cells.append("-")
                continue
            own = next(e for e in asked if e["subspace"] == part)
            best = max((e for e in asked if e["subspace"] != part), key=lambda e: e["score"])
            cells.append(f"{_probed(own)} | {_probed(best)}")
        yield f"{part:8}" + "".join(f"{cell:>16}" for cell in cells)


def _probed(entry: dict[str, Any]) -> str:
    return f"{entry['score']:.2f}" if entry["measure"] == "R2" else f"{entry['score']:.0%}"


def _listeners(report: dict[str, Any]) -> Iterator[str]:
    if "agreement" in report:
        yield abx_text(report)
