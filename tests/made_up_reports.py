"""Made-up reports of `partwise evaluate --out`, for tests of what is made from them."""

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
