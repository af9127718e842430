"""Pieces as they are, nothing put together: the nearest to what a library is asked.

They need no more than pieces and a rough idea of where each part sounds, and are the fairest
measure of the gap between synthesis and recordings. But all parts of a piece sound together in all
of its segments, so that any subspace can win from cues of the piece (its key, room, mastering, the
other parts): a network that hears no part at all may score 100 % in each. Read them beside the
pseudo-mixes, which tell what a subspace hears. Chance is 1 / n.

`halves`: does a part of the first half find the second half of the same recording? Segments are
found by their nearest neighbour inside one subspace among the segments of the other halves of all
pieces.

`unmixed`, which the paper's authors score beside the pseudo-mixes: a segment is classified by its
k = 5 nearest neighbours inside one subspace, and only the segment itself is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.details import part_details
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.knn import KnnScore, Segments, knn_score, with_means
from partwise_lab.measure.stem_reader import (
    evenly,
    is_silent_stem,
    side_by_side,
    sounding,
    window_starts,
)

_SHORTEST_S = 3.0
# Of each half, so that long pieces are not easier to find.
_SEGMENTS = 4


def halves_segments(trial: Trial, *, segment_s: float = 10.0) -> dict[Part, Segments]:
    """part -> the segments of the pieces in whose halves the part sounds, at most four a half.

    `label` is the piece, `mix` the half (0 or 1), `moment` the segment's number. Halves shorter
    than a segment are one segment each, if they last 3 s.
    """

    def cut(index: int) -> Iterator[Cut[np.ndarray]]:
        whole = trial.reader.whole(index)
        stems = trial.reader.stems(index)
        half = len(whole) // 2
        length = min(trial.samples(segment_s), half)
        if length < trial.samples(_SHORTEST_S):
            return
        starts = [[h * half + s for s in window_starts(half, length)] for h in (0, 1)]
        chosen = [evenly(some, _SEGMENTS) for some in starts]
        of_half = np.repeat((0, 1), [len(some) for some in chosen])
        rows = np.concatenate(chosen)
        there = np.zeros((len(rows), len(PARTS)), bool)
        for part, stem in stems.items():
            heard = np.isin(rows, sounding(stem, starts[0] + starts[1], length))
            if {*of_half[heard]} == {0, 1}:
                there[:, part.index] = heard
        sound = np.stack([whole[start : start + length] for start in rows])
        yield Cut(sound, (there, np.full(len(rows), index), of_half))

    heard = trial.hear(range(len(trial.pieces)), cut, total=len(trial.pieces))
    if heard is None:
        return {}
    there, label, half = heard.truths
    moment = np.arange(len(label))
    return _by_part(Segments(heard.embeddings, label, half, moment), there)


def unmixed_segments(trial: Trial, *, segment_s: float = 10.0) -> dict[Part, Segments]:
    """part -> the segments, without overlap, of the pieces' mixes in which the part sounds.

    `label` is the piece, `mix` the segment's own number, `moment` its number within the piece.
    """
    length = trial.samples(segment_s)

    def cut(index: int) -> Iterator[Cut[np.ndarray]]:
        whole = trial.reader.whole(index)
        stems = trial.reader.stems(index)
        starts = side_by_side(len(whole), length)
        there = np.zeros((len(starts), len(PARTS)), bool)
        for part, stem in stems.items():
            there[:, part.index] = [not is_silent_stem(stem[s : s + length]) for s in starts]
        some = np.flatnonzero(there.any(axis=1))
        if len(some):
            sound = np.stack([whole[starts[n] : starts[n] + length] for n in some])
            yield Cut(sound, (there[some], np.full(len(some), index), some))

    heard = trial.hear(range(len(trial.pieces)), cut, total=len(trial.pieces))
    if heard is None:
        return {}
    there, label, moment = heard.truths
    found = _by_part(Segments(heard.embeddings, label, label, moment), there)
    return {part: replace(some, mix=np.arange(len(some.mix))) for part, some in found.items()}


def _by_part(segments: Segments, there: np.ndarray) -> dict[Part, Segments]:
    """The segments in which each part sounds; there : bool [segments, parts]."""
    return {
        part: segments.only(there[:, part.index]) for part in PARTS if there[:, part.index].any()
    }


def findable(segments: Segments) -> Segments:
    """The segments whose label has another one: a label's only segment could never be right."""
    labels, counts = np.unique(segments.label, return_counts=True)
    return segments.only(np.isin(segments.label, labels[counts > 1]))


def unmixed_score(
    segments: Segments,
    part: Part,
    labels: int | None = None,
    *,
    read: Part | None = None,
    draws: int = 20,
    seed: int = 0,
) -> KnnScore:
    """Accuracy among `labels` pieces, all by default, in the subspace of the part or of `read`.

    segments : see `findable`; only the segment itself may not vote, whatever `mix` says.
    """
    alone = replace(segments, mix=np.arange(len(segments.label)))
    labels = labels or len(np.unique(segments.label))
    return knn_score(alone, part, labels, read=read, draws=draws, seed=seed)


def halves(
    trial: Trial, *, labels: int | None = None, draws: int = 20, segment_s: float = 5.0
) -> dict[str, Any]:
    """Half a piece found by its other half, in each subspace; of `labels` pieces, 10 or all."""
    found = halves_segments(trial, segment_s=segment_s)
    entries: list[dict] = []
    missing: dict[str, str] = {}
    for part in PARTS:
        there = len(np.unique(found[part].label)) if part in found else 0
        if there < max(2, labels or 0):
            missing[str(part)] = f"pieces that have it in both halves: {there}"
            continue
        score = knn_score(
            found[part],
            part,
            labels or min(10, there),
            draws=draws,
            neighbours=1,
            seed=trial.seed,
        )
        entries.append(score.entry("nearest"))
    if not entries:
        raise PartwiseError("no part sounds in both halves of enough pieces: nothing to tell apart")
    return with_means(entries) | {"not_measured": missing}


def unmixed(
    trial: Trial,
    *,
    labels: int | None = None,
    draws: int = 20,
    segment_s: float = 10.0,
    details: bool = False,
) -> dict[str, Any]:
    """Segments of the real mixes found among those of `labels` pieces, all by default."""
    found = unmixed_segments(trial, segment_s=segment_s)
    entries: list[dict] = []
    behind: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for part in PARTS:
        segments = findable(found[part]) if part in found else None
        there = len(np.unique(segments.label)) if segments else 0
        if segments is None or there < max(2, labels or 0):
            missing[str(part)] = f"pieces in which it sounds in two segments or more: {there}"
            continue
        score = unmixed_score(segments, part, labels, draws=draws, seed=trial.seed)
        entries.append(score.entry("unmixed"))
        if details:
            pieces = range(len(trial.pieces))
            whole = [dict.fromkeys(trial.pieces[i].stems, i) for i in pieces]
            behind[str(part)] = part_details(
                segments,
                part,
                labels or there,
                {index: trial.pieces[index].name for index in pieces},
                [trial.named(whole[index]) for index in found[part].label],
                segment_s=segment_s,
                seed=trial.seed,
            )
    if not entries:
        raise PartwiseError(
            f"no part sounds in two segments of {segment_s:g} s in {labels or 2} pieces: nothing "
            "to tell apart; choose a shorter --segment or fewer --labels"
        )
    report = with_means(entries) | {"not_measured": missing}
    if behind:
        report["details"] = {"segment_s": segment_s, "whole": True, "parts": behind}
    return report
