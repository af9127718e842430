"""The protocols for a handful of recorded pieces, some of them loops of a few seconds.

The labels of a part are all pieces that have a stem of it. Each label gets the same number of
test segments, each a mix of its own: one window of the label's stem, in turn through the windows
in which it sounds, and for every other part one window of any piece. The accompaniment is drawn
without regard to the label (it may be the label's own piece at whatever moment), so an encoder
that hears only the accompaniment is right once in n: chance is 1 / n even for two or three pieces,
where leaving the label's piece out, as the pseudo-mixes of the large sets do, would give it away.

With so few pieces nothing is said about other music: the intervals, over pieces, are as wide as
they look. `strict` also forbids the same window of the stem in other mixes; a loop that has one
window only cannot be right there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.knn import Segments, leakage, readings, with_means
from partwise_lab.measure.presence import (
    PresenceSamples,
    audible,
    presence_entries,
    told_and_true,
    truth_known,
)
from partwise_lab.measure.stem_reader import sounding, window_starts

_AT_ONCE = 8  # segments embedded in one call


@dataclass(frozen=True)
class FewPieces:
    """A small set and its windows of `segment_s` seconds."""

    trial: Trial
    segment_s: float

    @property
    def length(self) -> int:
        """Samples of a window."""
        return self.trial.samples(self.segment_s)

    @cached_property
    def windows(self) -> dict[Part, dict[int, list[int]]]:
        """part -> piece -> first samples of the windows in which the stem sounds, if any."""
        found: dict[Part, dict[int, list[int]]] = {part: {} for part in PARTS}
        for index, piece in enumerate(self.trial.pieces):
            for part in piece.stems:
                stem = self.trial.reader.stem(index, part)
                starts = sounding(stem, window_starts(len(stem), self.length), self.length)
                if starts:
                    found[part][index] = starts
        return found

    def cut(self, part: Part, index: int, start: int) -> np.ndarray:
        """One window of one stem: float32 [samples]."""
        return self.trial.reader.stem(index, part)[start : start + self.length]

    def mix(self, sources: Mapping[Part, tuple[int, int]]) -> np.ndarray:
        """The sum of windows, part -> (piece, first sample): float32 [samples]."""
        return np.sum([self.cut(part, *at) for part, at in sources.items()], axis=0)

    def draw(
        self, parts: Sequence[Part], target: Part | None, rng: np.random.Generator
    ) -> dict[Part, tuple[int, int]]:
        """For each of the parts a (piece, first sample) at random.

        None in which the target part may sound unnamed.
        """
        drawn = {}
        for part in parts:
            free = [i for i in self.windows[part] if target not in self.trial.pieces[i].unknown]
            if free:
                index = int(rng.choice(free))
                drawn[part] = index, int(rng.choice(self.windows[part][index]))
        return drawn


def few_piece_segments(
    small: FewPieces,
    part: Part,
    *,
    mixes: int = 24,
    oracle: bool = False,
    begun: int = 0,
    total: int = 0,
) -> Segments:
    """Embedded test segments of one part, `mixes` for each piece that has it.

    `label` is the place among those pieces, `mix` the segment's number, `moment` the window's.
    oracle : embed the part's clean stem instead of the mix.
    begun, total : segments done before and in all, for the trial's progress.
    """
    rng = np.random.default_rng([small.trial.seed, part.index])
    others = [other for other in PARTS if other is not part]
    plan = []  # (label, moment, sources)
    for label, (index, starts) in enumerate(small.windows[part].items()):
        for number in range(mixes):
            moment = number % len(starts)
            sources = {part: (index, starts[moment])} | small.draw(others, part, rng)
            plan.append((label, moment, {part: sources[part]} if oracle else sources))
    if len({label for label, _, _ in plan}) < 2:
        raise PartwiseError(
            f"fewer than two pieces have a stem of {part} that sounds for {small.segment_s:g} s"
        )

    def cut(some: list) -> Iterator[Cut[np.ndarray]]:
        label, moment, sources = zip(*some, strict=True)
        yield Cut(np.stack([small.mix(each) for each in sources]), (label, moment))

    batches = [plan[first : first + _AT_ONCE] for first in range(0, len(plan), _AT_ONCE)]
    heard = small.trial.hear(batches, cut, begun=begun, total=total, each=_AT_ONCE)
    assert heard is not None
    label, moment = heard.truths
    return Segments(heard.embeddings, label, np.arange(len(plan)), moment)


def few_piece_presence(small: FewPieces, *, mixes: int = 300) -> PresenceSamples:
    """Presence told and true for mixes of random windows of random parts."""
    rng = np.random.default_rng([small.trial.seed, len(PARTS)])

    def segments() -> Iterator[Cut[np.ndarray]]:
        for _ in range(mixes):
            chance = rng.uniform(0.3, 1.0)
            wanted = [part for part in PARTS if rng.random() < chance]
            drawn = small.draw(wanted, None, rng)
            if not drawn:
                continue
            stems = {part: small.cut(part, *at) for part, at in drawn.items()}
            mix = np.sum(list(stems.values()), axis=0)
            known = truth_known(small.trial.pieces, (index for index, _ in drawn.values()))
            yield Cut(mix[None], (audible(mix, stems)[None], known[None]))

    return told_and_true(small.trial, segments(), small.segment_s)


def few_pieces(
    trial: Trial,
    *,
    labels: int | None = None,
    mixes: int = 24,
    draws: int = 20,
    segment_s: float = 5.0,
    oracle: bool = False,
) -> dict[str, Any]:
    """Pseudo-mix kNN, leakage and presence where a part has a handful of pieces.

    labels : all pieces that have the part by default; fewer to compare with a smaller set.
    """
    small = FewPieces(trial, segment_s)
    measured = [part for part in PARTS if len(small.windows[part]) >= max(2, labels or 0)]
    if not measured:
        raise PartwiseError(
            f"no part has {labels or 2} pieces in which it sounds for {segment_s:g} s: "
            "nothing to tell apart"
        )
    entries: list[dict] = []
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    total = mixes * sum(len(small.windows[part]) for part in measured)
    begun = 0
    for part in measured:
        segments = few_piece_segments(
            small, part, mixes=mixes, oracle=oracle, begun=begun, total=total
        )
        begun += len(segments.label)
        count = labels or len(small.windows[part])
        entries += readings(segments, part, count, draws, trial.seed)
        table[part.index] = leakage(segments, part, count, draws, trial.seed)
    samples = few_piece_presence(small)
    return (
        with_means(entries)
        | {"leakage": table}
        | presence_entries(samples, trial.seed)
        | {
            "not_measured": {
                str(part): f"pieces that have it: {len(small.windows[part])}"
                for part in PARTS
                if part not in measured
            },
            "windows": {
                str(part): {
                    trial.pieces[index].name: len(starts)
                    for index, starts in small.windows[part].items()
                }
                for part in measured
            },
        }
    )
