"""Many questions at once: where vectors are held in memory, one matrix product scores them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.search.query import Query
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.protocol import Searchable
from partwise.parts import PartWeights

if TYPE_CHECKING:
    from partwise.library.search.hits import Hit
    from partwise.library.search.options import SearchOptions
    from partwise.library.search.searcher import Searcher

# Scores that are held at a time: 64 MB.
_SCORES = 1 << 24

# What is asked, weighed, and which of the tracks are answers.
Question = tuple[Query, PartWeights, "SearchOptions"]


def search_many(searcher: Searcher, questions: Sequence[Question]) -> list[list[Hit]]:
    """What ``Searcher.search`` answers to each of several questions, in their order."""
    answers: list[list[Hit]] = [[] for _ in questions]
    for passages in (False, True):
        same = [n for n, (query, *_) in enumerate(questions) if (query.passage is None) != passages]
        if not same:
            continue
        index = searcher.index_for(questions[same[0]][0])
        at_once = len(same)
        if isinstance(index, ExactIndex):
            at_once = max(1, _SCORES // max(1, index.rows))
        for first in range(0, len(same), at_once):
            some = same[first : first + at_once]
            scored = _scored(searcher, index, [questions[n] for n in some])
            for n, one in zip(some, scored, strict=True):
                answers[n] = searcher.search(*questions[n], index=one)
    return answers


def _scored(
    searcher: Searcher, index: Searchable, questions: Sequence[Question]
) -> list[Searchable]:
    """What answers each question."""
    # One alone reads only the subspaces that count.
    if len(questions) == 1 or not isinstance(index, ExactIndex):
        return [index] * len(questions)
    vectors = np.stack([searcher.vector_for(query) for query, *_ in questions])
    return index.scored(vectors, np.stack([weights.as_array() for _, weights, _ in questions]))
