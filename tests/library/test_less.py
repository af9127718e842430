"""Less like this: what falls, what stays, and that one inner product still answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.less import STRENGTH, away_from
from partwise.library.search.searcher import Searcher
from partwise.library.search.typical import beyond
from partwise.parts import Part, PartWeights
from small_library import Piece, make_library

D, B, P, G = Part.DRUMS, Part.BASS, Part.PIANO, Part.GUITAR


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    made = rng.normal(size=shape)
    return (made / np.linalg.norm(made, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_song_keeps_its_score_and_what_is_not_wanted_falls(share: float) -> None:
    rng = np.random.default_rng(0)
    vector, unwanted, common = unit(rng, 5, 16), unit(rng, 5, 16), share * unit(rng, 5, 16)
    vector[4] = 0
    unwanted[3] = 0
    asked = beyond(vector, common)
    turned = away_from(asked, vector, unwanted, common)
    assert np.allclose(np.einsum("pd,pd->p", turned, vector), [1, 1, 1, 1, 0], atol=1e-5)
    fall = np.einsum("pd,pd->p", asked - turned, unwanted)
    own = unwanted - common
    expected = own - np.einsum("pd,pd->p", own, vector)[:, None] * vector
    assert np.allclose(
        fall[:3], STRENGTH * np.einsum("pd,pd->p", expected, unwanted)[:3], atol=1e-5
    )
    assert (fall[:3] > 0.1).all()
    assert np.array_equal(turned[3:], asked[3:]), "a part that one of them lacks stays"


def test_the_nearer_to_what_is_not_wanted_the_deeper_the_fall() -> None:
    rng = np.random.default_rng(1)
    vector = unit(rng, 5, 16)
    unwanted = vector + unit(rng, 5, 16)  # less than a right angle away
    unwanted /= np.linalg.norm(unwanted, axis=-1, keepdims=True)
    turned = away_from(vector, vector, unwanted)
    fall = []
    for share in np.linspace(0, 1, 5):
        between = (1 - share) * vector + share * unwanted
        between /= np.linalg.norm(between, axis=-1, keepdims=True)
        fall.append(np.einsum("pd,pd->p", vector - turned, between))
    assert (np.diff(fall, axis=0) > 0).all() and np.allclose(fall[0], 0, atol=1e-6)
    assert np.allclose(away_from(vector, vector, vector), vector, atol=1e-6), "itself is no other"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Either side of the seed the same, and what is not wanted on one side."""
    return make_library(
        tmp_path,
        [
            Piece("seed.mp3", {D: 0, B: 0}, 4),
            Piece("left.mp3", {D: 30, B: 35}, 5),
            Piece("right.mp3", {D: -31, B: -30}, 6),
            Piece("unwanted.mp3", {D: 45, B: -45}, 7),
            Piece("unwanted copy.mp3", {D: 46, B: -45}, 7),
            Piece("piano.mp3", {P: 0}, 8),
        ],
    )


def scores(hits) -> dict[str, float]:
    return {hit.path.stem: hit.score for hit in hits}


@pytest.mark.parametrize("held", [None, 0], ids=["memory", "store"])
def test_hits_near_it_fall_in_the_parts_that_are_named(library: Library, held: int | None) -> None:
    searcher = Searcher(library.store, held)

    def found(less, weights: str) -> dict[str, float]:
        query = library.query("seed.mp3", less_like=less)
        return scores(searcher.search(query, PartWeights.parse(weights)))

    plain = found(None, "drums")
    assert plain["left"] > plain["right"]
    less = found("unwanted.mp3", "drums")
    assert less["left"] < plain["left"] - 0.1 and less["right"] > less["left"]
    assert "unwanted" not in less and "unwanted copy" not in less, "it and its copies are no hits"
    assert found("unwanted.mp3", "bass")["right"] < found(None, "bass")["right"] - 0.1
    only_bass = found({"bass": "unwanted.mp3"}, "drums")
    assert only_bass["left"] == pytest.approx(plain["left"], abs=1e-6)
    both = found({"drums": ["unwanted.mp3"], "bass": "unwanted.mp3"}, "drums=2,bass")
    assert both == pytest.approx(found(["unwanted.mp3"], "drums=2,bass"), abs=1e-6)


def test_a_score_is_still_the_sum_over_the_parts(library: Library) -> None:
    weights = PartWeights.parse("drums=2,bass")
    for at in (None, (0.0, 12.0)):
        query = library.query("seed.mp3", at=at, less_like="unwanted.mp3")
        for hit in library.searcher.search(query, weights):
            total = (2 * hit.similarities[0] + hit.similarities[1]) / 3
            assert hit.score == pytest.approx(total, abs=1e-6)
            assert all(-1 <= value <= 1 for value in hit.similarities)


def test_it_works_for_a_passage_and_for_a_finished_query(library: Library) -> None:
    passage = library.query("seed.mp3", at=(0.0, 12.0))
    plain = scores(library.search(passage, "drums"))
    less = scores(library.search(passage, "drums", less_like="unwanted.mp3"))
    assert less["left"] < plain["left"] - 0.1 and less["right"] >= plain["right"]


def test_what_is_said_of_it(library: Library, tmp_path: Path) -> None:
    query = library.query("seed.mp3", less_like={Part.DRUMS: "unwanted.mp3"})
    music = tmp_path / "music"
    assert query.description == (f"{music}/seed.mp3, less like drums of {music}/unwanted.mp3")
    said = query.to_json()
    assert [(one["name"], one["parts"]) for one in said["less_like"]] == [
        (f"{music}/unwanted.mp3", ["drums"])
    ]
    assert [song["name"] for song in said["songs"]] == [f"{music}/seed.mp3"]
    with pytest.raises(
        PartwiseError, match=r"drums cannot be heard in .*piano.mp3: there is piano"
    ):
        library.query("seed.mp3", less_like={Part.DRUMS: "piano.mp3"})
    with pytest.raises(PartwiseError, match="unknown part 'flute'"):
        library.query("seed.mp3", less_like={"flute": "piano.mp3"})  # type: ignore[arg-type]


def test_several_are_their_mean_direction(library: Library) -> None:
    query = library.query("seed.mp3", less_like=["left.mp3", "right.mp3"])
    assert [seed.name.rpartition("/")[2] for seed in query.less_seeds] == ["left.mp3", "right.mp3"]
    assert np.allclose(np.linalg.norm(query.less_vector, axis=-1), [1, 1, 0, 0, 0], atol=1e-6)
