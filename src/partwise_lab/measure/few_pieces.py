"""The protocols for a handful of recorded songs, some of them loops of a few seconds.

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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.presence import PresenceSamples, audible, truth_known
from partwise_lab.measure.pseudo_knn import Segments
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.measure.threads import in_order
from partwise_lab.measure.windows import sounding, window_starts

_AT_ONCE = 8  # segments embedded in one call


@dataclass(frozen=True)
class FewPieces:
    """A small set and its windows of `segment_s` seconds."""

    pieces: Sequence[StemPiece]
    reader: StemReader
    segment_s: float

    @property
    def length(self) -> int:
        """Samples of a window."""
        return round(self.segment_s * self.reader.sample_rate_hz)

    @cached_property
    def windows(self) -> dict[Part, dict[int, list[int]]]:
        """part -> piece -> first samples of the windows in which the stem sounds, if any."""
        found: dict[Part, dict[int, list[int]]] = {part: {} for part in PARTS}
        for index, piece in enumerate(self.pieces):
            for part in piece.stems:
                stem = self.reader.stem(index, part)
                starts = sounding(stem, window_starts(len(stem), self.length), self.length)
                if starts:
                    found[part][index] = starts
        return found

    def cut(self, part: Part, index: int, start: int) -> np.ndarray:
        """One window of one stem: float32 [samples]."""
        return self.reader.stem(index, part)[start : start + self.length]

    def draw(
        self, parts: Sequence[Part], target: Part | None, rng: np.random.Generator
    ) -> dict[Part, tuple[int, int]]:
        """For each of the parts a (piece, first sample) at random.

        None in which the target part may sound unnamed.
        """
        drawn = {}
        for part in parts:
            free = [i for i in self.windows[part] if target not in self.pieces[i].unknown]
            if free:
                index = int(rng.choice(free))
                drawn[part] = index, int(rng.choice(self.windows[part][index]))
        return drawn


def few_piece_segments(
    small: FewPieces,
    part: Part,
    embed: EmbedSegments,
    *,
    mixes: int = 24,
    oracle: bool = False,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Segments:
    """Embedded test segments of one part, `mixes` for each piece that has it.

    `label` is the place among those pieces, `mix` the segment's number, `moment` the window's.
    oracle : embed the part's clean stem instead of the mix.
    progress : called with the segments done.
    """
    rng = np.random.default_rng([seed, part.index])
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

    def work(some: list) -> tuple[np.ndarray, np.ndarray]:
        return embed(
            np.stack(
                [
                    np.sum([small.cut(p, *at) for p, at in sources.items()], axis=0)
                    for _, _, sources in some
                ]
            )
        )

    batches = [plan[first : first + _AT_ONCE] for first in range(0, len(plan), _AT_ONCE)]
    embeddings, presence = [], []
    for found, surely in in_order(work, batches, threads):
        embeddings.append(found)
        presence.append(surely)
        if progress:
            progress(sum(map(len, embeddings)))
    return Segments(
        np.concatenate(embeddings),
        np.concatenate(presence),
        np.array([label for label, _, _ in plan]),
        np.arange(len(plan)),
        np.array([moment for _, moment, _ in plan]),
    )


def few_piece_presence(
    small: FewPieces, embed: EmbedSegments, *, mixes: int = 300, seed: int = 0, threads: int = 1
) -> PresenceSamples:
    """Presence told and true for mixes of random windows of random parts."""
    rng = np.random.default_rng([seed, len(PARTS)])
    truth, known = [], []

    def segments() -> Iterator[np.ndarray]:
        for _ in range(mixes):
            chance = rng.uniform(0.3, 1.0)
            wanted = [part for part in PARTS if rng.random() < chance]
            drawn = small.draw(wanted, None, rng)
            if not drawn:
                continue
            stems = {part: small.cut(part, *at) for part, at in drawn.items()}
            mix = np.sum(list(stems.values()), axis=0)
            truth.append(audible(mix, stems))
            known.append(truth_known(small.pieces, (index for index, _ in drawn.values())))
            yield mix[None]

    told = list(in_order(lambda segment: embed(segment)[1][0], segments(), threads))
    return PresenceSamples(np.array(told), np.array(truth), np.array(known))
