import io

import mido
import pytest

from accelerator.midi_window import Window, cut, window_of
from partwise.parts import PARTS
from partwise_lab.synthesis.midi import best_window, read_midi

# Channel -> program; four parts, and drums.
_PROGRAMS = {0: 33, 1: 0, 2: 25, 3: 48, 9: 0}


@pytest.fixture
def song(tmp_path):
    """60 s; only bass plays until 20 s. The tempo changes at 25 s, in the window."""
    file = mido.MidiFile(ticks_per_beat=480)
    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    head.append(mido.MetaMessage("set_tempo", tempo=400_000, time=25 * 960))
    head.append(mido.MetaMessage("lyrics", text="la la la", time=5))
    file.tracks.append(head)
    for channel, program in _PROGRAMS.items():
        track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
        track.append(mido.Message("control_change", channel=channel, control=7, value=80 + channel))
        track.append(mido.Message("control_change", channel=channel, control=0, value=3))
        wait = 0 if channel == 0 else 20 * 960
        for step in range(110 if channel == 0 else 80):
            note = 40 + channel + step % 5
            track.append(mido.Message("note_on", channel=channel, note=note, time=wait))
            track.append(mido.Message("note_off", channel=channel, note=note, time=400))
            wait = 80
        file.tracks.append(track)
    path = tmp_path / "song.mid"
    file.save(path)
    return path


def test_the_window_plays_the_same_notes_at_the_same_times(song, tmp_path):
    start_s, shares = best_window(read_midi(song), 20.0)
    assert start_s > 0
    window = cut(song, 20.0, 4, 0.25)
    assert isinstance(window, Window)
    path = tmp_path / "cut.mid"
    path.write_bytes(window.data)
    whole, small = read_midi(song), read_midi(path)
    assert best_window(small, 20.0) == (0.0, pytest.approx(shares, abs=0.06))
    for part in PARTS:
        expected = [n for n in whole.notes[part] if start_s <= n.start_s < start_s + 20.0]
        found = small.notes[part]
        assert [(n.key, n.channel, n.program) for n in found] == [
            (n.key, n.channel, n.program) for n in expected
        ]
        for one, other in zip(found, expected, strict=True):
            assert one.start_s == pytest.approx(other.start_s - start_s, abs=0.005)
            assert one.end_s == pytest.approx(min(other.end_s - start_s, 20.0), abs=0.005)
    assert len(window.data) < song.stat().st_size


def test_it_begins_with_what_was_in_force(song):
    begin = {
        (m.type, getattr(m, "control", None), getattr(m, "channel", None)): m
        for m in window_of(mido.MidiFile(song), 30.0, 10.0).tracks[0]
        if m.time == 0 and m.type != "note_on"
    }
    assert begin["set_tempo", None, None].tempo == 400_000
    assert begin["control_change", 7, 3].value == 83
    assert begin["program_change", None, 2].program == 25
    assert ("control_change", 0, 0) not in begin  # bank selects are not rendered
    assert not any(kind == "lyrics" for kind, *_ in begin)


def test_notes_that_outlast_the_window_end_with_it():
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.Message("note_on", note=60, time=960 * 5)])
    track.append(mido.Message("note_off", note=60, time=960 * 30))
    file.tracks.append(track)
    buffer = io.BytesIO()
    window_of(file, 0.0, 10.0).save(file=buffer)
    buffer.seek(0)
    assert mido.MidiFile(file=buffer).length == pytest.approx(10.0, abs=0.01)


def test_files_that_would_be_skipped_are_told(tmp_path, song):
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    assert "broken" in str(cut(tmp_path / "broken.mid", 20.0, 4, 0.25))
    assert "parts" in str(cut(song, 20.0, 5, 1.1))
