import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from partwise import Part, PartWeights, PartwiseError
from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.library.search.hits import Hit
from partwise.library.search.options import SearchOptions
from partwise.library.search.searcher import Searcher
from partwise.library.stores.lance import LanceStore
from partwise.library.tables.ledger import State
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.writer import Writer
from small_library import DIGEST, Piece, add_pieces, angle, make_library
from sounds import sound, write

D, B, P, G = Part.DRUMS, Part.BASS, Part.PIANO, Part.GUITAR


def names(hits: list[Hit]) -> list[str]:
    return [hit.path.name for hit in hits]


PIECES = [
    Piece("seed.mp3", {D: 0, B: 0, P: 0}, 4, Tags("Seed Song", "Alpha", "One", 1970)),
    Piece("near drums.mp3", {D: 5, B: 100, P: 100}, 5, Tags("Drum Song", "Alpha", "One", 1980)),
    Piece("near bass.mp3", {D: 90, B: 5, P: 100}, 6, Tags("Bass Song", "Alpha", "Two", 1990)),
    Piece("both a bit.mp3", {D: 40, B: 40, P: 100}, 7, Tags("Both", "Beta", None, 2000)),
    Piece("no bass.mp3", {D: 1, P: 1}, 8, Tags("Bassless", "Beta", "Three", 2010)),
    Piece("piano.mp3", {P: 3}, 9, Tags(None, None, None, None)),
    Piece("guitar.mp3", {G: 3}, 10, Tags("Seed Sequel", "Gamma", None, 2020)),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(tmp_path_factory.mktemp("search"), PIECES)


def test_one_part_ranks_by_that_part(library):
    drums = library.search("seed.mp3", "drums")
    assert names(drums)[:4] == ["no bass.mp3", "near drums.mp3", "both a bit.mp3", "near bass.mp3"]
    assert [hit.rank for hit in drums] == list(range(1, 7))
    bass = library.search("seed.mp3", PartWeights.one(B))
    assert names(bass)[:3] == ["near bass.mp3", "both a bit.mp3", "near drums.mp3"]
    assert bass[0].score == pytest.approx(np.cos(np.radians(5)), abs=1e-6)


def test_the_score_is_the_weighted_mean_of_the_similarities(library):
    weights = PartWeights.parse("drums=2,bass=0.5")
    for hit in library.search("seed.mp3", weights):
        expected = np.dot(weights.as_array(), hit.similarities) / 2.5
        assert hit.score == pytest.approx(expected, abs=1e-6)
    hit = next(h for h in library.search("seed.mp3", weights) if h.path.name == "both a bit.mp3")
    cosine = np.cos(np.radians([40, 40, 100]))
    np.testing.assert_allclose(hit.similarities, [*cosine, 0, 0], atol=1e-6)
    np.testing.assert_allclose(hit.presence, [0.9, 0.9, 0.9, 0.1, 0.1], atol=1e-6)
    assert hit.parts == (D, B, P)
    assert hit.tags.title == "Both" and hit.duration_s == 40


def test_a_hit_without_a_wanted_part_comes_after_all_that_have_it(library):
    hits = library.search("seed.mp3", "drums,bass")
    complete = [{D, B} <= set(hit.parts) for hit in hits]
    assert complete == [True] * 3 + [False] * 3
    # Its drums are nearest of all, so by the score alone it would come first or second.
    assert names(hits)[3] == "no bass.mp3"
    assert hits[3].score > hits[2].score


def test_by_default_the_parts_of_the_query_count(library):
    hits = library.search("no bass.mp3")
    assert hits[0].score == pytest.approx(np.mean(hits[0].similarities[:3:2]), abs=1e-6)


def test_the_query_is_not_a_hit(library):
    assert "seed.mp3" not in names(library.search("seed.mp3", include_duplicates=True))
    found = names(library.search(["seed.mp3", "near drums.mp3"], "drums"))
    assert "seed.mp3" not in found and "near drums.mp3" not in found and len(found) == 5


def test_several_seeds_are_between_their_neighbours(library):
    hits = library.search(["seed.mp3", "near bass.mp3"], "drums")
    both = next(hit for hit in hits if hit.path.name == "both a bit.mp3")
    assert names(hits)[0] == "both a bit.mp3"
    assert both.similarities[0] == pytest.approx(np.cos(np.radians(5)), abs=1e-6)  # 45 degrees


def test_different_songs_for_different_parts(library):
    hits = library.search(per_part_of={D: "near drums.mp3", B: "near bass.mp3"})
    assert names(hits)[0] == "seed.mp3"
    assert hits[0].score == pytest.approx(np.cos(np.radians(5)), abs=1e-6)
    [moment, *_] = hits[0].moments
    assert [(Path(side.name).name, side.parts) for side in moment.query] == [
        ("near drums.mp3", (D,)),
        ("near bass.mp3", (B,)),
    ]


def test_a_part_that_the_query_lacks(library):
    with pytest.raises(PartwiseError, match=r"guitar cannot be heard in .*seed\.mp3: there are"):
        library.search("seed.mp3", "guitar")
    with pytest.raises(PartwiseError, match=r"bass cannot be heard in .*no bass\.mp3"):
        library.search("seed.mp3", per_part_of={B: "no bass.mp3"})


def test_songs_are_found_by_any_unique_part_of_path_or_title(library):
    def asked(text: str) -> str:
        return Path(library.query(text).seeds[0].name).name

    path = str(library.search("seed.mp3")[0].path)
    assert asked(path) == Path(path).name
    assert asked("BASSLESS") == "no bass.mp3"
    assert asked("ar dru") == "near drums.mp3"
    assert asked("seed song") == "seed.mp3"
    assert asked("both") == "both a bit.mp3"
    assert asked("piano") == "piano.mp3"
    with pytest.raises(PartwiseError, match=r"near could be any of 2 tracks: .*bass.*; .*drums"):
        asked("near")
    with pytest.raises(PartwiseError, match=r"could be any of 7 tracks: .*; and 2 more$"):
        asked(".mp3")
    with pytest.raises(PartwiseError, match=r"nonsense\.mp3 is no file, and no track"):
        asked("nonsense.mp3")
    with pytest.raises(PartwiseError, match="is a folder: name a song in it"):
        asked(str(Path(path).parent))


def test_an_exact_title_wins_over_others_that_contain_it(tmp_path):
    library = make_library(
        tmp_path,
        [
            Piece("1.mp3", {D: 0}, tags=Tags("Help")),
            Piece("2.mp3", {D: 1}, tags=Tags("Help Me")),
        ],
    )
    assert Path(library.query("help").seeds[0].name).name == "1.mp3"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("year > 1985 AND artist = 'Beta'", ["no bass.mp3", "both a bit.mp3"]),
        ("album = 'One'", ["near drums.mp3"]),
        ("path LIKE '%near%'", ["near drums.mp3", "near bass.mp3"]),
        ("duration_s >= 45 AND duration_s < 55", ["no bass.mp3", "piano.mp3"]),
        ("title IS NULL", ["piano.mp3"]),
        ("year > 3000", []),
        ("title IS NULL AND NOT (path IN ('A', 'B (live); --', 'it''s'))", ["piano.mp3"]),
        ("(duration_s BETWEEN 45 AND 54.5)\n  AND title IS NOT NULL", ["no bass.mp3"]),
        (
            "coalesce(strpos(lower(`artist`), 'b\\'), 0) = 0 AND \"album\" = 'One'",
            ["near drums.mp3"],
        ),
        ("CAST(year AS string) = '(' OR year::int = -1 OR title LIKE '%?$/*'", []),
    ],
)
def test_where(library, where, expected):
    assert names(library.search("seed.mp3", "drums", where=where)) == expected


@pytest.mark.parametrize(
    "where",
    [
        *("nonsense = 1", "year >", "title", "'", "year = 'abc'", "; DROP TABLE tracks"),
        *("", "1", "'x'", "NULL", "year", "(year > 1", "title = 'it's'", "year IN (1,)"),
    ],
)
def test_a_bad_condition_is_one_sentence(library, where):
    with pytest.raises(PartwiseError) as error:
        library.search("seed.mp3", where=where)
    message = str(error.value)
    assert message.startswith(f"--where {where!r} is not a condition over title, artist, album")
    assert "\n" not in message and ".cargo" not in message and not message.endswith(": ")


@pytest.mark.parametrize(
    ("condition", "rest"),
    [
        ("duration_s > 0 ", "title = 'x'"),
        ("duration_s > 0\n", "title = 'x'"),
        ("title = 'é (''a' ", "title = 'x' AND title = 'y'"),
        ("(year > 1) ", "(year < 3)"),
        ("lower(title) IN ('a', 'b') ", "x"),
        ("title = 'Don' ", "'t stop'"),
        ("year > 1990 ", "und year < 2000"),
        ("duration_s > 4", ":00"),
        ("duration_s > 0", ", title = 'x'"),
        ("duration_s > 0 ", "; title = 'x'"),
        ("duration_s > 0", ";"),
        ("duration_s > 0 ", "ORDER BY title"),
        ("duration_s > 0 ", "-- AND title = 'x'"),
        ("duration_s > 0 ", "/* AND title = 'x' */"),
        ("duration_s > 0", ") AND title = 'x'"),
        ("true", ") OR (true"),
        ("title = 'x' ", "("),
        ("title = ", "$$x$$"),
        ("title = ", "N'x'"),
        ("title = ", "?"),
    ],
)
def test_nothing_after_a_condition_is_ignored(library, condition, rest):
    with pytest.raises(PartwiseError, match=re.escape(f": what is {rest!r}?")):
        library.search("seed.mp3", where=condition + rest)


def test_among(library):
    alpha = {track.track_id for track in library.matcher.find("alpha")}
    assert len(alpha) == 3
    assert names(library.search("piano.mp3", "piano", among=alpha))[0] == "seed.mp3"
    found = library.search("piano.mp3", "piano", among=alpha, where="year > 1975")
    assert sorted(names(found)) == ["near bass.mp3", "near drums.mp3"]
    assert library.search("seed.mp3", among=set()) == []


def test_max_per_artist(library):
    hits = library.search("near drums.mp3", "drums", max_per_artist=1)
    assert names(hits) == ["no bass.mp3", "seed.mp3", "piano.mp3", "guitar.mp3"]
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]


def test_a_track_counts_for_each_of_its_artists(tmp_path):
    artists = ["Kenny G", "KENNY G; Someone", "Someone feat. Other", "Ke\u0301nny  G", None, None]
    pieces = [
        Piece(f"{n}.mp3", {D: 10 * n}, 3 + n, Tags(artist=artist))
        for n, artist in enumerate(artists, start=1)
    ]
    library = make_library(tmp_path, [Piece("seed.mp3", {D: 0}), *pieces])
    found = names(library.search("seed.mp3", max_per_artist=1))
    assert found == ["1.mp3", "3.mp3", "5.mp3", "6.mp3"]


def test_both_forms_of_unicode_are_one_name(tmp_path):
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    library = make_library(
        tmp_path,
        [
            Piece(f"{apart}.mp3", {D: 0}, tags=Tags(artist=apart)),
            Piece("b.mp3", {D: 40}, tags=Tags(title=apart)),
            Piece("c.mp3", {D: 90}, tags=Tags(title=composed)),
        ],
    )
    path = tmp_path / "music" / f"{composed}.mp3"
    assert library.find(path) == library.find(path.with_name(f"{apart}.mp3")) is not None
    for name in (path, f"{composed}.mp3", f"{apart}.mp3"):
        assert library.query(name).seeds[0].track_id == library.find(path)
    for form in (composed, apart):
        found = library.search("b.mp3", where=f"title = '{form}' OR path LIKE '%{form}.mp3'")
        assert names(found) == [f"{apart}.mp3", "c.mp3"]
        assert len(library.matcher.find(form)) == 3
        found = library.search("b.mp3", where=f"artist = '{form}'")
        assert names(found) == [f"{apart}.mp3"]


def test_a_song_whose_file_is_away_is_known(tmp_path):
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 10})])
    path = tmp_path / "music" / "a.mp3"
    track_id = library.find(path) or ""
    with WriterLock(library.path):
        model = library.store.active
        row = library.store.rows_of_file(path)[0]
        Writer(library.store, model).add([], [replace(row, state=State.MISSING)])
    path.unlink()
    for name in ("a.mp3", str(path)):
        for ask in (library.query, lambda name: library.journey(name, "b.mp3")):
            with pytest.raises(
                PartwiseError, match=r"is known, but its file is not there \(.*a\.mp3"
            ):
                ask(name)
    with pytest.raises(PartwiseError, match="is known, but its file is not there: is the disk"):
        library.journey(track_id, "b.mp3")
    with pytest.raises(PartwiseError, match="is no file, and no track"):
        library.query("something else")


def test_numbers_that_make_no_sense(library):
    with pytest.raises(PartwiseError, match="number of hits must be at least 1, not 0"):
        library.search("seed.mp3", top=0)
    with pytest.raises(PartwiseError, match="limit per artist must be at least 1, not 0"):
        library.search("seed.mp3", max_per_artist=0)
    with pytest.raises(PartwiseError, match="limit per album must be at least 1, not 0"):
        library.search("seed.mp3", max_per_album=0)
    with pytest.raises(PartwiseError, match="belongs to one song"):
        library.search(["seed.mp3", "piano.mp3"], at="0:00-0:10")
    with pytest.raises(PartwiseError, match="belongs to one song"):
        library.search("seed.mp3", at="0:00-0:10", per_part_of={D: "seed.mp3"})


@pytest.fixture
def versions(tmp_path: Path) -> Library:
    """A song, the same again in other bytes, a remaster, and a longer one that sounds the same."""
    return make_library(
        tmp_path,
        [
            Piece("song.mp3", {D: 0, B: 0}, 4),
            Piece("song.flac", {D: 1, B: 2}, 4),
            Piece("song (remaster).mp3", {D: 3, B: 3}, 4, duration_s=25.4),
            Piece("song (long).mp3", {D: 1, B: 1}, 6),
            Piece("other.mp3", {D: 60, B: 60}, 4),
            Piece("other.ogg", {D: 61, B: 59}, 4, copies=["copy/other.ogg"]),
            Piece("drums only.mp3", {D: 60}, 4),
        ],
    )


def test_near_duplicates_of_hits_and_of_the_query_are_folded(versions):
    hits = versions.search("song.mp3", "drums")
    assert names(hits) == ["song (long).mp3", "other.mp3", "drums only.mp3"]
    assert [path.name for path in hits[1].alike] == ["other.ogg"]
    assert hits[0].alike == () == hits[2].alike


def test_near_duplicates_are_kept_on_request(versions):
    hits = versions.search("song.mp3", "drums", include_duplicates=True)
    assert names(hits) == [
        "song.flac",
        "song (long).mp3",
        "song (remaster).mp3",
        "other.mp3",
        "drums only.mp3",
        "other.ogg",
    ]
    assert all(hit.alike == () for hit in hits)
    assert [path.name for path in hits[5].paths] == ["other.ogg", "other.ogg"]


@pytest.mark.parametrize("held", [None, 0], ids=["memory", "store"])
def test_a_copy_whose_guitar_crossed_the_threshold_is_folded(tmp_path, held):
    faint = {D: 0, B: 10, P: 20, G: 30}
    library = make_library(
        tmp_path,
        [
            Piece("song.flac", faint, 4, presence={G: 0.55}),
            Piece("song.aac", faint, 4, presence={G: 0.45}),
            # The same as a whole, and not at the same time.
            Piece("turned.flac", {**faint, D: [-60, -60, 60, 60]}, 4),
            Piece("turned back.flac", {**faint, D: [60, 60, -60, -60]}, 4),
        ],
    )
    searcher = Searcher(library.store, exact_max_rows=held)

    def folded(name: str) -> set[str]:
        query = library.query(name)
        hits = searcher.search(query, query.weights(), SearchOptions(moments=0))
        beside = {path.name for hit in hits for path in hit.alike}
        every = {Path(path).name for track in library.catalogue.values() for path in track.paths}
        return every - {name, *names(hits)} | beside

    assert folded("song.flac") == {"song.aac"}
    assert folded("song.aac") == {"song.flac"}
    assert "turned back.flac" not in folded("turned.flac")


def test_folded_tracks_count_only_once_and_only_where_asked(versions):
    hits = versions.search("drums only.mp3", "drums", top=1, where="path LIKE '%.ogg'")
    assert names(hits) == ["other.ogg"] and hits[0].alike == ()


def test_deleted_files_never_come_up(versions):
    for hit in versions.search("song.mp3", "drums"):
        if hit.path.name == "other.mp3":
            hit.path.unlink()
    hits = versions.search("song.mp3", "drums")
    assert names(hits) == ["song (long).mp3", "drums only.mp3", "other.ogg"]
    first, second = hits[2].paths
    first.unlink()
    hits = versions.search("song.mp3", "drums")
    assert hits[2].paths == (second,) and hits[2].path == second
    second.unlink()
    assert names(versions.search("song.mp3", "drums")) == ["song (long).mp3", "drums only.mp3"]


def test_a_condition_on_the_path_chooses_among_copies(versions):
    [hit] = versions.search("song.mp3", "drums", where="path LIKE '%/copy/%'")
    assert hit.path.parent.name == "copy" and len(hit.paths) == 2


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(
        tmp_path_factory.mktemp("passages"),
        [
            Piece("seed.mp3", {D: [0, 0, 0, 80, 80], B: 0}, 5),
            # As a whole the first is nearer; it has no moment like the end of the seed.
            Piece("steady.mp3", {D: 35, B: 0}, 7),
            Piece("ends alike.mp3", {D: [170, 170, 170, 170, 170, 170, 81], B: 0}, 7),
            Piece("never together.mp3", {D: [80, 80, None], B: [None, None, 0]}, 3),
        ],
    )


def test_a_passage_ranks_tracks_by_their_best_segment(passages):
    whole = passages.search("seed.mp3", "drums")
    assert names(whole)[0] == "steady.mp3" and names(whole)[-1] == "ends alike.mp3"
    hits = passages.search("seed.mp3", "drums", at="0:20-0:30")
    assert names(hits) == ["never together.mp3", "ends alike.mp3", "steady.mp3"]
    assert hits[1].score == pytest.approx(np.cos(np.radians(1)), abs=1e-5)
    assert (hits[1].moments[0].start_s, hits[1].moments[0].end_s) == (30, 40)
    assert hits[1].moments[0].query[0].start_s in (15, 20)


def test_passages_with_all_wanted_parts_come_first(passages):
    hits = passages.search("seed.mp3", "drums,bass", at=(20, 30))
    assert names(hits)[-1] == "never together.mp3"
    assert hits[-1].score == pytest.approx(0.5, abs=1e-5)


def test_ranges_past_the_end(passages):
    with pytest.raises(PartwiseError, match=r"seed\.mp3 is 0:30 long: 1:00-1:10 is past its end"):
        passages.search("seed.mp3", at="1:00-1:10")


def test_moments_are_the_best_pairs_and_do_not_overlap(passages):
    hits = passages.search("ends alike.mp3", "drums")
    seed = next(hit for hit in hits if hit.path.name == "seed.mp3")
    assert seed.moments[0].start_s in (15, 20)
    assert seed.moments[0].query[0].start_s == 30
    assert seed.moments[0].score == pytest.approx(np.cos(np.radians(1)), abs=1e-5)
    spans = sorted((moment.start_s, moment.end_s) for moment in seed.moments)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    scores = [moment.score for moment in seed.moments]
    assert scores == sorted(scores, reverse=True)


def test_moments_prefer_segments_with_every_wanted_part(passages):
    hits = passages.search("never together.mp3", "drums,bass")
    for hit in hits:
        assert all(moment.score < 0.6 for moment in hit.moments)
    hits = passages.search("steady.mp3", "drums,bass")
    together = next(hit for hit in hits if hit.path.name == "seed.mp3")
    assert together.moments[0].score == pytest.approx((np.cos(np.radians(35)) + 1) / 2, abs=1e-5)


@pytest.mark.parametrize("at", [None, (20, 30)], ids=["song", "passage"])
def test_a_store_gives_the_same_answers_as_memory(library, passages, at):
    for of in (library, passages):
        query = of.query("seed.mp3", at=(10, 20) if at and of is library else at)
        weights = PartWeights.parse("drums=2,bass")
        expected = Searcher(of.store).search(query, weights, SearchOptions(top=5))
        plain = Searcher(of.store, exact_max_rows=0).search(query, weights, SearchOptions(top=5))
        for store in (of.store.tracks, of.store.segments):
            store.optimise(min_rows=1)
            assert not store.accuracy.exact
        indexed = Searcher(of.store, exact_max_rows=0).search(query, weights, SearchOptions(top=5))
        for found in (plain, indexed):
            assert [hit.track_id for hit in found] == [hit.track_id for hit in expected]
            for a, b in zip(found, expected, strict=True):
                assert a.score == pytest.approx(b.score, abs=1e-5)
                assert a.moments == b.moments and a.alike == b.alike


def test_optimising_builds_indexes_on_request(tmp_path):
    library = make_library(tmp_path, [Piece(f"{n}.mp3", {D: 3 * n, B: n}, n + 1) for n in range(8)])
    assert not library.optimise(), "a small library needs none"
    assert library.optimise(min_rows=1)
    for store in (library.store.tracks, library.store.segments):
        assert isinstance(store, LanceStore) and store.indexed
        assert not store.accuracy.exact and store.accuracy.lowest == 1.0
    assert names(library.search("0.mp3", top=2)) == ["1.mp3", "2.mp3"]
    with WriterLock(library.path), pytest.raises(PartwiseError, match="is writing to the library"):
        library.optimise()


def test_what_is_added_is_found_at_once(tmp_path):
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 50}, 2)])
    assert names(library.search("a.mp3")) == ["b.mp3"]
    store = Library.open(tmp_path / "library").store
    writer = Writer(store, store.active)
    add_pieces(writer, tmp_path / "music", [Piece("c.mp3", {D: 10}, 3)])
    assert names(Library.open(tmp_path / "library").search("a.mp3")) == ["c.mp3", "b.mp3"]


def test_embeddings_can_be_asked(library):
    given = PIECES[0].embeddings()
    assert names(library.search(given, "bass"))[0] == "near bass.mp3"
    kept = library.search(given, "bass", include_duplicates=True)
    assert names(kept)[0] == "seed.mp3" and kept[0].score == pytest.approx(1, abs=1e-6)
    from partwise.embedding.embeddings import PartEmbeddings

    wide = PartEmbeddings(
        np.zeros((1, 5, 9), np.float32),
        np.zeros((1, 5), np.float32),
        np.zeros(1),
        np.ones(1),
        1.0,
    )
    with pytest.raises(PartwiseError, match=r"9 dimensions per part, and those of .* have 8"):
        library.search(wide)


def test_an_empty_library_says_how_to_fill_it(tmp_path):
    library = make_library(tmp_path, [])
    with pytest.raises(PartwiseError, match="holds no tracks yet: run `partwise index FOLDER`"):
        library.search("a.mp3")
    with pytest.raises(PartwiseError, match=r"no library at .* `partwise index FOLDER`"):
        Library(tmp_path / "nowhere").search("a.mp3")


def test_a_file_outside_needs_the_model_that_made_the_library(library, tmp_path, tiny_model):
    outside = write(tmp_path / "outside.wav", sound({D: 0.5}))
    with pytest.raises(PartwiseError) as error:
        library.search(outside, model=tiny_model)
    assert f"made by the model {DIGEST}" in str(error.value)
    assert "run `partwise index`" in str(error.value)


def test_a_copy_of_a_track_elsewhere_is_that_track(library, tmp_path):
    original = next(h.path for h in library.search("piano.mp3") if h.path.name == "seed.mp3")
    copy = tmp_path / "renamed.mp3"
    copy.write_bytes(original.read_bytes())
    hits = library.search(copy, "drums", include_duplicates=True)
    assert "seed.mp3" not in names(hits) and len(hits) == 6


def test_a_file_that_changed_since_it_was_indexed_is_heard_anew(tmp_path, tiny_model):
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 50})])
    (tmp_path / "music" / "a.mp3").write_bytes(b"other content")
    with pytest.raises(PartwiseError, match="is not in the library, and cannot be compared"):
        library.search(tmp_path / "music" / "a.mp3", model=tiny_model)


def test_a_missing_file_can_still_be_asked_about(tmp_path):
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 50})])
    (tmp_path / "music" / "a.mp3").unlink()
    assert names(library.search(tmp_path / "music" / "a.mp3")) == ["b.mp3"]


def test_odd_names(tmp_path):
    odd = os.fsdecode(b"od\xffd.mp3")
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece(odd, {D: 20}, 2)])
    [hit] = library.search("a.mp3")
    assert hit.path.exists() and os.fsencode(hit.path.name) == b"od\xffd.mp3"
    assert names(library.search(hit.path)) == ["a.mp3"]


def test_segments_of_a_killed_run_do_not_disturb(tmp_path):
    """Segments and tracks without a ledger row exist after a kill; they are never hits."""
    library = make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 50})])
    model = ModelInfo(DIGEST, len(angle(0)), (0.5,) * 5, 10.0, 5.0)
    writer = Writer(library.store, model)
    from partwise.library.tables.writer import NewTrack

    writer.add([NewTrack("f" * 32, Piece("ghost", {D: 1}).embeddings(), Tags())], [])
    fresh = Library.open(library.path)
    assert names(fresh.search("a.mp3")) == ["b.mp3"]
    assert names(fresh.search("a.mp3", at="0:00-0:10")) == ["b.mp3"]
