"""What lies behind the numbers, small enough for a report: maps, confusions, examples to listen to.

Of each part one label set is looked at: the first that the score was averaged over, or ten labels
where that has more than a figure can show. `part_details` makes of it, all JSON-able:

    labels      names of the pieces that gave the part's stem; everywhere else their numbers
    mixes       what was heard: part -> name of the piece whose stem it was
    method, x, y, label, mix, start_s    the map: one entry a segment, `label` and `mix` numbers
    confusion   [labels][labels]: segments of the row's label that were taken for the column's
    examples    segments whose neighbours voted wrong: `query`, `right` (the nearest segment of the
                right piece, or null), `wrong` (the nearest of the piece that was voted for), each
                with label, mix, start_s and the distance to the query
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.measure.knn import Segments, voted
from partwise_lab.rivals.common import squared_distances

_EXAMPLES = 3
# As many as there are colours and shapes; of more, these are drawn.
_MOST_LABELS = 12
_OF_MANY_LABELS = 10
# Fewer points than this have no neighbourhoods that t-SNE could keep.
_FEWEST_FOR_TSNE = 15


def part_details(
    segments: Segments,
    part: Part,
    labels: int,
    names: Mapping[int, str],
    mixes: Sequence[Mapping[str, str]],
    *,
    segment_s: float,
    seed: int = 0,
) -> dict[str, Any]:
    """The details of one part (see the module's text).

    labels : of the score; names : label -> piece; mixes : `segments.mix` -> part -> piece.
    """
    labels = labels if labels <= _MOST_LABELS else _OF_MANY_LABELS
    rng = np.random.default_rng(seed)
    # The first draw of `knn_score` with the same seed.
    chosen = rng.choice(np.unique(segments.label), labels, replace=False)
    rows = np.flatnonzero(np.isin(segments.label, chosen))
    place = {int(label): i for i, label in enumerate(sorted(chosen))}
    label = np.array([place[int(found)] for found in segments.label[rows]])
    kept: dict[tuple[tuple[str, str], ...], int] = {}
    mix = [kept.setdefault(tuple(mixes[m].items()), len(kept)) for m in segments.mix[rows]]
    start_s = [float(moment * segment_s) for moment in segments.moment[rows]]

    vectors = segments.embeddings[rows, part.index]
    distance = np.sqrt(np.maximum(squared_distances(vectors), 0.0))
    distance[segments.own(rows, strict=False)] = np.inf
    said = voted(distance, label)
    confusion = np.zeros((labels, labels), np.int64)
    some = said >= 0
    np.add.at(confusion, (label[some], said[some]), 1)
    method, points = flat_map(vectors, seed)

    def pick(row: int, query: int) -> dict[str, Any]:
        return {
            "label": int(label[row]),
            "mix": mix[row],
            "start_s": start_s[row],
            "distance": 0.0 if row == query else round(float(distance[query, row]), 4),
        }

    examples = []
    for query in wrong_votes(distance, label, said):
        right = nearest_of(distance[query], label == label[query])
        wrong = int(np.where(label == said[query], distance[query], np.inf).argmin())
        examples.append(
            {
                "query": pick(query, query),
                "right": None if right is None else pick(right, query),
                "wrong": pick(wrong, query),
            }
        )
    return {
        "labels": [names[found] for found in place],
        "mixes": [dict(sources) for sources in kept],
        "method": method,
        "x": [round(float(x), 2) for x in points[:, 0]],
        "y": [round(float(y), 2) for y in points[:, 1]],
        "label": label.tolist(),
        "mix": mix,
        "start_s": start_s,
        "confusion": confusion.tolist(),
        "examples": examples,
    }


def wrong_votes(
    distance: np.ndarray, label: np.ndarray, said: np.ndarray, most: int = _EXAMPLES
) -> list[int]:
    """Segments that were voted wrong, the surest first, one of each pair of labels.

    The surest are those to which the wrong piece is much nearer than the right one.
    """
    found = []
    for row in np.flatnonzero((label != said) & (said >= 0)):
        to_wrong = distance[row, label == said[row]].min()
        to_right = distance[row, label == label[row]].min()
        if np.isfinite(to_wrong):  # else nobody could vote
            found.append((to_wrong - to_right, int(row)))
    chosen: dict[tuple[int, int], int] = {}
    for _, row in sorted(found):
        chosen.setdefault((int(label[row]), int(said[row])), row)
    return list(chosen.values())[:most]


def nearest_of(distance: np.ndarray, among: np.ndarray) -> int | None:
    """The nearest of the segments `among`, bool [n]; None where none of them may vote."""
    allowed = np.where(among, distance, np.inf)
    row = int(allowed.argmin())
    return row if np.isfinite(allowed[row]) else None


def flat_map(vectors: np.ndarray, seed: int = 0) -> tuple[str, np.ndarray]:
    """Two dimensions of the vectors [n, dim] as `t-SNE` or, of few, `PCA`: name, float [n, 2]."""
    if len(vectors) < _FEWEST_FOR_TSNE:
        centred = vectors - vectors.mean(axis=0)
        scaled, scales, _ = np.linalg.svd(centred, full_matrices=False)
        points = (scaled * scales)[:, :2]
        return "PCA", np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise PartwiseError(
            "the maps of the HTML report need scikit-learn: "
            "pip install 'partwise-lab[bench]' -c constraints.txt, or write --out REPORT.json"
        ) from None
    # 30 is the usual perplexity; it must stay well below the number of points.
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    # Its threads wait for each other at every step: on a busy machine many are far slower than one.
    with threadpool_limits(1):
        return "t-SNE", tsne.fit_transform(np.ascontiguousarray(vectors, np.float32))
