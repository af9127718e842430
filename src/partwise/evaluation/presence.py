"""How well presence is told: average precision per part, and the thresholds that ship."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partwise.datasets.stems import StemPiece
from partwise.evaluation.pseudo_knn import EmbedSegments, StemReader
from partwise.parts import PARTS

AUDIBLE_DB = -25.0


def presence_samples(
    pieces: Sequence[StemPiece],
    sample_rate_hz: int,
    embed: EmbedSegments,
    *,
    mixes: int = 300,
    segment_s: float = 10.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Presence told and true for segments of pseudo-mixes of random subsets of stems.

    A part is truly there when its power is at most 25 dB below that of the segment.
    Returns (presence float [segments, parts], truth bool [segments, parts]).
    """
    rng = np.random.default_rng(seed)
    reader = StemReader(pieces, sample_rate_hz)
    length = round(segment_s * sample_rate_hz)
    having = {p: [i for i, piece in enumerate(pieces) if p in piece.stems] for p in PARTS}
    told, truth = [], []
    for _ in range(mixes):
        chance = rng.uniform(0.3, 1.0)
        sources = {
            part: int(rng.choice(having[part]))
            for part in PARTS
            if having[part] and rng.random() < chance
        }
        if not sources:
            continue
        samples, stems = reader.mix(sources)
        if len(samples) < length:
            continue
        start = int(rng.integers(len(samples) - length + 1))
        window = slice(start, start + length)
        power = np.mean(samples[window] ** 2)
        if power < 1e-7:
            continue
        powers = np.array([np.mean(stems[p][window] ** 2) if p in stems else 0.0 for p in PARTS])
        truth.append(powers > power * 10.0 ** (AUDIBLE_DB / 10.0))
        told.append(embed(samples[None, window])[1][0])
    return np.array(told), np.array(truth)


def average_precision(told: np.ndarray, truth: np.ndarray) -> float:
    """Area under the precision-recall steps of one part. told : float [n]; truth : bool [n]."""
    order = np.argsort(-told, kind="stable")
    hits = truth[order]
    if not hits.any():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def best_threshold(told: np.ndarray, truth: np.ndarray) -> float:
    """The presence threshold of one part with the highest F1 (mean of recall and precision).

    Not the balanced accuracy: a part that is there and not heard cannot be asked for at all, which
    is worse than one that is heard where it is not.
    """
    candidates = np.linspace(0.05, 0.95, 91)
    hits = np.array([np.sum(truth & (told >= c)) for c in candidates])
    claimed = np.array([np.sum(told >= c) for c in candidates])
    f1 = 2.0 * hits / np.maximum(claimed + truth.sum(), 1)
    # The middle of the plateau is the steadiest choice.
    best = np.flatnonzero(f1 >= f1.max() - 1e-9)
    return round(float(candidates[best[len(best) // 2]]), 2)
