"""What may stand for a song of a query: vectors and samples, beside names and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import partwise
from partwise import PARTS, Part, PartwiseError
from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.library.search.seeds import track_meant
from small_library import DIM, Piece, angle, make_library
from sounds import sound, write

D, B = Part.DRUMS, Part.BASS


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(
        tmp_path_factory.mktemp("seeds"),
        [
            Piece("a.mp3", {D: 0, B: 90}, 3, Tags("Silver Engine")),
            Piece("b.mp3", {D: 30, B: 60}, 3, Tags("Silver Bird")),
            Piece("c.mp3", {D: 80}, 3, Tags("Copper")),
        ],
    )


def vector(**degrees: float) -> np.ndarray:
    made = np.zeros((len(PARTS), DIM), np.float32)
    for name, value in degrees.items():
        made[Part(name).index] = angle(value)
    return made


def test_a_vector_asks_for_what_points_its_way(library):
    asked = vector(drums=28)
    hits = library.search(asked)
    assert [hit.tags.title for hit in hits] == ["Silver Bird", "Silver Engine", "Copper"]
    assert hits[0].score == pytest.approx(np.cos(np.radians(2)), abs=1e-6)
    assert hits[0].similarities[B.index] == 0  # it has no bass to compare with
    # Its length says nothing, nor does the kind of numbers.
    longer = library.search(7.5 * asked.astype(np.float64))
    assert [hit.score for hit in longer] == pytest.approx([hit.score for hit in hits])
    [side] = hits[0].moments[0].query
    assert (side.name, side.start_s, side.end_s) == ("the given vector", 0, 0)


def test_a_stored_vector_finds_its_own_track(library):
    table = library.tracks()
    hits = library.search(table.vectors[1])
    assert hits[0].track_id == table.track_ids[1]
    assert hits[0].score == pytest.approx(1, abs=1e-5)


def test_vectors_for_single_parts_and_among_songs(library):
    hits = library.search(per_part_of={D: vector(drums=80), B: "Silver Bird"})
    assert hits[0].tags.title == "Silver Engine"  # Copper has no bass
    query = library.query([vector(drums=0), vector(drums=60)])
    assert query.description == "the given vector and the given vector (2)"
    np.testing.assert_allclose(query.vector[D.index], angle(30), atol=1e-6)
    with pytest.raises(PartwiseError, match="bass cannot be heard in the given vector"):
        library.search(vector(drums=1), "bass")


def test_samples_are_heard_as_a_file_of_them_is(tmp_path: Path, tiny_model: Path):
    music = tmp_path / "music"
    for number in range(3):
        write(music / f"{number}.wav", sound({D: 0.2 + 0.3 * number, B: 0.5}, 8.0))
    library = Library(tmp_path / "library")
    library.index(music, model=tiny_model, jobs=1)
    path = write(tmp_path / "asked.wav", sound({D: 0.25, B: 0.5}, 9.0))
    audio = partwise.decode(path)
    given = library.search(audio, {"drums": 2}, model=tiny_model)
    named = library.search(path, "drums=2", model=tiny_model)
    assert [hit.track_id for hit in given] == [hit.track_id for hit in named]
    assert [h.score for h in given] == pytest.approx([h.score for h in named], abs=1e-4)
    assert given[0].moments[0].query[0].name == "the given samples"
    stereo = np.stack([audio.samples, audio.samples], axis=1)
    both = library.search(
        partwise.Audio(stereo, audio.sample_rate_hz), "drums", model=tiny_model, top=1
    )
    assert both[0].track_id == named[0].track_id


def test_samples_need_the_model_of_the_library(library, tiny_model: Path):
    with pytest.raises(PartwiseError, match="this song is not in the library, and cannot be"):
        library.search(partwise.Audio(np.zeros(44100, np.float32), 44100), model=tiny_model)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (np.zeros(44100), r"not \(44100,\); samples are given as partwise.Audio"),
        (np.zeros((2, 5, DIM)), r"not \(2, 5, 8\); search_many takes several"),
        (np.zeros((5, DIM + 1)), r"has the shape \(5, 8\), not \(5, 9\)$"),
        (np.full((5, DIM), np.nan), "must hold finite numbers"),
        (np.zeros((5, DIM)), "none of the five parts can be heard in the given vector"),
        (44100, "a song is a file, a name, samples .* not int"),
    ],
)
def test_what_is_no_song(library, asked, said):
    with pytest.raises(PartwiseError, match=said):
        library.search(asked)


def test_the_track_that_a_text_means(library):
    found = track_meant(library.searcher, "silver eng")
    assert found is not None and found.title == "Silver Engine"
    assert track_meant(library.searcher, "gold") is None
    with pytest.raises(PartwiseError, match=r"silver could be any of 2 tracks: .*Silver Engine"):
        track_meant(library.searcher, "silver")
