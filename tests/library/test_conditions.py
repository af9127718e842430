"""Conditions over what was heard, artists in and out, and so many of an album."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.conditions import Conditions, album_key
from partwise.library.search.heard import Heard
from partwise.library.search.options import SearchOptions
from partwise.library.search.searcher import Searcher
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS, Part
from small_library import Piece, make_library

D, B, P, G = Part.DRUMS, Part.BASS, Part.PIANO, Part.GUITAR
LATE = [None] * 12 + [10.0] * 4  # segments begin every five seconds


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(
        tmp_path_factory.mktemp("conditions"),
        [
            Piece("seed.mp3", {D: 0, P: 0, G: 0}, 4),
            Piece("drums.mp3", {D: 5}, 4, Tags("A", "Björk", "Live", 1990, "Rock; Dub")),
            Piece("piano.mp3", {P: 5}, 4, Tags("B", "Nils; Olafur", "Live", 1991, "Jazz")),
            Piece("both.mp3", {D: 30, P: 40}, 4, Tags("C", "Olafur", None, 1992)),
            Piece("late.mp3", {D: 50, G: LATE}, 16, Tags("D", "Nils", "Late", 1993, "jazz rock")),
            Piece("early.mp3", {D: 60, G: [None, 20.0, 20.0, 20.0]}, 4, copies=["again.mp3"]),
        ],
    )


@pytest.fixture(params=["memory", "store", "resident"])
def searcher(library: Library, request: pytest.FixtureRequest) -> Searcher:
    held = {"memory": None, "store": 0, "resident": None}[request.param]
    return Searcher(library.store, held, resident=request.param == "resident")


def names(searcher: Searcher, **options) -> list[str]:
    query = Library.query(_Opened(searcher), "seed.mp3")  # type: ignore[arg-type]
    hits = searcher.search(query, query.weights(), SearchOptions(**options))
    return sorted(hit.path.name for hit in hits)


class _Opened:
    """What ``Library.query`` needs of a library."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("has_piano", ["both.mp3", "piano.mp3"]),
        ("has_piano AND NOT has_drums", ["piano.mp3"]),
        ("NOT has_piano AND NOT has_drums", []),
        ("presence_piano >= 0.5 and presence_drums < .5", ["piano.mp3"]),
        ("presence_bass > 0.05", ["again.mp3", "both.mp3", "drums.mp3", "late.mp3", "piano.mp3"]),
        ("enters_guitar > 4", ["again.mp3", "late.mp3"]),
        ("enters_guitar >= 60", ["late.mp3"]),
        ("enters_guitar < 60", ["again.mp3"]),
        ("enters_piano IS NULL AND has_drums", ["again.mp3", "drums.mp3", "late.mp3"]),
        ("genre = 'Jazz'", ["piano.mp3"]),
        ("lower(genre) LIKE '%rock%' AND has_drums", ["drums.mp3", "late.mp3"]),
        ("genre IS NULL", ["again.mp3", "both.mp3"]),
        ("HAS_PIANO and title = 'has_drums' or year = 1992", ["both.mp3"]),
    ],
)
def test_what_was_heard_is_a_condition(searcher: Searcher, where: str, found: list[str]) -> None:
    assert names(searcher, where=where) == found


def test_what_was_heard_is_what_the_embeddings_say(library: Library, searcher: Searcher) -> None:
    ids = list(searcher.catalogue)
    heard = Heard([*ids, "f" * 32], library.store, searcher.index)
    for row, track_id in enumerate(ids):
        segments = library.store.segments_of([track_id])[track_id]
        vector, presence = segments.track()
        assert np.allclose(heard.column("presence")[row], presence)
        assert (heard.column("has")[row] == vector.any(axis=-1)).all()
        for part in PARTS:
            times = segments.start_s[segments.embeddings[:, part.index].any(axis=-1)]
            expected = times[0] if len(times) else np.nan
            assert np.array_equal(heard.column("enters")[row, part.index], expected, equal_nan=True)
    assert not heard.column("has")[-1].any() and np.isnan(heard.column("enters")[-1]).all()


def test_only_what_a_condition_names_is_read(library: Library) -> None:
    read: list[str] = []

    def heard(ids: list[str]) -> Heard:
        def index_of(table: str):
            read.append(table)
            return library.searcher.index(table)

        return Heard(ids, library.store, index_of)

    conditions = Conditions(library.catalogue, heard)
    conditions.select("year > 1990 AND title <> 'has_piano'")
    assert read == []
    conditions.select("has_piano")
    assert read == ["tracks"]
    first = conditions.select("enters_drums > 10")
    assert read == ["tracks", "segments"]
    assert conditions.select("enters_drums > 10") is first
    assert read == ["tracks", "segments"]


def test_many_conditions_are_answered_anew(library: Library) -> None:
    conditions = library.searcher.conditions
    for number in range(40):
        kind = ("has_drums", "presence_piano > 0", "enters_bass > 1", "has_guitar", "true")
        found = conditions.select(f"year = {1990 + number % 4} AND ({kind[number % 5]} OR true)")
        assert len(found) == 1


@pytest.mark.parametrize("where", ["has_flute", "presence_drums", "has_piano > 2", "enters_"])
def test_what_is_no_condition(library: Library, where: str) -> None:
    with pytest.raises(
        PartwiseError, match=r"is not a condition over title, .*enters_ with a part"
    ):
        library.search("seed.mp3", where=where)


def test_artists_in_and_out(searcher: Searcher) -> None:
    assert names(searcher, artists=["bjork"]) == ["drums.mp3"]
    assert names(searcher, artists=["NILS", "Björk"]) == ["drums.mp3", "late.mp3", "piano.mp3"]
    assert names(searcher, not_artists=["Olafur", "nobody"], where="year > 0") == [
        "drums.mp3",
        "late.mp3",
    ]
    assert names(searcher, artists=["nils"], not_artists=["olafur"]) == ["late.mp3"]
    assert names(searcher, artists=["nobody"]) == []
    among = set(searcher.conditions.by_artists(["Olafur"]))
    assert names(searcher, artists=["nils"], among=among) == ["piano.mp3"]


def test_so_many_of_an_album(tmp_path: Path) -> None:
    mix = [
        Piece(f"mix/{n}.mp3", {D: n}, 3 + n, Tags(artist=f"DJ {n}", album="The Mix"))
        for n in range(1, 6)
    ]
    discs = [
        Piece(f"box/CD {n}/1.mp3", {D: 20 + n}, 10 + n, Tags(album="Box")) for n in range(1, 3)
    ]
    more = [
        Piece("other/1.mp3", {D: 40}, 20, Tags(album="the mix")),
        Piece("loose 1.mp3", {D: 50}, 21),
        Piece("loose 2.mp3", {D: 60}, 22),
    ]
    library = make_library(tmp_path, [Piece("seed.mp3", {D: 0}), *mix, *discs, *more])

    def found(most: int | None) -> list[str]:
        hits = library.search("seed.mp3", top=20, max_per_album=most, include_duplicates=True)
        return [str(hit.path.relative_to(tmp_path / "music")) for hit in hits]

    rest = ["other/1.mp3", "loose 1.mp3", "loose 2.mp3"]
    assert len(found(None)) == 10
    assert found(1) == ["mix/1.mp3", "box/CD 1/1.mp3", *rest]
    assert found(2) == ["mix/1.mp3", "mix/2.mp3", "box/CD 1/1.mp3", "box/CD 2/1.mp3", *rest]


def test_albums_of_one_name_in_two_folders_are_two() -> None:
    def key(path: str, album: str | None = "Live"):
        return album_key(Track("1", (path,), Tags(album=album), 1.0))

    assert key("/m/a/1.mp3") == key("/m/a/2.mp3") != key("/m/b/1.mp3")
    assert key("/m/a/Disc 1/1.mp3") == key("/m/a/disk2/1.mp3")
    assert key("/m/a/1.mp3", None) is None
