import numpy as np
import pytest

from partwise import Part, PartWeights, PartwiseError
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.search.query import Query, Seed, clock, parse_range, passage_of
from small_library import Piece, angle

D, B, P = Part.DRUMS, Part.BASS, Part.PIANO


def seed(name: str, sounds, segments: int = 1) -> Seed:
    return Seed.of(Piece(name, sounds, segments).embeddings(), name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:10-1:30", (70, 90)),
        ("70-90", (70, 90)),
        ("1:02:03-1:02:30", (3723, 3750)),
        (" 0:05 - 12.5 ", (5, 12.5)),
        ("0-0.5", (0, 0.5)),
        ("59:59-1:00:00", (3599, 3600)),
        ("90:00-91:00", (5400, 5460)),
        ("1:05.25-1:06", (65.25, 66)),
    ],
)
def test_ranges(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "-", "70", "1:10", "1:10-", "-1:30", "a-b", "1:10--1:30", "1-2-3", "1:2:3:4-5", "1e3-2e3"],
)
def test_what_is_no_range_is_told_how_to_write_one(text):
    with pytest.raises(PartwiseError, match=r"not a range of time: write for example 1:10-1:30"):
        parse_range(text)


@pytest.mark.parametrize("text", ["1:70-2:00", "1:60:00-1:61:00", "1:00:99-2:00:00"])
def test_sixty_seconds_are_a_minute(text):
    with pytest.raises(PartwiseError, match="60 seconds are a minute more"):
        parse_range(text)


@pytest.mark.parametrize("text", ["90-70", "1:30-1:10", "5-5"])
def test_a_range_must_end_after_it_starts(text):
    with pytest.raises(PartwiseError, match="must end after it starts"):
        parse_range(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (9.99, "0:09"), (70, "1:10"), (3600, "1:00:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (10, 20, [5, 10, 15]),
        (0, 10, [0, 5]),
        (12, 14, [5, 10]),
        (11, 21, [10, 15]),
        (0, 100, [0, 5, 10, 15, 20]),
        (26, 30, [20]),
        (29.9, 30, [20]),
    ],
)
def test_a_passage_holds_the_segments_that_lie_in_it_by_half(start_s, end_s, expected):
    whole = Piece("a", {D: 0}, segments=5).embeddings()
    assert passage_of(whole, start_s, end_s).start_s.tolist() == expected


def test_a_passage_between_distant_segments_takes_the_nearest():
    whole = Piece("a", {D: 0}, segments=2).embeddings()
    far = PartEmbeddings(
        whole.embeddings, whole.presence, np.array([0.0, 60.0]), np.array([10.0, 70.0]), 70.0
    )
    assert passage_of(far, 40, 50).start_s.tolist() == [60]


def test_a_passage_has_its_own_vector_and_parts():
    song = seed("a", {D: [0, 0, 0, 0], B: [None, None, 40, 40]}, segments=4)
    assert song.parts == (D, B)
    early, late = song.passage(0, 5), song.passage(15, 25)
    assert early.parts == (D,) and late.parts == (D, B)
    np.testing.assert_allclose(late.vector[B.index], angle(40), atol=1e-6)
    assert early.whole is song.segments


def test_a_range_past_the_end():
    song = seed("a.mp3", {D: 0}, segments=3)  # 20 s
    with pytest.raises(PartwiseError, match=r"a\.mp3 is 0:20 long: 0:20-0:30 is past its end"):
        song.passage(20, 30)
    with pytest.raises(PartwiseError, match=r"a\.mp3 is 0:20 long: 0:10-0:30 goes past its end"):
        song.passage(10, 30)
    assert song.passage(10, 20.5).segments.start_s.tolist() == [5, 10]


def test_several_seeds_are_averaged_per_part_over_those_that_have_it():
    query = Query.of([seed("a", {D: 0, B: 10}), seed("b", {D: 60}), seed("c", {D: 60, P: 5})])
    expected = angle(0) + 2 * angle(60)
    np.testing.assert_allclose(
        query.vector[D.index], expected / np.linalg.norm(expected), atol=1e-6
    )
    np.testing.assert_allclose(query.vector[B.index], angle(10), atol=1e-6)
    np.testing.assert_allclose(query.vector[P.index], angle(5), atol=1e-6)
    assert query.parts == (D, B, P)
    assert query.weights() == PartWeights.parse("drums,bass,piano")


def test_opposite_seeds_leave_a_part_without_direction():
    query = Query.of([seed("a", {D: 0, B: 0}), seed("b", {D: 180, B: 0})])
    assert query.parts == (B,)


def test_parts_of_different_songs():
    a, b = seed("a", {D: 0, B: 10, P: 20}), seed("b", {D: 90, B: 100})
    query = Query.of([], {D: a, B: b})
    np.testing.assert_allclose(query.vector[D.index], angle(0), atol=1e-6)
    np.testing.assert_allclose(query.vector[B.index], angle(100), atol=1e-6)
    assert query.parts == (D, B) == query.weights().wanted
    assert query.description == "drums of a, bass of b"


def test_one_part_replaced_keeps_the_others():
    a, b = seed("a", {D: 0, B: 10, P: 20}), seed("b", {B: 100})
    query = Query.of([a], {B: b})
    np.testing.assert_allclose(query.vector[D.index], angle(0), atol=1e-6)
    np.testing.assert_allclose(query.vector[B.index], angle(100), atol=1e-6)
    assert query.weights() == PartWeights.parse("drums,bass,piano")


def test_parts_of_one_song_stay_together():
    a, b = seed("a", {D: 0, B: 10, P: 20}), seed("b", {B: 100})
    query = Query.of([], {D: a, B: b, P: a})
    assert [source.parts for source in query.sources] == [(D, P), (B,)]


def test_a_part_that_is_absent_cannot_be_asked_for():
    a, b = seed("a.mp3", {D: 0, P: 20}), seed("b.mp3", {B: 1})
    with pytest.raises(PartwiseError) as error:
        Query.of([a]).weights(PartWeights.parse("drums=2,bass"))
    assert str(error.value) == "bass cannot be heard in a.mp3: there are drums and piano"
    with pytest.raises(PartwiseError, match=r"bass and guitar cannot be heard in a\.mp3"):
        Query.of([a]).weights(PartWeights.parse("bass,guitar"))
    with pytest.raises(PartwiseError, match=r"piano cannot be heard in b\.mp3: there is bass"):
        Query.of([a], {P: b})
    with pytest.raises(PartwiseError, match=r"piano cannot .* drums of a\.mp3, bass of b\.mp3"):
        Query.of([], {D: a, B: b}).weights(PartWeights.one(P))


def test_a_passage_without_the_part_names_the_passage():
    song = seed("a.mp3", {D: [0] * 4, B: [None, None, None, 40]}, segments=4)
    query = Query.of_passage(song, 0, 10)
    with pytest.raises(PartwiseError, match=r"bass .* in a\.mp3 from 0:00 to 0:10: there is drums"):
        query.weights(PartWeights.one(B))


def test_nothing_heard_and_nothing_asked():
    with pytest.raises(PartwiseError, match=r"none of the five parts can be heard in a\.mp3"):
        Query.of([seed("a.mp3", {})]).weights()
    with pytest.raises(PartwiseError, match="nothing is asked"):
        Query.of([])
    with pytest.raises(PartwiseError, match="must end after it starts"):
        Query.of_passage(seed("a", {D: 0}), 5, 5)
