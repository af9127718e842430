"""Part radio: its rules, on a library whose vectors are written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from pathlib import Path

import pytest

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.radio import DRIFT
from partwise.parts import Part, PartWeights
from small_library import Piece, make_library

_number = count()


def piece(name: str, drums: float | None, bass: float, artist: str | None = None) -> Piece:
    sounds = {Part.BASS: bass} if drums is None else {Part.DRUMS: drums, Part.BASS: bass}
    length_s = 100 * 1.05 ** next(_number)  # so that none is taken for another in other bytes
    return Piece(f"{name}.mp3", sounds, tags=Tags(name, artist), duration_s=length_s)


@pytest.fixture
def make(tmp_path: Path):
    def make(pieces: Sequence[Piece]) -> Library:
        return make_library(tmp_path, pieces)

    return make


def ids_of(library: Library) -> dict[str, str]:
    return {track.tags.title or "": one for one, track in library.catalogue.items()}


def played_through(library: Library, weights: str, most: int = 100) -> list[str]:
    """Titles of a whole session, a track at a time, from the song "seed" on."""
    seed = ids_of(library)["seed"]
    played: list[str] = []
    titles: list[str] = []
    while len(titles) < most:
        found = library.radio(seed, weights, top=1, played=played)
        if not found:
            break
        played.append(found[0].track_id)
        titles.append(found[0].tags.title or "")
    return titles


def test_no_track_twice_and_all_of_them_once(make):
    library = make([piece("seed", 0, 0)] + [piece(f"{n}", 3.0 * n, 90) for n in range(1, 9)])
    titles = played_through(library, "drums")
    assert sorted(titles) == sorted(map(str, range(1, 9)))


def test_the_chosen_part_stays_near_the_question(make):
    # Drums further away with every number, bass the other way round.
    library = make([piece("seed", 0, 0)] + [piece(f"{n}", 8.0 * n, 88 - 8 * n) for n in range(10)])
    assert played_through(library, "drums", 4) == ["0", "1", "2", "3"]
    assert played_through(library, "bass", 1) == ["9"]


def test_the_other_parts_follow_the_track_before(make):
    # The drums are about the same everywhere; the bass goes on from where it was.
    bass = {"near": 12, "on": 24, "further": 36, "far": 48}
    pieces = [piece(name, 1.0, angle) for name, angle in reversed(bass.items())]
    library = make([piece("seed", 0, 0), *pieces])
    assert played_through(library, "drums") == list(bass)
    ids = ids_of(library)
    after = library.radio(ids["seed"], "drums", top=1, played=[ids["near"], ids["far"]])
    assert after[0].tags.title == "further"


def test_drift_does_not_undo_a_lead(make):
    library = make([piece("seed", 0, 0), piece("drums", 5, 90), piece("bass", 40, 0)])
    assert DRIFT < 1 - 0.77  # cos 40 degrees
    assert played_through(library, "drums") == ["drums", "bass"]


def test_not_the_same_artist_twice_in_a_row(make):
    artists = ["A", "A", "A", "B", "B", "a feat. C", None, None]
    pieces = [piece(f"{n}", 2.0 * n, 0, artist) for n, artist in enumerate(artists, 1)]
    library = make([piece("seed", 0, 0, "A"), *pieces])
    by_title = {track.tags.title: track.tags.artist for track in library.catalogue.values()}
    titles = played_through(library, "drums")
    assert len(titles) == len(artists)
    names = [(by_title[title] or title)[0].upper() for title in ["seed", *titles]]
    assert all(one != other for one, other in pairwise(names)), names


def test_several_at_a_time_hold_to_the_same_rules(make):
    artists = ["A", "A", "B", "B", "C"]
    pieces = [piece(f"{n}", 2.0 * n, 0, artist) for n, artist in enumerate(artists)]
    library = make([piece("seed", 0, 0), *pieces])
    seed = ids_of(library)["seed"]
    at_once = [hit.tags.title for hit in library.radio(seed, "drums", top=5)]
    assert at_once == played_through(library, "drums")
    assert at_once[:2] == ["0", "2"]


def test_one_artist_alone_plays_on(make):
    library = make([piece("seed", 0, 0, "A")] + [piece(f"{n}", n, 0, "A") for n in (5, 9)])
    assert played_through(library, "drums") == ["5", "9"]


def test_what_lacks_a_chosen_part_is_not_played(make):
    library = make([piece("seed", 0, 0), piece("without", None, 0), piece("with", 60, 90)])
    assert played_through(library, "drums") == ["with"]
    assert played_through(library, "bass") == ["without", "with"]


def test_a_skipped_track_lowers_what_is_like_it(make):
    pieces = [piece("skipped", 20, 0), piece("like it", 22, 0), piece("unlike", -30, 0)]
    library = make([piece("seed", 0, 0), *pieces])
    ids = ids_of(library)

    def first(skipped: list[str], weights: str = "drums") -> str | None:
        found = library.radio(ids["seed"], weights, top=1, played=[ids["skipped"]], skipped=skipped)
        return found[0].tags.title

    assert first([]) == "like it"
    assert first([ids["skipped"]]) == "unlike"
    assert first([ids["skipped"]], "bass") == "like it"  # it teaches of the chosen parts alone


def test_a_skipped_track_does_not_come_back(make):
    library = make([piece("seed", 0, 0), piece("a", 5, 0), piece("b", 50, 0)])
    ids = ids_of(library)
    found = library.radio(ids["seed"], "drums", skipped=[ids["a"]])
    assert [hit.tags.title for hit in found] == ["b"]


def test_a_moved_fader_changes_what_comes_next(make):
    library = make([piece("seed", 0, 0), piece("drums", 0, 90), piece("bass", 90, 0)])
    seed = ids_of(library)["seed"]
    firsts = [library.radio(seed, weights)[0].tags.title for weights in ("drums=2,bass", "bass")]
    assert firsts == ["drums", "bass"]


def test_the_same_recording_in_other_bytes_is_the_same_track(tmp_path: Path):
    angles = [10.0, 40.0, 70.0, 100.0]
    twins = [
        Piece(f"{n}.mp3", {Part.DRUMS: angles, Part.BASS: angles}, 4, Tags(n, None))
        for n in ("one", "other")
    ]
    seed = Piece("seed.mp3", {Part.DRUMS: 20.0, Part.BASS: 0.0}, 4, Tags("seed", None))
    library = make_library(tmp_path, [seed, *twins])
    ids = ids_of(library)
    assert len(library.radio(ids["seed"], "drums")) == 1
    for twin in ("one", "other"):
        assert library.radio(ids["seed"], "drums", played=[ids[twin]]) == []


def test_ids_that_are_gone_are_passed_over(make):
    library = make([piece("seed", 0, 0), piece("a", 5, 0)])
    seed = ids_of(library)["seed"]
    unknown = ["0" * 16, "upload-" + "0" * 32]
    found = library.radio(seed, "drums", played=unknown, skipped=unknown)
    assert [hit.tags.title for hit in found] == ["a"]


def test_conditions_hold_for_radio_too(make):
    library = make([piece("seed", 0, 0), piece("a", 5, 0, "A"), piece("b", 50, 0, "B")])
    seed = ids_of(library)["seed"]
    found = library.radio(seed, PartWeights.one(Part.DRUMS), where="artist = 'B'")
    assert [hit.tags.title for hit in found] == ["b"]
    with pytest.raises(PartwiseError, match="piano cannot be heard"):
        library.radio(seed, "piano")


def test_a_pool_full_of_one_artist_is_widened(make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("partwise.library.search.radio._POOL", 1)
    same = [piece(f"{n}", 1.0 + n, 0, "A") for n in range(8)]
    library = make([piece("seed", 0, 0, "A"), *same, piece("other", 80, 0, "B")])
    assert played_through(library, "drums", 2) == ["other", "0"]
