"""The best rows among batches, compared one by one: exact, in the memory of one batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.stores.protocol import Candidates
from partwise.library.stores.rows import take, unpack

if TYPE_CHECKING:
    import pyarrow as pa


def scan(batches: Iterable[pa.RecordBatch], scaled: np.ndarray, k: int, timed: bool) -> Candidates:
    """The ``k`` rows of highest score.

    batches : of ``rows.columns(timed)``, only of rows that may be found.
    scaled : the query of ``rows.scaled_query``, float32 [parts=5, dim].
    """
    import pyarrow as pa

    wanted = np.flatnonzero(scaled.any(axis=-1))
    best = Candidates(
        [],
        np.zeros(0, np.float32),
        np.zeros((0, *scaled.shape), np.float32),
        np.zeros((0, len(scaled)), np.float32),
        np.zeros(0),
        np.zeros(0),
        exhausted=True,
    )
    for batch in batches:
        ids, vectors, presence, times = unpack(pa.Table.from_batches([batch]), timed)
        scores = np.zeros(len(ids), np.float32)
        for part in wanted:
            scores += vectors[:, part] @ scaled[part]
        near = np.arange(len(ids))
        if len(ids) > k:  # keep no more of a batch than can be among the best
            near = np.sort(np.argpartition(-scores, k)[:k])
        both = Candidates(
            best.track_ids + [ids[row] for row in near],
            np.concatenate([best.scores, scores[near]]),
            np.concatenate([best.vectors, vectors[near]]),
            np.concatenate([best.presence, presence[near]]),
            np.concatenate([best.start_s, times[0][near]]),
            np.concatenate([best.end_s, times[1][near]]),
            exhausted=best.exhausted and len(ids) <= k,
        )
        order = np.argsort(-both.scores, kind="stable")[:k]
        best = take(both, order, both.exhausted and len(both) <= k)
    return best
