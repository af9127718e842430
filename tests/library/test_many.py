"""Many questions at once get the answers that each gets alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise import PARTS, Part, PartWeights, PartwiseError
from partwise.library.library import Library
from partwise.library.search import many
from partwise.library.search.hits import Hit
from partwise.library.search.options import SearchOptions
from partwise.library.search.searcher import Searcher
from partwise.library.stores.exact_index import ExactIndex
from small_library import Piece, make_library

D, B = Part.DRUMS, Part.BASS


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    rng = np.random.default_rng(3)
    pieces = []
    for number in range(30):
        sounds = {part: float(rng.uniform(0, 180)) for part in PARTS if rng.random() < 0.8}
        pieces.append(Piece(f"{number}.mp3", {D: 6.0 * number, **sounds}, 1 + number % 4))
    return make_library(tmp_path_factory.mktemp("many"), pieces)


def same(found: list[Hit], expected: list[Hit]) -> None:
    assert [hit.track_id for hit in found] == [hit.track_id for hit in expected]
    assert [hit.score for hit in found] == pytest.approx([h.score for h in expected], abs=1e-6)
    assert [hit.moments for hit in found] == [hit.moments for hit in expected]


def test_each_query_is_answered_as_it_is_alone(library):
    queries = [f"{number}.mp3" for number in range(12)]
    for weights in (None, "drums", {"drums": 3}):
        answers = library.search_many(queries, weights, top=5)
        for query, found in zip(queries, answers, strict=True):
            same(found, library.search(query, weights, top=5))


def test_weights_of_each_and_other_kinds_of_queries(library):
    table = library.tracks()
    passage = library.query("7.mp3", at=(5, 15))
    apart = library.query(per_part_of={D: "1.mp3"})
    queries = ["3.mp3", passage, ["1.mp3", "2.mp3"], table.vectors[4], apart]
    weights = ["drums", {"drums": 1}, None, PartWeights.one(D), None]
    answers = library.search_many(queries, weights, include_duplicates=True)
    for query, weighed, found in zip(queries, weights, answers, strict=True):
        same(found, library.search(query, weighed, include_duplicates=True))
    # An array of vectors is as many queries.
    for vector, found in zip(
        table.vectors[:3], library.search_many(table.vectors[:3], "drums", top=4), strict=True
    ):
        same(found, library.search(vector, "drums", top=4))
    assert library.search_many([]) == []


def test_one_matrix_product_and_no_more_at_a_time_than_fit(library, monkeypatch):
    asked: list[int] = []
    scored = ExactIndex.scored

    def counted(self, queries, weights):
        asked.append(len(queries))
        return scored(self, queries, weights)

    monkeypatch.setattr(ExactIndex, "scored", counted)
    monkeypatch.setattr(ExactIndex, "_scores", None)  # what is asked alone
    monkeypatch.setattr(many, "_SCORES", 4 * 30)
    answers = library.search_many([f"{n}.mp3" for n in range(10)], "drums", top=3)
    assert asked == [4, 4, 2] and all(len(hits) == 3 for hits in answers)


def test_a_store_that_answers_itself(library):
    searcher = Searcher(library.store, exact_max_rows=0)
    queries = [library.query(f"{n}.mp3") for n in range(3)]
    questions = [(one, one.weights(), SearchOptions(top=4)) for one in queries]
    for question, found in zip(questions, many.search_many(searcher, questions), strict=True):
        same(found, searcher.search(*question))


def test_what_is_wrong_with_one_of_them(library):
    with pytest.raises(PartwiseError, match=r"query 2: nothing\.mp3 is no file"):
        library.search_many(["1.mp3", "nothing.mp3"])
    with pytest.raises(PartwiseError, match="query 1: unknown part 'drumz'"):
        library.search_many(["1.mp3"], "drumz")
    with pytest.raises(PartwiseError, match="2 queries have 1 part weights"):
        library.search_many(["1.mp3", "2.mp3"], ["drums"])


def test_a_hit_as_plain_values(library, tmp_path: Path):
    import json

    hit = library.search("0.mp3", "drums", top=1)[0]
    plain = json.loads(json.dumps(hit.to_dict()))
    assert plain == hit.to_json(library.query("0.mp3").parts)
    assert plain["path"] == str(hit.path) and plain["tags"]["title"] is None
    assert plain["similarities"]["drums"] == pytest.approx(hit.score)
    absent = set(PARTS) - set(library.query("0.mp3").parts)
    assert absent and all(plain["similarities"][part] is None for part in absent)
