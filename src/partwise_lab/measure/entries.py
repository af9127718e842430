"""Scores as the entries of a report (see `protocols`), and the means over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from partwise.parts import PARTS, Part
from partwise_lab.measure.presence import PresenceSamples, average_precision
from partwise_lab.measure.pseudo_knn import KnnScore, Segments, knn_score

# reading -> the key of its mean over the measured parts
MEANS = {
    "paper": "mean",
    "nearest": "mean",
    "unmixed": "mean",
    "strict": "mean_strict",
    "all": "mean_all",
}


def readings(segments: Segments, part: Part, labels: int, draws: int, seed: int) -> list[dict]:
    return [
        entry(reading, knn_score(segments, part, labels, strict=strict, draws=draws, seed=seed))
        for reading, strict in (("paper", False), ("strict", True))
    ]


def entry(reading: str, score: KnnScore) -> dict:
    return asdict(score) | {"part": str(score.part), "reading": reading}


def with_means(entries: list[dict]) -> dict[str, Any]:
    accuracy = {
        reading: [entry["accuracy"] for entry in entries if entry["reading"] == reading]
        for reading in MEANS
    }
    return {"scores": entries} | {
        MEANS[reading]: float(np.mean(values)) for reading, values in accuracy.items() if values
    }


def presence_entries(samples: PresenceSamples, seed: int) -> dict[str, Any]:
    """Average precision by part with 95 % over segments; null where a part is never there."""
    rng = np.random.default_rng(seed)
    values, intervals, shares = {}, {}, {}
    for part in PARTS:
        told, truth = samples.of(part)
        name = str(part)
        shares[name] = float(truth.mean()) if len(truth) else None
        if not truth.any() or truth.all():
            values[name] = intervals[name] = None
            continue
        values[name] = average_precision(told, truth)
        drawn = rng.integers(len(told), size=(500, len(told)))
        again = [average_precision(told[rows], truth[rows]) for rows in drawn if truth[rows].any()]
        intervals[name] = [float(edge) for edge in np.percentile(again, [2.5, 97.5])]
    return {
        "average_precision": values,
        "average_precision_interval": intervals,
        "share_present": shares,
    }


def row_names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the rows of a comparison, with what they hear where a name occurs twice."""
    names = [row["name"] for row in rows]
    return [
        name if names.count(name) == 1 else f"{name} ({row['hears']})"
        for name, row in zip(names, rows, strict=True)
    ]
