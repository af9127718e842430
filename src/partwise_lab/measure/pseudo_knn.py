"""Pseudo-mix kNN, the paper's objective measure of part-wise similarity (arXiv 2404.06682).

For each part, `labels` pieces are drawn; the part's stem of each is put into `mixes` pseudo-mixes
whose other stems come from other pieces. Segments of 10 s are classified by their k = 5 nearest
neighbours inside the part's subspace; the label is the piece that the stem comes from, and segments
of the same pseudo-mix are left out. Chance is 1 / labels. Mixing is done on the waveform.

The same passage of a stem occurs in all of its pseudo-mixes, as in the paper. The stricter reading,
`strict=True`, also leaves out what sounds at the same moment of the same stem, so that a segment
must be told by who plays it and not by the notes of the passage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure import knn
from partwise_lab.measure.details import part_details
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.knn import Segments, knn_score, readings, with_means
from partwise_lab.measure.stem_reader import StemReader, is_silent_stem, side_by_side


@dataclass(frozen=True)
class PseudoMix:
    """One test mix: which piece gives each stem. `label` indexes the pieces drawn for `part`."""

    part: Part
    label: int
    sources: dict[Part, int]


def parts_to_test(pieces: Sequence[StemPiece], labels: int, pool: int) -> dict[Part, int]:
    """How many pieces of the pool each part has; parts of which there is no stem are left out.

    Raises PartwiseError where a part has some, but fewer than labels.
    """
    counts = {part: sum(part in piece.stems for piece in pieces) for part in PARTS}
    for part, count in counts.items():
        if count > 0 and min(count, pool) < labels:
            raise PartwiseError(
                f"{labels} labels were asked for, but the data has {count} pieces with {part} "
                f"and --pool is {pool}: ask for --labels {max(2, min(count, pool))} or fewer, or "
                "measure with `partwise-lab evaluate --protocol few-pieces`"
            )
    return {part: min(count, pool) for part, count in counts.items() if count}


def draw_pseudo_mixes(
    pieces: Sequence[StemPiece], part: Part, labels: int, mixes: int, rng: np.random.Generator
) -> list[PseudoMix]:
    """Draw labels * mixes pseudo-mixes for one part.

    Every accompanying stem comes from a piece of its own, none of it the label's piece, and from
    none in which the part may sound unnamed.
    Raises PartwiseError when too few pieces have the part.
    """
    having = {p: [i for i, piece in enumerate(pieces) if p in piece.stems] for p in PARTS}
    if len(having[part]) < labels:
        raise PartwiseError(
            f"{labels} labels need as many pieces with {part}: there are {len(having[part])}"
        )
    drawn = []
    for label, target in enumerate(rng.permutation(having[part])[:labels]):
        for _ in range(mixes):
            sources = {part: int(target)}
            for other in PARTS:
                free = [
                    i
                    for i in having[other]
                    if i not in sources.values() and part not in pieces[i].unknown
                ]
                if other is not part and free:
                    sources[other] = int(free[rng.integers(len(free))])
            drawn.append(PseudoMix(part, label, sources))
    return drawn


@dataclass(frozen=True)
class Sounding:
    """A pseudo-mix where its part sounds.

    mix, target : float32 [samples], the mix and the part's clean stem
    starts, length : the segments without overlap in which the part is not silent [samples]
    """

    part: Part
    mix: np.ndarray
    target: np.ndarray
    starts: list[int]
    length: int

    def segments(self, sound: np.ndarray) -> np.ndarray:
        """The segments of a sound of the same length: [segments, samples]."""
        return np.stack([sound[start : start + self.length] for start in self.starts])


def where_sounding(
    reader: StemReader, length: int
) -> Callable[[tuple[int, PseudoMix]], Iterator[Cut[Sounding]]]:
    """How a numbered pseudo-mix is cut; its truths are label, mix and moment (see `Segments`)."""

    def cut(item: tuple[int, PseudoMix]) -> Iterator[Cut[Sounding]]:
        number, drawn = item
        mix, stems = reader.mix(drawn.sources)
        target = stems[drawn.part]
        starts = [
            start
            for start in side_by_side(len(mix), length)
            if not is_silent_stem(target[start : start + length])
        ]
        if starts:
            same = np.ones(len(starts), int)
            truths = drawn.label * same, number * same, np.array(starts) // length
            yield Cut(Sounding(drawn.part, mix, target, starts, length), truths)

    return cut


def embed_pseudo_mixes(
    trial: Trial,
    mixes: Sequence[PseudoMix],
    *,
    segment_s: float = 10.0,
    oracle: bool = False,
    begun: int = 0,
    total: int = 0,
) -> Segments:
    """Mix, cut into segments without overlap, embed. Segments in which the part is silent go.

    oracle : embed the part's clean stem instead of the mix (the upper bound).
    begun, total : mixes done before and in all, for the trial's progress.
    """
    where = where_sounding(trial.reader, trial.samples(segment_s))

    def cut(item: tuple[int, PseudoMix]) -> Iterator[Cut[np.ndarray]]:
        for found in where(item):
            sound = found.sound
            yield Cut(sound.segments(sound.target if oracle else sound.mix), found.truths)

    heard = trial.hear(enumerate(mixes), cut, begun=begun, total=total)
    if heard is None:
        raise PartwiseError("no test segment in which the part sounds: are the stems long enough?")
    return Segments(heard.embeddings, *heard.truths)


def check_labels(found: int, labels: int, part: Part, segment_s: float) -> None:
    """Raises PartwiseError where the part sounds in too few of the pieces drawn."""
    if found < labels:
        raise PartwiseError(
            f"{labels} labels were asked for, but {part} sounds for {segment_s:g} s in only "
            f"{found} of the pieces drawn: ask for --labels {max(2, found)} or fewer, or for "
            "a shorter --segment"
        )


def pseudo_knn(
    trial: Trial,
    *,
    labels: int = 10,
    pool: int = 100,
    mixes: int = 4,
    draws: int = 20,
    segment_s: float = 10.0,
    oracle: bool = False,
    leakage: bool = False,
    details: bool = False,
) -> dict[str, Any]:
    """Pseudo-mix kNN, in the paper's reading, strictly, and at all labels of the pool.

    Parts of which the data holds no stem, or that never sound in the segments, are not measured.
    Raises PartwiseError where a part has some, but fewer pieces than labels.
    details : the maps and examples for a report, too.
    """
    there = parts_to_test(trial.pieces, labels, pool)
    entries: list[dict] = []
    behind: dict[str, Any] = {}
    missing: dict[str, str] = {}
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    total = mixes * sum(there.values())
    begun = 0
    for part, count in there.items():
        rng = np.random.default_rng([trial.seed, part.index])
        drawn = draw_pseudo_mixes(trial.pieces, part, count, mixes, rng)
        try:
            segments = embed_pseudo_mixes(
                trial, drawn, segment_s=segment_s, oracle=oracle, begun=begun, total=total
            )
        except PartwiseError as error:
            # One part that never sounds must not cost the others their numbers.
            missing[str(part)] = str(error)
            continue
        finally:
            begun += len(drawn)
        found = len(np.unique(segments.label))
        check_labels(found, labels, part, segment_s)
        entries += readings(segments, part, labels, draws, trial.seed)
        entries.append(knn_score(segments, part, found, seed=trial.seed).entry("all"))
        if leakage:
            table[part.index] = knn.leakage(segments, part, labels, draws, trial.seed)
        if details:
            heard = [{part: mix.sources[part]} if oracle else mix.sources for mix in drawn]
            behind[str(part)] = part_details(
                segments,
                part,
                labels,
                {mix.label: trial.pieces[mix.sources[part]].name for mix in drawn},
                [trial.named(sources) for sources in heard],
                segment_s=segment_s,
                seed=trial.seed,
            )
    if not entries:
        raise PartwiseError("; ".join(f"{part}: {why}" for part, why in missing.items()))
    report = with_means(entries)
    if missing:
        report["not_measured"] = missing
    if leakage:
        report["leakage"] = table
    if behind:
        report["details"] = {"segment_s": segment_s, "whole": False, "parts": behind}
    return report
