"""The paper's visual check as numbers: same drums under other music, and the reverse.

For each part, boards are drawn: a few stems of the part, a few accompaniments (the other four
parts, each from a piece of its own where there are enough), and the pseudo-mix of every stem with
every accompaniment. On a board a segment is compared with those of three kinds, at other moments,
so that no passage meets itself:

    same_part   the same stem of the part, another accompaniment
    same_rest   the same accompaniment, another stem of the part
    unrelated   neither

In the part's own subspace what shares the part should be nearer, in the others what shares the
rest. The AUC says so in one number: how often a segment is nearer to one that shares only the part
than to one that shares everything else. On the diagonal the target is 1, off it 0.

The report of `same_part`:

    same_part      one entry for each part and subspace: part, subspace, auc, low and high (95 %
                   over pieces of the part's stem), similarity (kind -> {mean, low, high}, of
                   cosines), pieces, segments
    auc            [parts][subspaces], or null
    maps           part -> the first board, for a picture: part_label, accompaniment_label and
                   moment of each segment, the pieces these labels stand for (part_pieces;
                   accompaniment_pieces, each part -> piece), and points: subspace -> [x, y] of each
                   segment, the two main axes of its unit vectors (no t-SNE: distances are meant)
    not_measured   part -> why
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.heard import Cut, Trial
from partwise_lab.measure.intervals import mean_over_pieces
from partwise_lab.measure.stem_reader import evenly, is_silent_stem, side_by_side
from partwise_lab.rivals.common import unit

KINDS = ("same_part", "same_rest", "unrelated")


@dataclass(frozen=True)
class Board:
    """Stems of a part, and accompaniments to put them with: numbers of pieces."""

    part: Part
    stems: Sequence[int]
    accompaniments: Sequence[dict[Part, int]]


@dataclass(frozen=True)
class BoardSegments:
    """Embedded segments of boards of one part.

    embeddings : [segments, parts, dim]
    piece, accompaniment, moment, board : int [segments]; which piece the part's stem is from, which
        accompaniment of the board it has, where the segment begins, and on which board it is
    """

    embeddings: np.ndarray
    piece: np.ndarray
    accompaniment: np.ndarray
    moment: np.ndarray
    board: np.ndarray

    def kinds(self) -> dict[str, np.ndarray]:
        """Which segments are a pair of which kind: kind -> bool [segments, segments]."""

        def equal(values: np.ndarray) -> np.ndarray:
            return values[:, None] == values[None, :]

        part, rest = equal(self.piece), equal(self.accompaniment)
        comparable = equal(self.board) & ~equal(self.moment)
        return {
            "same_part": comparable & part & ~rest,
            "same_rest": comparable & ~part & rest,
            "unrelated": comparable & ~part & ~rest,
        }


def same_part(
    trial: Trial,
    *,
    boards: int = 3,
    stems: int = 5,
    accompaniments: int = 5,
    moments: int = 2,
    segment_s: float = 10.0,
) -> dict[str, Any]:
    """The report of the module's text.

    boards : for each part, as far as there are pieces for them
    stems, accompaniments : of a board, at most, 2 or more
    moments : segments of a mix, at most, 2 or more
    """
    plan: dict[Part, list[Board]] = {}
    for part in PARTS:
        rng = np.random.default_rng([trial.seed, part.index])
        plan[part] = draw_boards(trial.pieces, part, boards, stems, accompaniments, rng)
    total = sum(len(b.stems) * len(b.accompaniments) for drawn in plan.values() for b in drawn)
    found: dict[Part, BoardSegments] = {}
    missing: dict[str, str] = {}
    begun = 0
    for part, drawn in plan.items():
        if not drawn:
            missing[str(part)] = (
                f"pieces that have it: {trial.having(part)}; a board takes two, and two other "
                "pieces to accompany it"
            )
            continue
        segments = board_segments(trial, drawn, moments, segment_s, begun, total)
        begun += sum(len(board.stems) * len(board.accompaniments) for board in drawn)
        if segments is None:
            missing[str(part)] = f"it sounds at no two moments of {segment_s:g} s of enough mixes"
        else:
            found[part] = segments
    maps = {
        str(part): board_map(segments)
        | {
            "part_pieces": {str(i): trial.pieces[i].name for i in plan[part][0].stems},
            "accompaniment_pieces": [
                {str(other): trial.pieces[i].name for other, i in sources.items()}
                for sources in plan[part][0].accompaniments
            ],
        }
        for part, segments in found.items()
    }
    return same_part_report(found, trial.seed) | {"maps": maps, "not_measured": missing}


def draw_boards(
    pieces: Sequence[StemPiece],
    part: Part,
    boards: int,
    stems: int,
    accompaniments: int,
    rng: np.random.Generator,
) -> list[Board]:
    """At most `boards` boards, no stem of the part on two of them.

    On a board no two accompaniments share a stem, none is from a piece whose part is on it, and
    none from a piece in which the part may sound unnamed. Half of the pieces, at least, are left to
    accompany; a part that fewer than two of them have is in no accompaniment.
    """
    stems = max(2, min(stems, len(pieces) // 2))
    targets = rng.permutation([i for i, piece in enumerate(pieces) if part in piece.stems])
    drawn = []
    for first in range(0, min(boards * stems, len(targets)), stems):
        mine = [int(i) for i in targets[first : first + stems]]
        free = {
            other: [
                int(i)
                for i in rng.permutation(len(pieces))
                if other in pieces[i].stems and part not in pieces[i].unknown and i not in mine
            ]
            for other in PARTS
            if other is not part
        }
        free = {other: left for other, left in free.items() if len(left) >= 2}
        sets: list[dict[Part, int]] = [{} for _ in range(accompaniments)]
        for sources in sets:
            for other, left in free.items():
                strangers = [i for i in left if i not in sources.values()] or left
                if strangers:
                    sources[other] = strangers[0]
                    left.remove(strangers[0])
        full = [sources for sources in sets if sources and sources.keys() == free.keys()]
        if len(mine) >= 2 and len(full) >= 2:
            drawn.append(Board(part, mine, full))
    return drawn


def board_segments(
    trial: Trial,
    boards: Sequence[Board],
    moments: int,
    segment_s: float,
    begun: int = 0,
    total: int = 0,
) -> BoardSegments | None:
    """Mix, cut, embed what has both the part and an accompaniment; None without pairs to compare.

    begun, total : mixes done before and in all, for the trial's progress.
    """
    length = trial.samples(segment_s)
    plan = [
        (number, board, stem, which)
        for number, board in enumerate(boards)
        for stem in board.stems
        for which in range(len(board.accompaniments))
    ]

    def cut(item: tuple[int, Board, int, int]) -> Iterator[Cut[np.ndarray]]:
        number, board, stem, which = item
        samples, stems = trial.reader.mix({board.part: stem} | board.accompaniments[which])
        target = stems[board.part]
        rest = samples - target
        starts = [
            s
            for s in side_by_side(len(samples), length)
            if not is_silent_stem(target[s : s + length])
            and not is_silent_stem(rest[s : s + length])
        ]
        if starts := evenly(starts, moments):
            sound = np.stack([samples[s : s + length] for s in starts])
            same = np.ones(len(starts), int)
            yield Cut(sound, (stem * same, which * same, starts, number * same))

    heard = trial.hear(plan, cut, begun=begun, total=total or len(plan))
    if heard is None:
        return None
    segments = BoardSegments(heard.embeddings, *heard.truths)
    return segments if all(kind.any() for kind in segments.kinds().values()) else None


def similarities(segments: BoardSegments, subspace: Part) -> np.ndarray:
    """Cosines inside one subspace, 0 of what is 0: [segments, segments]."""
    vectors = unit(segments.embeddings[:, subspace.index])
    return vectors @ vectors.T


def nearer_by_part(cosines: np.ndarray, by_part: np.ndarray, by_rest: np.ndarray) -> np.ndarray:
    """Of each segment: how often one that shares the part is nearer than one that shares the rest.

    cosines : [segments, segments]; by_part, by_rest : bool, same shape. Ties count half.
    returns : float [segments], nan of those that have not both
    """
    auc = np.full(len(cosines), np.nan)
    for row in np.flatnonzero(by_part.any(axis=1) & by_rest.any(axis=1)):
        ahead = cosines[row, by_part[row]][:, None] - cosines[row, by_rest[row]][None, :]
        auc[row] = np.mean(ahead > 0) + 0.5 * np.mean(ahead == 0)
    return auc


def same_part_report(found: dict[Part, BoardSegments], seed: int = 0) -> dict[str, Any]:
    """The entries and the table of the module's text, of segments that are embedded already."""
    entries: list[dict] = []
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    for part, segments in found.items():
        kinds = segments.kinds()
        for subspace in PARTS:
            cosines = similarities(segments, subspace)
            auc = nearer_by_part(cosines, kinds["same_part"], kinds["same_rest"])
            mean, low, high = mean_over_pieces(auc, segments.piece, seed)
            table[part.index][subspace.index] = mean
            similarity = {}
            for name, pairs in kinds.items():
                count = pairs.sum(axis=1)
                sums = np.where(pairs, cosines, 0.0).sum(axis=1)
                each = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
                edges = mean_over_pieces(each, segments.piece, seed)
                similarity[name] = dict(zip(("mean", "low", "high"), edges, strict=True))
            entries.append(
                {
                    "part": str(part),
                    "subspace": str(subspace),
                    "auc": mean,
                    "low": low,
                    "high": high,
                    "similarity": similarity,
                    "pieces": len(np.unique(segments.piece)),
                    "segments": len(auc),
                }
            )
    return {"same_part": entries, "auc": table}


def board_map(segments: BoardSegments) -> dict[str, Any]:
    """The first board for a picture: labels of its segments, and their place in each subspace."""
    rows = np.flatnonzero(segments.board == segments.board.min())
    return {
        "part_label": segments.piece[rows].tolist(),
        "accompaniment_label": segments.accompaniment[rows].tolist(),
        "moment": segments.moment[rows].tolist(),
        "points": {
            str(subspace): np.round(
                main_axes(unit(segments.embeddings[rows, subspace.index])), 4
            ).tolist()
            for subspace in PARTS
        },
    }


def main_axes(vectors: np.ndarray) -> np.ndarray:
    """The two main axes of [n, dim], the largest coordinate of each positive: [n, 2]."""
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    places = np.zeros((len(vectors), 2))
    for axis in range(min(2, len(sizes))):
        column = left[:, axis] * sizes[axis]
        places[:, axis] = column * np.sign(column[np.abs(column).argmax()] or 1.0)
    return places
