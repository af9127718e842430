"""Whole songs against whole songs, as a search of a library ranks them.

From each piece come two performances: its first and its second half, each mixed anew with other
levels. The first asks; the library holds the second, all of it or a loop of one or two segments,
and medleys of the segments of twelve pieces. Two things are told. Does the right piece come first,
in a part's subspace and with all parts equal? And are there hubs: recordings that are in the first
ten of far more questions than by chance? Medleys that hold the piece that asks are left out.

Every number stands there twice: for the mean directions alone, and for the score that the product
gives (`partwise.library.search.typical`). Chance is 10 in all tracks, and 1 / n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.search.typical import LEAST_TRACKS, beyond, typical
from partwise.parts import PARTS
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.stem_reader import sounding

TOP = 10
_LEVELS_DB = 6.0  # up or down, of each stem in each half
_MEDLEY_PIECES, _MEDLEY_SEGMENTS = 12, 96
_PIECES_PER_MEDLEY = 8


@dataclass(frozen=True)
class Songs:
    """What asks, and what may answer.

    asks, tracks : float32 [songs or tracks, parts, dim], as `PartEmbeddings.track` gives them
    piece : int [songs], which piece asks; kinds : of each track ("whole", "loop", "medley")
    holds : bool [tracks, pieces], of which pieces a track has something
    """

    asks: np.ndarray
    piece: np.ndarray
    tracks: np.ndarray
    kinds: list[str]
    holds: np.ndarray


def songs(trial: Trial, *, segment_s: float = 10.0) -> dict[str, Any]:
    """Skewness, the worst hub, the right piece first: by part and for all parts equal."""
    made = songs_of(trial, segment_s=segment_s)
    common = typical(made.tracks)
    readings = {
        "directions": made.asks,
        "product": np.stack([beyond(q, common) for q in made.asks]),
    }
    entries = [
        {"reading": reading, **entry}
        for reading, asked in readings.items()
        for entry in _entries(asked, made)
    ]
    return {"songs": entries, "not_measured": {}}


def songs_of(trial: Trial, *, segment_s: float) -> Songs:
    """The halves of the trial's pieces as songs, loops and medleys; drawn from its seed.

    Raises PartwiseError for pieces that are too few or too short.
    """
    halves = _halves(trial, segment_s)
    pieces = sorted({piece for piece, half in halves if half == 1})
    pieces = [piece for piece in pieces if (piece, 0) in halves]
    if len(pieces) < LEAST_TRACKS:
        raise PartwiseError(
            f"only {len(pieces)} pieces are as long as two segments of {segment_s:g} s: at least "
            f"{LEAST_TRACKS} are needed to see what comes up too often"
        )
    rng = np.random.default_rng(trial.seed)
    tracks, kinds, holds = [], [], []
    for number, piece in enumerate(pieces):
        loop = number % 3  # 0 is the whole half
        second = halves[piece, 1]
        tracks.append(second.take(np.arange(len(second)) < loop) if loop else second)
        kinds.append("loop" if loop else "whole")
        holds.append([piece])
    for _ in range(max(3, len(pieces) // _PIECES_PER_MEDLEY)):
        chosen = rng.choice(pieces, _MEDLEY_PIECES, replace=False).tolist()
        parts = [halves[piece, half] for piece in chosen for half in (0, 1)]
        tracks.append(_joined(parts, _MEDLEY_SEGMENTS))
        kinds.append("medley")
        holds.append(chosen)
    return Songs(
        np.stack([halves[piece, 0].track()[0] for piece in pieces]),
        np.array(pieces),
        np.stack([track.track()[0] for track in tracks]),
        kinds,
        np.stack([np.isin(np.arange(len(trial.pieces)), held) for held in holds]),
    )


def _halves(trial: Trial, segment_s: float) -> dict[tuple[int, int], PartEmbeddings]:
    """(piece, half) -> its segments, which overlap by half; zeros where a part does not sound."""
    length = trial.samples(segment_s)

    def cut(index: int) -> Iterator[Cut[np.ndarray]]:
        rng = np.random.default_rng([trial.seed, index])
        stems = trial.reader.stems(index)
        half = min(map(len, stems.values())) // 2
        starts = list(range(0, half - length + 1, max(1, length // 2)))
        if not starts:
            return
        for number in (0, 1):
            there = np.zeros((len(starts), len(PARTS)), bool)
            mixed = np.zeros(half, np.float32)
            for part, stem in stems.items():
                own = stem[number * half : (number + 1) * half]
                there[:, part.index] = np.isin(starts, sounding(own, starts, length))
                mixed += own * np.float32(10 ** (rng.uniform(-_LEVELS_DB, _LEVELS_DB) / 20))
            sound = np.stack([mixed[start : start + length] for start in starts])
            whose = np.tile((index, number), (len(starts), 1))
            yield Cut(sound, (there, whose))

    heard = trial.hear(range(len(trial.pieces)), cut, total=len(trial.pieces))
    if heard is None:
        return {}
    there, whose = heard.truths
    embeddings = np.where(there[:, :, None], heard.embeddings, 0.0).astype(np.float32)
    found = {}
    for piece, half in np.unique(whose, axis=0).tolist():
        rows = (whose == (piece, half)).all(axis=1)
        found[piece, half] = _recording(embeddings[rows], heard.presence[rows], segment_s)
    return found


def _recording(embeddings: np.ndarray, presence: np.ndarray, segment_s: float) -> PartEmbeddings:
    """Segments in a row; what sounds is told by the stems, and not by a threshold."""
    start_s = segment_s / 2 * np.arange(len(embeddings))
    return PartEmbeddings(
        embeddings,
        np.asarray(presence, np.float32),
        start_s,
        start_s + segment_s,
        float(start_s[-1] + segment_s),
        np.zeros(len(PARTS), np.float32),
    )


def _joined(recordings: Sequence[PartEmbeddings], most: int) -> PartEmbeddings:
    """One after the other, at most so many segments of them all, as many of each."""
    each = max(1, most // len(recordings))
    embeddings = np.concatenate([recording.embeddings[:each] for recording in recordings])
    presence = np.concatenate([recording.presence[:each] for recording in recordings])
    segment_s = float(recordings[0].end_s[0] - recordings[0].start_s[0])
    return _recording(embeddings, presence, segment_s)


def _entries(asked: np.ndarray, made: Songs) -> Iterator[dict[str, Any]]:
    """One for each part that is there often enough, and one for all parts equal.

    asked : float32 [songs, parts, dim], what is compared with the tracks
    """
    similar = np.einsum("qpd,xpd->qxp", asked, made.tracks)
    has = np.asarray(asked.any(axis=-1))  # [songs, parts]
    have = np.asarray(made.tracks.any(axis=-1))  # [tracks, parts]
    for part in PARTS:
        both = has[:, part.index, None] & have[None, :, part.index]
        if (both.sum(axis=1) > TOP).sum() >= LEAST_TRACKS:
            yield {"part": str(part)} | _told(similar[:, :, part.index], both, made)
    weights = has / np.maximum(has.sum(axis=1, keepdims=True), 1)
    scores = np.einsum("qxp,qp->qx", similar, weights)
    lacks = (has[:, None] & ~have[None]).any(axis=-1)  # those come last, as in the product
    some = np.asarray(has.any(axis=1))[:, None]
    yield {"part": "all equal"} | _told(scores - 4.0 * lacks, some, made)


def _told(scores: np.ndarray, comparable: np.ndarray, made: Songs) -> dict[str, Any]:
    """scores : [songs, tracks]; comparable : bool, or of a shape that fits it."""
    tracks = np.arange(len(made.kinds))
    medley = np.array([kind == "medley" for kind in made.kinds])
    own = made.holds[:, made.piece].T  # [songs, tracks]
    may = np.broadcast_to(comparable, scores.shape) & ~(own & medley)
    right = own & ~medley & may
    ranks, among, asked = [], np.zeros(len(tracks)), np.zeros(len(tracks))
    for row in np.flatnonzero(right.any(axis=1)):
        there = tracks[may[row]]
        order = there[np.argsort(-scores[row, there], kind="stable")]
        ranks.append(1 + int(np.flatnonzero(right[row, order])[0]))
        among[order[:TOP]] += 1
        asked[there] += 1
    often = among[asked > 0] / asked[asked > 0]
    spread = often - often.mean()
    # Of what is comparable with few questions, a share says little.
    worst = int(np.argmax(np.where(asked >= len(ranks) / 4, among / np.maximum(asked, 1), 0.0)))
    return {
        "queries": len(ranks),
        "tracks": len(often),
        "skewness": float((spread**3).mean() / max(spread.std(), 1e-9) ** 3),
        "worst": float(among[worst] / max(asked[worst], 1)),
        "worst_kind": made.kinds[worst],
        "medleys": float(among[medley].sum() / max(asked[medley].sum(), 1)),
        "chance": min(1.0, TOP / len(often)),
        "first": float(np.mean(np.array(ranks) == 1)),
        "mrr": float(np.mean(1.0 / np.array(ranks))),
    }
