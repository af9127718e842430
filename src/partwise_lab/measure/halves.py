"""One song, two halves: does a part of the first half find the second half of the same recording?

Here nothing is put together: the mixes are the pieces as they are, so this is the nearest to what
a library is asked, and the fairest measure of the gap between synthesis and recordings. It needs
no more than pieces and a rough idea of where each part sounds. Segments are found by their nearest
neighbour inside one subspace among the segments of the other halves of all pieces; chance is 1 / n.
It cannot tell whether a subspace hears its own part or the rest of the song: read it beside the
pseudo-mixes, which can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.pseudo_knn import Segments
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.measure.threads import in_order
from partwise_lab.measure.windows import evenly, sounding, window_starts

_SHORTEST_S = 3.0
# Of each half, so that long pieces are not easier to find.
_SEGMENTS = 4


def halves_segments(
    pieces: Sequence[StemPiece],
    reader: StemReader,
    embed: EmbedSegments,
    *,
    segment_s: float = 10.0,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Part, Segments]:
    """part -> the segments of the pieces in whose halves the part sounds, at most four a half.

    `label` is the piece, `mix` the half (0 or 1), `moment` the segment's number. Halves shorter
    than a segment are one segment each, if they last 3 s.
    """
    rate_hz = reader.sample_rate_hz

    def work(index: int) -> list[tuple[np.ndarray, np.ndarray, set[Part], int]]:
        whole = reader.whole(index)
        stems = reader.stems(index)
        half = len(whole) // 2
        length = min(round(segment_s * rate_hz), half)
        if length < _SHORTEST_S * rate_hz:
            return []
        starts = [[h * half + s for s in window_starts(half, length)] for h in (0, 1)]
        there = {
            part: set(sounding(stem, starts[0] + starts[1], length)) for part, stem in stems.items()
        }
        chosen = [(h, s) for h in (0, 1) for s in evenly(starts[h], _SEGMENTS)]
        found, surely = embed(np.stack([whole[s : s + length] for _, s in chosen]))
        return [
            (found[i], surely[i], {part for part in there if s in there[part]}, h)
            for i, (h, s) in enumerate(chosen)
        ]

    rows: dict[Part, list] = {part: [] for part in PARTS}
    for index, segments in enumerate(in_order(work, range(len(pieces)), threads)):
        for part in PARTS:
            mine = [segment for segment in segments if part in segment[2]]
            if {segment[3] for segment in mine} == {0, 1}:
                rows[part] += [(*segment, index) for segment in mine]
        if progress:
            progress(index + 1, len(pieces))
    return {
        part: Segments(
            np.stack([row[0] for row in some]),
            np.stack([row[1] for row in some]),
            np.array([row[4] for row in some]),
            np.array([row[3] for row in some]),
            np.arange(len(some)),
        )
        for part, some in rows.items()
        if some
    }
