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
from partwise_lab.measure.heard import hear
from partwise_lab.measure.intervals import middle
from partwise_lab.measure.knn import Segments, Tally, knn_tally
from partwise_lab.measure.pseudo_knn import (
    Sounding,
    check_labels,
    draw_pseudo_mixes,
    parts_to_test,
    where_sounding,
)
from partwise_lab.measure.stem_reader import StemReader
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
    where = where_sounding(reader, round(segment_s * reader.sample_rate_hz))
    total, begun = mixes * sum(there.values()), 0
    for part, count in there.items():
        rng = np.random.default_rng([seed, part.index])
        drawn = draw_pseudo_mixes(pieces, part, count, mixes, rng)
        found: list[list[np.ndarray]] = [[] for _ in contenders]
        truths = []
        for (features, spent), truth in hear(
            enumerate(drawn),
            where,
            lambda sound: _hear(sound, contenders, separators, reader.sample_rate_hz),
            threads=threads,
            progress=lambda done, begun=begun: progress(begun + done, total),
        ):
            truths.append(truth)
            for row, some in features.items():
                found[row].append(some)
            for each in spent:
                costs.add(*each)
        if not truths:
            raise PartwiseError(
                f"{part} never sounds in a whole test segment of {segment_s:g} s: are the stems "
                "long enough?"
            )
        begun += len(drawn)
        columns = [np.concatenate(column) for column in zip(*truths, strict=True)]
        whose = Segments(np.zeros((len(columns[0]), 0)), *columns)  # each row has its own features
        check_labels(len(np.unique(whose.label)), labels, part, segment_s)
        for number, row in enumerate(contenders):
            if found[number]:
                distance = row.hearer.distances(np.concatenate(found[number]))
                tallies = _tallies(distance, whose, labels, draws, seed)
                sums[number][part] = tallies
                scores[number] += [
                    tally.score(part, len(whose.label), np.random.default_rng(seed)).entry(reading)
                    for reading, tally in tallies.items()
                ]
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
    sound: Sounding,
    contenders: Sequence[Contender],
    separators: Mapping[str, Separator],
    sample_rate_hz: int,
) -> tuple[dict[int, np.ndarray], list[tuple[Any, float, float]]]:
    """Features of one mix's segments by row, of those that have a stem to hear; and the costs."""
    spent: list[tuple[Any, float, float]] = []
    sounds: dict[str, np.ndarray | None] = {MIX: sound.mix, ORACLE: sound.target}
    for name, separator in separators.items():
        began = time.thread_time()
        sounds[name] = separator.separate(sound.mix).get(sound.part)
        spent.append((name, time.thread_time() - began, len(sound.mix) / sample_rate_hz))
    features: dict[int, np.ndarray] = {}
    for number, row in enumerate(contenders):
        heard = sounds[row.hears]
        if heard is not None:
            segments = sound.segments(heard)
            began = time.thread_time()
            features[number] = row.hearer.hear(segments, sound.part)
            spent.append((number, time.thread_time() - began, segments.size / sample_rate_hz))
    return features, spent


def _tallies(
    distance: np.ndarray, whose: Segments, labels: int, draws: int, seed: int
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
    low, high = middle(np.mean(list(drawn.values()), axis=0))
    differences = {}
    both = {part: _resampled(first[part]["paper"], part, seed) for part in tallies if part in first}
    for part, theirs in both.items():
        known = tallies[part]["paper"].accuracy - first[part]["paper"].accuracy
        differences[str(part)] = [known, *middle(drawn[part] - theirs)]
    if both:
        mean = float(np.mean([value[0] for value in differences.values()]))
        apart = np.mean([drawn[part] - theirs for part, theirs in both.items()], axis=0)
        differences["mean"] = [mean, *middle(apart)]
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


def row_names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the rows of a comparison, with what they hear where a name occurs twice."""
    names = [row["name"] for row in rows]
    return [
        name if names.count(name) == 1 else f"{name} ({row['hears']})"
        for name, row in zip(names, rows, strict=True)
    ]
