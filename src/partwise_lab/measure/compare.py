"""Experiment 1: many embedders on the same pseudo-mixes, quality and cost in one table.

All rows hear the same mixes: those of protocol pseudo-knn with the same seed. Each mix is made
once, separated once by each separator that a row asks for, and given to every row; so two rows
differ in nothing but who hears what. Intervals are bootstraps over pieces, and those of the
differences are paired: the same pieces in both rows.

The report (see `protocols` for what all reports have):

    rows           name, hears, about (digest, recipe, steps...), parameters, budget, note
                   scores     as in pseudo-knn: part, reading, labels, accuracy, low, high, chance,
                              segments
                   mean, mean_low, mean_high, mean_strict, mean_all    over the parts measured
                   differences    part or "mean" -> [this row minus the first one, low, high]
                   speed      separate, embed, together: seconds of audio for a second of one core,
                              all five parts; null where there is nothing to do
                   bytes_per_segment, bytes_per_track (four minutes, a segment every 5 s)
    first          the row that the others are compared with
    refused        rows that could not be run, and why
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partwise.audio.segment import HOP_S, SEGMENT_S
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.contenders import MIX, ORACLE, Contender
from partwise_lab.measure.pseudo_knn import (
    PseudoMix,
    Tally,
    Whose,
    draw_pseudo_mixes,
    knn_tally,
    parts_to_test,
)
from partwise_lab.measure.stem_reader import StemReader, is_silent_stem
from partwise_lab.measure.threads import in_order
from partwise_lab.separation.separator import Separator

_TRACK_S = 240.0
READINGS = ("paper", "strict", "all")


@dataclass
class _Costs:
    """Seconds of one core and of audio, by who worked: a row's number or a separator's name."""

    spent_s: dict[Any, float] = field(default_factory=dict)
    audio_s: dict[Any, float] = field(default_factory=dict)

    def add(self, who: Any, spent_s: float, audio_s: float) -> None:
        self.spent_s[who] = self.spent_s.get(who, 0.0) + spent_s
        self.audio_s[who] = self.audio_s.get(who, 0.0) + audio_s

    def of(self, who: Any) -> float:
        """Seconds of one core for a second of audio; 0 where nothing was done."""
        return self.spent_s[who] / self.audio_s[who] if self.audio_s.get(who) else 0.0


@dataclass(frozen=True)
class _Heard:
    """What every row heard of one mix: features of its segments, None where it has no stem."""

    features: list[np.ndarray | None]
    moments: list[int]
    spent: list[tuple[Any, float, float]]


def compare(
    contenders: Sequence[Contender],
    separators: Mapping[str, Separator],
    pieces: Sequence[StemPiece],
    reader: StemReader,
    *,
    labels: int = 10,
    pool: int = 30,
    mixes: int = 4,
    draws: int = 20,
    segment_s: float = 10.0,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Run every contender on the same pseudo-mixes of the pieces.

    separators : by the names under which contenders ask for them.
    threads : mixes worked on at a time; no accuracy depends on it.
    Raises PartwiseError where a part has fewer pieces than labels.
    """
    there = parts_to_test(pieces, labels, pool)
    sums: list[dict[Part, dict[str, Tally]]] = [{} for _ in contenders]
    scores: list[list[dict]] = [[] for _ in contenders]
    costs = _Costs()
    one_thread()  # or a core's work would be counted as less than it is
    total, begun = mixes * sum(there.values()), 0
    for part, count in there.items():
        rng = np.random.default_rng([seed, part.index])
        drawn = draw_pseudo_mixes(pieces, part, count, mixes, rng)
        features, whose = _hear(
            contenders,
            separators,
            reader,
            drawn,
            segment_s,
            costs,
            threads,
            lambda done, begun=begun: progress(begun + done, total),
        )
        begun += len(drawn)
        if (sounding := len(np.unique(whose.label))) < labels:
            raise PartwiseError(
                f"{labels} labels were asked for, but {part} sounds for {segment_s:g} s in only "
                f"{sounding} of the pieces drawn: ask for --labels {max(2, sounding)} or fewer, or "
                "for a shorter --segment"
            )
        for number, row in enumerate(contenders):
            heard = features[number]
            if heard is None:
                continue
            distance = row.hearer.distances(heard)
            tallies = _tallies(distance, whose, labels, draws, seed)
            sums[number][part] = tallies
            scores[number] += _entries(tallies, part, len(whose.label), seed)
    rows = [
        _row(row, scores[number], sums[number], sums[0], costs, number, seed)
        for number, row in enumerate(contenders)
    ]
    return {"rows": rows, "first": contenders[0].name}


def one_thread() -> None:
    """From here on, one mix is worked on by one thread: no library starts others of its own.

    Raises PartwiseError where the package that sees to it is missing.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise PartwiseError(
            "a comparison needs the package threadpoolctl: "
            "pip install 'partwise-lab[bench]' -c constraints.txt"
        ) from None
    threadpool_limits(1)


def _hear(
    contenders: Sequence[Contender],
    separators: Mapping[str, Separator],
    reader: StemReader,
    drawn: Sequence[PseudoMix],
    segment_s: float,
    costs: _Costs,
    threads: int,
    progress: Callable[[int], None],
) -> tuple[list[np.ndarray | None], Whose]:
    """Features of one part's segments by row, [segments, width] each, and whose they are."""
    length = round(segment_s * reader.sample_rate_hz)

    def work(mix: PseudoMix) -> _Heard | None:
        samples, stems = reader.mix(mix.sources)
        target = stems[mix.part]
        starts = range(0, len(samples) - length + 1, length)
        heard = [s for s in starts if not is_silent_stem(target[s : s + length])]
        if not heard:
            return None
        spent: list[tuple[Any, float, float]] = []
        sounds: dict[str, np.ndarray | None] = {MIX: samples, ORACLE: target}
        for name, separator in separators.items():
            began = time.thread_time()
            sounds[name] = separator.separate(samples).get(mix.part)
            seconds = len(samples) / reader.sample_rate_hz
            spent.append((name, time.thread_time() - began, seconds))
        features: list[np.ndarray | None] = []
        for number, row in enumerate(contenders):
            sound = sounds[row.hears]
            if sound is None:
                features.append(None)
                continue
            segments = np.stack([sound[s : s + length] for s in heard])
            began = time.thread_time()
            features.append(row.hearer.hear(segments, mix.part))
            spent.append((number, time.thread_time() - began, len(heard) * segment_s))
        return _Heard(features, [s // length for s in heard], spent)

    found: list[list[np.ndarray]] = [[] for _ in contenders]
    label, mix_of, moment = [], [], []
    for number, result in enumerate(in_order(work, drawn, threads)):
        if result:
            for row, features in enumerate(result.features):
                if features is not None:
                    found[row].append(features)
            label += [drawn[number].label] * len(result.moments)
            mix_of += [number] * len(result.moments)
            moment += result.moments
            for who, spent_s, audio_s in result.spent:
                costs.add(who, spent_s, audio_s)
        progress(number + 1)
    if not label:
        raise PartwiseError(
            f"{drawn[0].part} never sounds in a whole test segment of {segment_s:g} s: are the "
            "stems long enough?"
        )
    whose = Whose(np.array(label), np.array(mix_of), np.array(moment))
    return [np.concatenate(some) if some else None for some in found], whose


def _tallies(
    distance: np.ndarray, whose: Whose, labels: int, draws: int, seed: int
) -> dict[str, Tally]:
    """The three readings of pseudo-knn, with its draws."""
    found = len(np.unique(whose.label))
    asked = {
        "paper": {"labels": labels, "draws": draws},
        "strict": {"labels": labels, "draws": draws, "strict": True},
        "all": {"labels": found},
    }
    return {
        reading: knn_tally(distance, whose, rng=np.random.default_rng(seed), **options)
        for reading, options in asked.items()
    }


def _entries(tallies: Mapping[str, Tally], part: Part, segments: int, seed: int) -> list[dict]:
    entries = []
    for reading, tally in tallies.items():
        low, high = _interval(tally.resampled(np.random.default_rng(seed)))
        entries.append(
            {
                "part": str(part),
                "reading": reading,
                "labels": tally.labels,
                "accuracy": tally.accuracy,
                "low": low,
                "high": high,
                "chance": 1.0 / tally.labels,
                "segments": segments,
            }
        )
    return entries


def _row(
    row: Contender,
    scores: list[dict],
    tallies: Mapping[Part, Mapping[str, Tally]],
    first: Mapping[Part, Mapping[str, Tally]],
    costs: _Costs,
    number: int,
    seed: int,
) -> dict[str, Any]:
    drawn = {part: _resampled(tallies[part]["paper"], part, seed) for part in tallies}
    low, high = _interval(np.mean(list(drawn.values()), axis=0))
    differences = {}
    both = {part: _resampled(first[part]["paper"], part, seed) for part in tallies if part in first}
    for part, theirs in both.items():
        known = tallies[part]["paper"].accuracy - first[part]["paper"].accuracy
        differences[str(part)] = [known, *_interval(drawn[part] - theirs)]
    if both:
        mean = float(np.mean([value[0] for value in differences.values()]))
        apart = np.mean([drawn[part] - theirs for part, theirs in both.items()], axis=0)
        differences["mean"] = [mean, *_interval(apart)]
    hearing = costs.of(number) * (len(PARTS) if row.hearer.part_at_a_time else 1)
    separating = costs.of(row.hears)
    about = dict(row.hearer.about)
    return {
        "name": row.name,
        "hears": row.hears,
        "scores": scores,
        **{
            name: float(np.mean([s["accuracy"] for s in scores if s["reading"] == reading]))
            for name, reading in zip(("mean", "mean_strict", "mean_all"), READINGS, strict=True)
        },
        "mean_low": low,
        "mean_high": high,
        "differences": differences,
        "speed": {
            "separate": 1.0 / separating if separating else None,
            "embed": 1.0 / hearing if hearing else None,
            "together": 1.0 / (hearing + separating) if hearing else None,
        },
        "bytes_per_segment": row.hearer.bytes_per_segment,
        "bytes_per_track": round(
            row.hearer.bytes_per_segment * (1 + (_TRACK_S - SEGMENT_S) // HOP_S)
        ),
        "parameters": about.pop("parameters", None),
        "budget": _budget(about),
        "note": about.pop("note", ""),
        "about": about,
    }


def _budget(about: Mapping[str, Any]) -> str | None:
    """`12 core min`; None where nothing is known of a training."""
    if "minutes" not in about:
        return None
    return f"{about['minutes']:g} {'core ' if about.get('clock') == 'core' else ''}min"


def _resampled(tally: Tally, part: Part, seed: int) -> np.ndarray:
    """[times]: the same pieces for every row, others for every part."""
    return tally.resampled(np.random.default_rng([seed, part.index]))


def _interval(values: np.ndarray) -> list[float]:
    return [float(edge) for edge in np.percentile(values, [2.5, 97.5])]
