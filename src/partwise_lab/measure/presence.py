"""How well presence is told: average precision per part, and what ships: thresholds, calibration.

A network learns presence on mixes of equally loud stems. Calibration makes of what it says a
probability among segments like those that are heard later: mixes at their natural levels, sung over
or not, and stems alone (Platt 1999: one slope and one offset for each part's logit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.intervals import drawn, middle
from partwise_lab.measure.stem_reader import REFERENCE_RMS

AUDIBLE_DB = -25.0
LEAST_RECALL = 0.85
SUNG = 0.3  # of the mixes, where there are voices
_VOICE_DB, _VOICE_SPREAD_DB = -3.0, 4.0  # a voice's level against that of a whole mix


class PresenceSamples(NamedTuple):
    """Presence told (float) and true (bool), and whether the truth is known: [segments, parts]."""

    told: np.ndarray
    truth: np.ndarray
    known: np.ndarray

    def of(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """(told, truth) of one part, of the segments in which its truth is known: [n] each."""
        rows = self.known[:, part.index]
        return self.told[rows, part.index], self.truth[rows, part.index]


def audible(mix: np.ndarray, stems: Mapping[Part, np.ndarray]) -> np.ndarray:
    """Which parts are truly there: power at most 25 dB below the segment's. bool [parts].

    mix, stems : float32 [samples] of one segment.
    """
    powers = np.array([np.mean(stems[p] ** 2) if p in stems else 0.0 for p in PARTS])
    return powers > np.mean(mix**2) * 10.0 ** (AUDIBLE_DB / 10.0)


def presence_samples(
    trial: Trial,
    *,
    mixes: int = 300,
    segment_s: float = 10.0,
    voices: Sequence[np.ndarray] = (),
    alone: float = 0.0,
) -> PresenceSamples:
    """Presence told and true for segments of pseudo-mixes of random subsets of stems.

    voices : float32 [samples] each; one of them, which counts as OTHER, is sung over 30 % of the
        mixes.
    alone : share of the mixes that is one stem by itself.
    """
    pieces, length = trial.pieces, trial.samples(segment_s)
    rng = np.random.default_rng(trial.seed)

    def segments() -> Iterator[Cut[np.ndarray]]:
        having = {p: [i for i, piece in enumerate(pieces) if p in piece.stems] for p in PARTS}
        for _ in range(mixes):
            chance = rng.uniform(0.3, 1.0)
            sources = {
                part: int(rng.choice(having[part]))
                for part in PARTS
                if having[part] and rng.random() < chance
            }
            if not sources:
                continue
            if rng.random() < alone:
                part = list(sources)[int(rng.integers(len(sources)))]
                sources = {part: sources[part]}
            samples, stems = trial.reader.mix(sources)
            if len(samples) < length:
                continue
            start = int(rng.integers(len(samples) - length + 1))
            window = slice(start, start + length)
            if np.mean(samples[window] ** 2) < 1e-7:
                continue
            mix, heard = samples[window], {p: stem[window] for p, stem in stems.items()}
            if voices and rng.random() < SUNG:
                voice = _voice(voices, length, rng)
                mix = mix + voice
                heard[Part.OTHER] = heard.get(Part.OTHER, 0.0) + voice
            truth = audible(mix, heard)
            known = truth_known(pieces, sources.values())
            yield Cut(mix[None], (truth[None], known[None]))

    return told_and_true(trial, segments(), segment_s)


def _voice(voices: Sequence[np.ndarray], length: int, rng: np.random.Generator) -> np.ndarray:
    """A stretch of one of the voices, or all of it and silence: float32 [length]."""
    voice = voices[int(rng.integers(len(voices)))]
    start = int(rng.integers(max(1, len(voice) - length + 1)))
    voice = np.pad(voice[start : start + length], (0, max(0, length - len(voice))))
    level_db = rng.normal(_VOICE_DB, _VOICE_SPREAD_DB)
    rms = max(float(np.sqrt(np.mean(voice**2))), 1e-6)
    return (voice * (REFERENCE_RMS / rms * 10.0 ** (level_db / 20.0))).astype(np.float32)


def told_and_true(
    trial: Trial, segments: Iterable[Cut[np.ndarray]], segment_s: float
) -> PresenceSamples:
    """What the encoder tells of single segments; their truths are the rest.

    Raises PartwiseError where there are none.
    """
    heard = trial.hear(segments, lambda cut: (cut,))
    if heard is None:
        raise PartwiseError(f"no piece is as long as a segment of {segment_s:g} s")
    return PresenceSamples(heard.presence, *heard.truths)


def truth_known(pieces: Sequence[StemPiece], sources: Iterable[int]) -> np.ndarray:
    """Of which parts the stems of these pieces tell whether they are there: bool [parts].

    A part that is there for certain does not count either where its absence could not be told:
    that would leave out the ones it is not in, and flatter.
    """
    unknown = frozenset[Part]().union(*(pieces[index].unknown for index in sources))
    return np.array([part not in unknown for part in PARTS])


def average_precision(told: np.ndarray, truth: np.ndarray) -> float:
    """Area under the precision-recall steps of one part. told : float [n]; truth : bool [n].

    What is told equally is one step, so that the order of the segments does not matter.
    """
    order = np.argsort(-told, kind="stable")
    hits = np.cumsum(truth[order])
    if not hits.any():
        return float("nan")
    steps = np.append(np.flatnonzero(np.diff(told[order])), len(hits) - 1)  # the last of equals
    found = hits[steps]
    return float(np.sum(np.diff(found, prepend=0) * found / (steps + 1)) / hits[-1])


def calibration(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(slope, offset) of one part: sigmoid(slope * logit + offset) is its probability.

    The likeliest ones, by Newton's method with a little pull towards (1, 0), so that parts that are
    told apart without an error stay finite. logits : float [n]; truth : bool [n].
    """
    x = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)
    start = np.array([1.0, 0.0])
    found, pull = start.copy(), 1.0
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ found, -30.0, 30.0)))
        gradient = x.T @ (p - truth) + pull * (found - start)
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x + pull * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found -= step / max(1.0, float(np.abs(step).max()))
    return float(found[0]), float(found[1])


def best_threshold(sets: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The presence threshold of one part with the highest F1 (mean of recall and precision).

    Not the balanced accuracy: a part that is there and not heard cannot be asked for at all, which
    is worse than one that is heard where it is not. For the same reason it is lowered until the
    part is heard in 85 % of its segments in every set, of which recordings are the smaller one.

    sets : (told, truth) of each data set, [n] each.
    """
    told, truth = (np.concatenate(column) for column in zip(*sets, strict=True))
    candidates = np.linspace(0.05, 0.95, 91)
    hits = np.array([np.sum(truth & (told >= c)) for c in candidates])
    claimed = np.array([np.sum(told >= c) for c in candidates])
    f1 = 2.0 * hits / np.maximum(claimed + truth.sum(), 1)
    # The middle of the plateau is the steadiest choice.
    best = np.flatnonzero(f1 >= f1.max() - 1e-9)
    found = float(candidates[best[len(best) // 2]])
    missed = 1.0 - LEAST_RECALL
    lowest = [float(np.quantile(of[there], missed)) for of, there in sets if there.any()]
    return max(0.05, np.floor(100.0 * min(found, *lowest)) / 100.0)


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
        rows = drawn(len(told), 500, rng)
        again = [average_precision(told[row], truth[row]) for row in rows if truth[row].any()]
        intervals[name] = list(middle(again))
    return {
        "average_precision": values,
        "average_precision_interval": intervals,
        "share_present": shares,
    }


def presence(trial: Trial, *, segment_s: float = 10.0) -> dict[str, Any]:
    """Average precision of presence on random subsets of stems."""
    return presence_entries(presence_samples(trial, segment_s=segment_s), trial.seed)
