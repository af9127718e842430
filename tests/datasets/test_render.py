import json
import shutil
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from partwise import Part, PartwiseError
from partwise.datasets import render
from partwise.datasets.midi import best_window, read_midi, title_of, write_window
from partwise.datasets.soundfont import read_soundfont
from partwise.datasets.stems import data_digest, find_pieces

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not FONT.exists(),
    reason="FluidSynth and the SoundFont TimGM6mb are needed: apt-get install fluidsynth "
    "timgm6mb-soundfont",
)
SETTINGS = render.RenderSettings(seconds=4.0, min_parts=3)
_PROGRAMS = {0: 33, 1: 0, 2: 25, 3: 48, 9: 0}


def write_midi(path, seconds=12, channels=(0, 1, 2, 3, 9), start_s=0, transpose=0):
    """A piece in 120 bpm: a note every half second on each channel."""
    file = mido.MidiFile(ticks_per_beat=480)
    for channel in channels:
        track = mido.MidiTrack()
        track.append(mido.Message("program_change", channel=channel, program=_PROGRAMS[channel]))
        wait = start_s * 960
        for step in range((seconds - start_s) * 2):
            note = (36 if channel == 9 else 40 + 7 * channel) + transpose + step % 3
            track.append(mido.Message("note_on", channel=channel, note=note, time=wait))
            track.append(mido.Message("note_off", channel=channel, note=note, time=400))
            wait = 80
        file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def test_midi_is_split_into_parts(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid"))
    counts = {part: len(notes) for part, notes in piece.notes.items()}
    assert counts == dict.fromkeys(counts, 24)
    assert piece.notes[Part.DRUMS][0].channel == 9
    assert piece.notes[Part.BASS][1].start_s == pytest.approx(0.5)
    assert piece.seconds == pytest.approx(12.0, abs=0.1)


def test_the_window_is_where_most_parts_play(tmp_path):
    path = write_midi(tmp_path / "late.mid", seconds=30, start_s=20)
    start_s, shares = best_window(read_midi(path), 8.0)
    assert 16 <= start_s <= 22
    assert min(shares.values()) >= 0.5


def test_a_window_holds_its_notes_only(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid"))
    write_window(piece, Part.PIANO, 3.0, 4.0, tmp_path / "w.mid", program_of={0: 5})
    window = read_midi(tmp_path / "w.mid")
    assert len(window.notes[Part.PIANO]) == 8
    assert window.notes[Part.PIANO][0].start_s == pytest.approx(0.0, abs=0.01)
    assert {n.program for n in window.notes[Part.PIANO]} == {5}
    assert sum(len(notes) for notes in window.notes.values()) == 8


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "is broken"), (b"RIFFnonsense" * 9, "is broken")]
)
def test_broken_midi_gets_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "broken.mid"
    path.write_bytes(content)
    with pytest.raises(PartwiseError, match=rf"broken\.mid {sentence}"):
        read_midi(path)


def test_titles_of_versions_are_one_title():
    names = ["Town Theme.mid", "a/town_theme (2).mid", "Town-Theme v3.MID", "town theme 04.mid"]
    assert {title_of(name) for name in names} == {"towntheme"}
    assert title_of("1999.mid") == "1999"


def test_splits_are_fixed_and_about_80_10_10():
    names = [f"title {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{i}" for i in range(3000)]
    counts = dict.fromkeys(render.SPLITS, 0)
    for name in names:
        counts[render.split_of(name)] += 1
    assert 0.75 < counts["train"] / 3000 < 0.85
    assert 0.07 < counts["test"] / 3000 < 0.13
    # Frozen: a title that changes sides would put trained pieces into the test.
    frozen = {"towntheme": "train", "battle": "train", "intro": "test", "credits": "test"}
    assert {title: render.split_of(title) for title in frozen} == frozen


def test_what_is_not_a_soundfont_gets_a_sentence(tmp_path):
    path = tmp_path / "x.sf2"
    path.write_bytes(b"RIFF0000sfbkLIST")
    with pytest.raises(PartwiseError, match=r"x\.sf2 is not a SoundFont"):
        read_soundfont(path)
    with pytest.raises(PartwiseError, match="does not exist"):
        read_soundfont(tmp_path / "none.sf2")


@needs_fluidsynth
def test_soundfont_presets_are_listed():
    font = read_soundfont(FONT)
    assert font.family == "timgm"
    assert len(font.melodic) == 128
    assert 0 in font.kits
    assert not font.drums_only


@needs_fluidsynth
def test_rendering_is_deterministic_resumable_and_adds_up(tmp_path):
    for number in range(3):
        write_midi(tmp_path / "midi" / f"{number}.mid", transpose=number)
    (tmp_path / "midi" / "broken.mid").write_bytes(b"MThd")
    write_midi(tmp_path / "midi" / "thin.mid", channels=(0, 9))
    first, second = tmp_path / "first", tmp_path / "second"
    midi = tmp_path / "midi"
    assert render.render_folder(midi, first, [FONT], SETTINGS, jobs=2) == (3, 2)
    assert render.render_folder(midi, second, [FONT], SETTINGS, jobs=1, limit=2)[0] == 2
    untouched = next(iter(second.glob("*/mix.flac")))
    made = untouched.stat().st_mtime_ns
    assert render.render_folder(midi, second, [FONT], SETTINGS, jobs=1) == (3, 2)
    assert untouched.stat().st_mtime_ns == made
    pieces = find_pieces(first)
    assert data_digest(pieces) == data_digest(find_pieces(second))
    for piece in pieces:
        stems = [piece.read(part, 22050) for part in piece.stems]
        assert len(stems) == 5
        mix, rate_hz = soundfile.read(first / piece.name / "mix.flac", dtype="float32")
        assert rate_hz == 22050
        assert len(mix) == 4 * 22050
        np.testing.assert_allclose(np.sum(stems, axis=0), mix, atol=2e-4)
        assert np.abs(mix).max() <= 0.91
        metadata = json.loads((first / piece.name / "metadata.json").read_text())
        assert set(metadata["stems"]) == {"drums", "bass", "piano", "guitar", "other"}
    assert "broken.mid is broken" in (first / "skipped.csv").read_text()
    assert "has only 2 parts" in (first / "skipped.csv").read_text()


@needs_fluidsynth
def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid")
    render.render_folder(tmp_path / "midi", tmp_path / "out", [FONT], SETTINGS, jobs=1)
    with pytest.raises(PartwiseError, match=r"seed = 0, not 1"):
        render.render_folder(
            tmp_path / "midi", tmp_path / "out", [FONT], replace(SETTINGS, seed=1), jobs=1
        )


def test_missing_tools_and_folders_get_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(render.shutil, "which", lambda _: None)
    with pytest.raises(PartwiseError, match="FluidSynth is not installed"):
        render.render_folder(tmp_path, tmp_path / "out", [], SETTINGS)
