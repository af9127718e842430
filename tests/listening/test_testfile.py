"""A test is fixed when it is made, whole or not at all."""

from __future__ import annotations

import io
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import soundfile

from listening_tests import make_songs_library
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import Part
from partwise_lab.survey.sound import RATE_HZ
from partwise_lab.survey.testfile import ROLES, TestFile, make_test
from partwise_lab.survey.trials import draw_trials

PARTS = (Part.DRUMS, Part.BASS)


def heard(test, trial, role):
    return soundfile.read(io.BytesIO(test.flac(trial, role)))[0]


def test_it_holds_the_trials_that_were_drawn(made, songs):
    assert made.trials == draw_trials(songs, PARTS, 6)
    assert made.about.parts == PARTS
    assert made.about.model == songs.store.digest
    assert made.about.clip_s == 5.0


def test_sounds_are_equally_loud_and_equally_long(made):
    for number in range(len(made.trials)):
        clips = [heard(made, number, role) for role in ROLES]
        assert {len(clip) for clip in clips} == {5 * RATE_HZ}
        levels = [np.sqrt(np.mean(clip**2)) for clip in clips]
        assert max(levels) / min(levels) < 1.001


def test_sounds_are_the_moments_of_the_trial(made, songs):
    trial = made.trials[0]
    (path,) = songs.paths_of(trial.a.track_id)
    whole, rate_hz = soundfile.read(path)
    there = whole[round(trial.a.start_s * rate_hz) : round(trial.a.end_s * rate_hz)]
    clip = heard(made, 0, "a")
    # Below half the file's rate, the clip is the moment up to its gain.
    spectra = [np.fft.rfft(x)[200:10000] for x in (there, clip)]
    size = np.prod([np.linalg.norm(spectrum) for spectrum in spectra])
    assert abs(np.vdot(*spectra)) / size > 0.99


def test_in_a_catch_trial_the_same_is_heard_twice(made):
    (number,) = (n for n, trial in enumerate(made.trials) if trial.catch)
    trial = made.trials[number]
    same, other = ("a", "b") if trial.a == trial.x else ("b", "a")
    assert made.flac(number, same) == made.flac(number, "x") != made.flac(number, other)


def test_songs_that_are_gone_or_changed_are_left_out(tmp_path):
    library = make_songs_library(tmp_path)
    first = draw_trials(library, PARTS, 4)
    gone, changed = first[0].x.track_id, first[0].a.track_id
    Path(library.paths_of(gone)[0]).unlink()
    path = library.paths_of(changed)[0]
    soundfile.write(path, np.ones(80_000) / 9, 8000)
    test = make_test(tmp_path / "test.sqlite", library, PARTS, 4)
    there = {p.track_id for t in test.trials for p in (t.x, t.a, t.b)}
    assert len(test.trials) == 5
    assert not there & {gone, changed}


def test_the_library_is_not_needed_any_more(tmp_path):
    library = make_songs_library(tmp_path / "songs")
    path = make_test(tmp_path / "test.sqlite", library, PARTS, 2).path
    shutil.rmtree(tmp_path / "songs")
    assert len(TestFile(path).flac(0, "x")) > 1000


def test_nothing_is_left_where_making_fails(tmp_path, songs, monkeypatch):
    def full_disk(clip):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("partwise_lab.survey.testfile.to_flac", full_disk)
    with pytest.raises(PartwiseError, match=r"cannot be written.*No space left"):
        make_test(tmp_path / "test.sqlite", songs, PARTS, 2)
    assert list(tmp_path.iterdir()) == []


def test_options_that_make_no_sense(tmp_path, songs):
    with pytest.raises(PartwiseError, match="unknown aspect 'smell'"):
        make_test(tmp_path / "test.sqlite", songs, PARTS, 2, aspects=["smell"])


def test_other_files_are_no_tests(tmp_path, made):
    with pytest.raises(PartwiseError, match="no listening test at"):
        TestFile(tmp_path / "nothing.sqlite")
    (tmp_path / "text.sqlite").write_text("no database " * 100)
    with pytest.raises(PartwiseError, match="is no listening test"):
        TestFile(tmp_path / "text.sqlite")
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE test (x)")
    with pytest.raises(PartwiseError, match="is no listening test"):
        TestFile(tmp_path / "empty.sqlite")
    connection = sqlite3.connect(made.path)
    connection.execute("UPDATE test SET about = replace(about, '\"format\": 1', '\"format\": 2')")
    connection.commit()
    with pytest.raises(PartwiseError, match="another format"):
        TestFile(made.path)


def test_a_library_without_the_part(tmp_path, songs):
    assert isinstance(songs, Library)
    with pytest.raises(PartwiseError, match="piano cannot be asked about"):
        make_test(tmp_path / "test.sqlite", songs, (Part.PIANO,), 2)
