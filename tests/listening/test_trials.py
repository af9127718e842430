"""Which questions are asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.survey.trials import clip_s, draw_trials, parse_parts
from small_library import Piece, make_library

D, B = Part.DRUMS, Part.BASS


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    rng = np.random.default_rng(1)
    pieces = [
        Piece(
            f"{number}.mp3",
            # The drums are away in the second of three segments.
            {D: [a := float(rng.uniform(0, 180)), None, a], B: float(rng.uniform(0, 180))},
            3,
            Tags(f"title {number}", f"artist {number // 2}" if number < 20 else None),
        )
        for number in range(30)
    ]
    return make_library(tmp_path_factory.mktemp("trials"), pieces)


@pytest.fixture(scope="module")
def trials(library):
    return draw_trials(library, (D, B), 40)


def test_questions_are_shared_among_the_parts_with_one_catch_trial_in_ten(trials):
    assert Counter((trial.part, trial.catch) for trial in trials) == {
        (D, False): 20,
        (B, False): 20,
        (D, True): 2,
        (B, True): 2,
    }


def test_songs_and_artists_differ_and_the_part_is_surely_there(library, trials):
    table = library.tracks()
    artists = dict(zip(table.track_ids, (tags.artist for tags in table.tags), strict=True))
    segments = library.store.segments_of(table.track_ids)
    for trial in trials:
        places = {trial.x, trial.a, trial.b}
        assert len(places) == len({place.track_id for place in places}) == 3 - trial.catch
        known = [artists[place.track_id] for place in places if artists[place.track_id]]
        assert len(set(known)) == len(known)
        for place in places:
            of_song = segments[place.track_id]
            assert of_song.presence[place.segment, trial.part.index] > 0.75
            assert (place.start_s, place.end_s) == (
                of_song.start_s[place.segment],
                of_song.end_s[place.segment],
            )


def test_scores_are_the_models(library, trials):
    segments = library.store.segments_of(library.tracks().track_ids)

    def vector(place, part):
        return segments[place.track_id].embeddings[place.segment, part.index]

    for trial in trials:
        x, a, b = (vector(place, trial.part) for place in (trial.x, trial.a, trial.b))
        assert (trial.score_a, trial.score_b) == pytest.approx((x @ a, x @ b), abs=1e-6)
        assert trial.margin == trial.score_a - trial.score_b


def test_easy_and_hard_questions_on_either_side(trials):
    for part in (D, B):
        margins = np.array([t.margin for t in trials if t.part is part and not t.catch])
        quarter = np.abs(margins).max() / 4
        counts, _ = np.histogram(np.abs(margins), bins=quarter * np.arange(5) + [0, 0, 0, 0, 1e-6])
        assert counts.min() >= 2
        assert 3 <= (margins > 0).sum() <= 17


def test_catch_trials_hold_the_reference_and_something_far(trials):
    for trial in trials:
        if trial.catch:
            assert (trial.a == trial.x) != (trial.b == trial.x)
            assert max(trial.score_a, trial.score_b) == pytest.approx(1.0)
            assert min(trial.score_a, trial.score_b) < 0.0


def test_no_song_wears_out(trials):
    uses = Counter(p.track_id for t in trials for p in {t.x, t.a, t.b})
    assert len(uses) == 30
    assert max(uses.values()) <= 2 * min(uses.values()) + 2


def test_a_seed_fixes_the_trials(library, trials):
    assert draw_trials(library, (D, B), 40) == trials
    assert draw_trials(library, (D, B), 40, seed=1) != trials


def test_tracks_can_be_left_out(library, trials):
    gone = trials[0].x.track_id
    again = draw_trials(library, (D, B), 40, without={gone})
    assert gone not in {p.track_id for t in again for p in (t.x, t.a, t.b)}


def test_near_duplicates_never_meet(tmp_path):
    pieces = [Piece(f"{n}.mp3", {D: 40.0 * (n // 2)}, 2) for n in range(8)]
    drawn = draw_trials(make_library(tmp_path, pieces), (D,), 20)
    margins = [abs(trial.score_a) for trial in drawn if not trial.catch]
    assert margins
    assert max(margins) < 0.98


def test_a_small_library_has_only_so_many_questions(tmp_path):
    pieces = [Piece(f"{n}.mp3", {D: 50.0 * n}) for n in range(3)]
    drawn = draw_trials(make_library(tmp_path, pieces), (D,), 20)
    assert sum(not trial.catch for trial in drawn) == 3  # each song is X once


@pytest.mark.parametrize(
    ("artist", "sounds"),
    [("one artist", {D: [0, 50, 100]}), (None, {D: [0, 50, None]}), (None, {B: [0, 50, 100]})],
)
def test_too_few_songs_are_refused(tmp_path, artist, sounds):
    ((part, angles),) = sounds.items()
    pieces = [Piece(f"{n}.mp3", {part: [a]}, 1, Tags(None, artist)) for n, a in enumerate(angles)]
    with pytest.raises(PartwiseError, match="drums cannot be asked about"):
        draw_trials(make_library(tmp_path, pieces), (D,), 5)


def test_options_that_make_no_sense(library):
    for parts, count, says in (((D, D), 5, "once"), ((), 5, "once"), ((D, B), 1, "too few")):
        with pytest.raises(PartwiseError, match=says):
            draw_trials(library, parts, count)
    with pytest.raises(PartwiseError, match="unknown part"):
        parse_parts("drums,horns")
    assert parse_parts("bass, drums") == (B, D)
    assert parse_parts(None) == PARTS


def test_clips_are_five_to_ten_seconds():
    assert [clip_s(s) for s in (5.0, 8.0, 30.0)] == [5.0, 8.0, 10.0]
    with pytest.raises(PartwiseError, match="segments last 3 s"):
        clip_s(3.0)


def test_of_long_segments_the_middle_is_heard(tmp_path, monkeypatch):
    monkeypatch.setattr("small_library.SEGMENT_S", 30.0)
    library = make_library(tmp_path, [Piece(f"{n}.mp3", {D: 50.0 * n}) for n in range(3)])
    place = draw_trials(library, (D,), 1)[0].x
    assert (place.start_s, place.end_s) == (10.0, 20.0)
