"""Whole songs without hubs: what is typical of a library is taken off a question."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from partwise import Part, PartWeights
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.library import Library
from partwise.library.search.options import SearchOptions
from partwise.library.search.searcher import Searcher
from partwise.library.search.typical import LEAST_TRACKS, SHARE, beyond, typical
from partwise.parts import PARTS
from small_library import DIM, Piece, make_library

RNG = np.random.default_rng(5)
SONGS, MEDLEYS = 60, 3
EVEN = PartWeights.of(dict.fromkeys(PARTS, 1.0))


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


# As the network's are: in a cone around a direction of each part, a third of a right angle apart.
COMMON = unit(RNG.normal(size=(5, DIM)))


def song() -> np.ndarray:
    return unit(0.7 * COMMON + unit(RNG.normal(size=(5, DIM))))


@dataclass
class Heard(Piece):
    """A track of the vectors that are given, float32 [segments, parts=5, dim]."""

    vectors: np.ndarray | None = None

    def embeddings(self) -> PartEmbeddings:
        assert self.vectors is not None
        start_s = 5.0 * np.arange(len(self.vectors))
        presence = np.full(self.vectors.shape[:2], 0.9, np.float32)
        return PartEmbeddings(self.vectors, presence, start_s, start_s + 10, start_s[-1] + 10)


@pytest.fixture(scope="module")
def songs() -> list[Heard]:
    each = [unit(song() + 0.2 * RNG.normal(size=(6, 5, DIM))) for _ in range(SONGS)]
    strangers = [np.stack([song() for _ in range(96)]) for _ in range(MEDLEYS)]
    return [
        *(Heard(f"{at}.mp3", {}, vectors=vectors) for at, vectors in enumerate(each)),
        *(Heard(f"medley {at}.mp3", {}, vectors=long) for at, long in enumerate(strangers)),
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, songs: list[Heard]) -> Library:
    return make_library(tmp_path_factory.mktemp("typical"), songs)


def answers(library: Library, weights: PartWeights) -> list[list[str]]:
    """The names of the best ten for each song that is no medley."""
    return [
        [hit.path.name for hit in library.search(f"{at}.mp3", weights, top=10, moments=0)]
        for at in range(SONGS)
    ]


@pytest.mark.parametrize("weights", [EVEN, *map(PartWeights.one, PARTS)], ids=["all", *PARTS])
def test_a_medley_of_strangers_is_no_hub(library, weights):
    found = answers(library, weights)
    counts = [sum(f"medley {at}.mp3" in names for names in found) for at in range(MEDLEYS)]
    # By the directions alone 23 to 29 of 60 for one part, and all 60 for all of them together.
    assert max(counts) < 2 * 10 * SONGS / (SONGS + MEDLEYS)


def test_a_song_is_as_much_like_itself_as_can_be(library, songs):
    for name in ("0.mp3", "medley 0.mp3"):
        asked = next(piece for piece in songs if piece.name == name).embeddings()
        hits = library.search(asked, EVEN, top=99, include_duplicates=True)
        assert hits[0].path.name == name and hits[0].score == pytest.approx(1.0, abs=1e-5)
        assert all(-1 <= value <= 1 for hit in hits for value in (hit.score, *hit.similarities))
        for hit in hits:
            assert hit.score == pytest.approx(np.mean(hit.similarities), abs=1e-6)


def test_every_store_answers_alike(library):
    query = library.query("7.mp3")
    options = SearchOptions(top=20, moments=0)
    held = Searcher(library.store).search(query, EVEN, options)
    stored = Searcher(library.store, exact_max_rows=0).search(query, EVEN, options)
    assert [hit.track_id for hit in held] == [hit.track_id for hit in stored]
    assert [a.score for a in held] == pytest.approx([b.score for b in stored], abs=1e-5)


def test_passages_are_compared_as_they_are(library, songs):
    first = songs[7].embeddings().embeddings[0]
    hits = library.search("7.mp3", EVEN, at=(0.0, 5.0), top=3, moments=0)
    for hit in hits:
        heard = next(piece for piece in songs if piece.name == hit.path.name).embeddings()
        scores = np.einsum("pd,spd->s", first, heard.embeddings) / len(PARTS)
        assert hit.score == pytest.approx(scores.max(), abs=1e-5)


def test_few_tracks_have_nothing_typical(tmp_path: Path):
    vectors = np.stack([song() for _ in range(LEAST_TRACKS)])
    vectors[0, Part.BASS.index] = 0
    found = typical(vectors)
    np.testing.assert_allclose(found[0], SHARE * vectors[:, 0].mean(axis=0), atol=1e-6)
    assert not found[Part.BASS.index].any()  # one track fewer has it
    assert not typical(vectors[:0]).any()


def test_beyond_what_is_typical():
    vector, common = song(), SHARE * COMMON
    vector[2] = 0
    found = beyond(vector, common)
    assert not found[2].any()
    own = np.einsum("pd,pd->p", found, vector)
    np.testing.assert_allclose(own[[0, 1, 3, 4]], 1.0, atol=1e-6)
    # What is typical itself is less alike than before: here by hand for one part.
    t = common[0] @ vector[0]
    expected = (COMMON[0] @ vector[0] - common[0] @ COMMON[0]) / (1 - t)
    assert found[0] @ COMMON[0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(beyond(vector, np.zeros_like(vector)), vector, atol=1e-6)
    # Even the song that is typical of its library remains.
    np.testing.assert_allclose(beyond(COMMON, common), COMMON, atol=1e-5)
