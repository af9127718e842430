"""Unmixed songs: a segment of a real mix, classified among the segments of all pieces.

The paper's authors score this beside the pseudo-mixes. The mixes are the pieces as they are; the
label is the piece; a segment is classified by its k = 5 nearest neighbours inside one subspace,
and only the segment itself is left out. Chance is 1 / n.

It does not measure disentanglement. All parts of a piece sound together in all of its segments, so
that any subspace can win from cues of the song (its key, room, mastering, the other parts): a
network that hears no part at all may score 100 % in each. Read it as how well a library's own
pieces are recognised, and the pseudo-mixes for what a subspace hears.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.pseudo_knn import KnnScore, Segments, knn_score
from partwise_lab.measure.stem_reader import StemReader, is_silent_stem
from partwise_lab.measure.threads import in_order


def unmixed_segments(
    pieces: Sequence[StemPiece],
    reader: StemReader,
    embed: EmbedSegments,
    *,
    segment_s: float = 10.0,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Part, Segments]:
    """part -> the segments, without overlap, of the pieces' mixes in which the part sounds.

    `label` is the piece, `mix` the segment's own number, `moment` its number within the piece.
    """
    length = round(segment_s * reader.sample_rate_hz)

    def work(index: int) -> list[tuple[np.ndarray, np.ndarray, int, int, set[Part]]]:
        whole = reader.whole(index)
        stems = reader.stems(index)
        starts = range(0, len(whole) - length + 1, length)
        there = [
            {part for part, stem in stems.items() if not is_silent_stem(stem[s : s + length])}
            for s in starts
        ]
        heard = [number for number, parts in enumerate(there) if parts]
        if not heard:
            return []
        found, surely = embed(np.stack([whole[starts[n] : starts[n] + length] for n in heard]))
        return [(found[i], surely[i], index, n, there[n]) for i, n in enumerate(heard)]

    rows: dict[Part, list] = {part: [] for part in PARTS}
    for index, segments in enumerate(in_order(work, range(len(pieces)), threads)):
        for part in PARTS:
            rows[part] += [segment for segment in segments if part in segment[4]]
        if progress:
            progress(index + 1, len(pieces))
    return {
        part: Segments(
            np.stack([row[0] for row in some]),
            np.stack([row[1] for row in some]),
            np.array([row[2] for row in some]),
            np.arange(len(some)),
            np.array([row[3] for row in some]),
        )
        for part, some in rows.items()
        if some
    }


def findable(segments: Segments) -> Segments:
    """The segments whose label has another one: a label's only segment could never be right."""
    labels, counts = np.unique(segments.label, return_counts=True)
    rows = np.isin(segments.label, labels[counts > 1])
    return Segments(
        segments.embeddings[rows],
        segments.presence[rows],
        segments.label[rows],
        segments.mix[rows],
        segments.moment[rows],
    )


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
