"""Made-up reports of `partwise-lab evaluate --out`, for tests of what is made from them."""

from __future__ import annotations

from typing import Any

from partwise.parts import PARTS

MODEL = "0123456789abcdef"


def score(part: str, reading: str, accuracy: float, labels: int = 10) -> dict[str, Any]:
    return {
        "part": part,
        "reading": reading,
        "labels": labels,
        "accuracy": accuracy,
        "low": accuracy - 0.05,
        "high": accuracy + 0.05,
        "chance": 1 / labels,
        "segments": 400,
    }


def leakage_report(model: str = MODEL, *, start: float = 0.9) -> dict[str, Any]:
    """Schema 2; the parts get `start`, `start` - 0.1, ...; strict is 0.04 lower."""
    accuracies = {part: start - 0.1 * part.index for part in PARTS}
    scores = []
    for part, accuracy in accuracies.items():
        scores.append(score(part, "paper", accuracy))
        scores.append(score(part, "strict", accuracy - 0.04))
        scores.append(score(part, "all", accuracy / 2, labels=100))
    leakage = [[accuracies[row] if row is column else 0.1 for column in PARTS] for row in PARTS]
    leakage[2][3] = 0.36
    return {
        "schema": 2,
        "protocol": "leakage",
        "model": model,
        "data": ["test"],
        "data_digest": "d1d1d1d1d1d1",
        "pieces": 150,
        "oracle": False,
        "scores": scores,
        "leakage": leakage,
        "skipped": [{"name": "a", "reason": "silent"}],
        "seconds": 1.5,
    }


def presence_report(model: str = MODEL) -> dict[str, Any]:
    values = dict(zip(map(str, PARTS), (0.99, 0.97, 0.8, 0.9, 0.95), strict=True))
    return {
        "schema": 2,
        "protocol": "presence",
        "model": model,
        "data_digest": "d1d1d1d1d1d1",
        "pieces": 150,
        "average_precision": values,
    }


def real_report(model: str = MODEL) -> dict[str, Any]:
    """Three recordings; piano and other cannot be measured, guitar is not told from guessing."""
    return {
        "schema": 2,
        "protocol": "few-pieces",
        "model": model,
        "data": ["real"],
        "data_digest": "e2e2e2e2e2e2",
        "pieces": 3,
        "scores": [
            score("drums", "paper", 0.9, labels=2),
            score("bass", "paper", 0.8, labels=2),
            score("guitar", "paper", 0.35, labels=3),
        ],
        "not_measured": {"piano": "pieces that have it: 1", "other": "pieces that have it: 1"},
    }


def old_report(model: str = MODEL) -> dict[str, Any]:
    """The leakage report as it was written before schema 2."""
    report = leakage_report(model)
    del report["schema"], report["data"]
    for entry in report["scores"]:
        del entry["reading"]
    return report


def unmixed_report(model: str = MODEL) -> dict[str, Any]:
    return {
        "schema": 2,
        "protocol": "unmixed",
        "model": model,
        "data_digest": "d1d1d1d1d1d1",
        "pieces": 3,
        "scores": [score("drums", "unmixed", 0.625, labels=3)],
        "mean": 0.625,
        "not_measured": {"bass": "pieces in which it sounds in two segments or more: 1"},
    }


def comparison_report() -> dict[str, Any]:
    """Three ways to hear a part: ours, and a rival on mixes and on separated stems."""

    def row(name: str, hears: str, accuracy: float, **more: Any) -> dict[str, Any]:
        spread = zip(PARTS, range(5), strict=True)
        scores = [score(part, "paper", accuracy - 0.01 * place) for part, place in spread]
        return {
            "name": name,
            "hears": hears,
            "scores": scores,
            "mean": accuracy - 0.02,
            "mean_low": accuracy - 0.05,
            "mean_high": accuracy + 0.01,
            "mean_strict": accuracy - 0.1,
            "mean_all": None,
            "differences": {},
            "speed": {"separate": None, "embed": 120.0, "together": 120.0},
            "bytes_per_segment": 2560,
            "bytes_per_track": 61440,
            "parameters": None,
            "budget": None,
            "note": None,
        } | more

    differs = {"drums": [-0.5, -0.55, -0.45], "bass": [0.02, -0.01, 0.05], "mean": [0.1, 0.05, 0.2]}
    separating = {"separate": 1.25, "embed": 590.0, "together": 0.98765}
    return {
        "schema": 2,
        "protocol": "compare",
        "first": "ours",
        "rows": [
            row("ours", "mixes", 0.9, parameters=1351582, budget="20 core min"),
            row("rival", "mixes", 0.4, differences=differs, note="as <it> comes"),
            row("rival", "separated stems", 0.55, speed=separating),
        ],
    }


def rivals_report() -> dict[str, Any]:
    """As `benchmarks/rivals.py --json` writes it."""

    def row(name: str, about: str, speed: float, peak_mb: float | None) -> dict[str, Any]:
        return {
            "name": name,
            "about": about,
            "speed": speed,
            "slowest": speed - 0.5,
            "fastest": speed + 1.0,
            "by_file": {"mp3": speed},
            "peak_mb": peak_mb,
            "bytes_per_track": 1404,
        }

    return {
        "machine": "CPU",
        "seconds": 120,
        "repeats": 5,
        "rows": [
            row("ours", "hears", 300.0, 123.4),
            row("slow", "crawls", 8.0, None),
            {"name": "gone", "about": "flies", "skipped": "no wings"},
        ],
    }
