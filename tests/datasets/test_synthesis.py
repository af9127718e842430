import shutil
from pathlib import Path

import numpy as np
import pytest

from partwise import PartwiseError
from partwise.parts import Part
from partwise_lab.synthesis import synthesis
from partwise_lab.synthesis.effects import Effect
from partwise_lab.synthesis.midi import MidiPiece, Note
from partwise_lab.synthesis.soundfont import SoundFont, read_soundfont
from partwise_lab.synthesis.synthesis import check_font, play_part
from partwise_lab.synthesis.voices import Touch, Voice

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not FONT.exists(),
    reason="FluidSynth and the SoundFont TimGM6mb are needed: apt-get install fluidsynth "
    "timgm6mb-soundfont",
)
RATE_HZ = 22050


@pytest.fixture
def piece():
    """One long note at 220 Hz on a bass, and a snare."""
    piece = MidiPiece(Path("a.mid"))
    piece.notes[Part.BASS].append(Note(2.0, 4.9, 0, 33, 57, 60))
    piece.notes[Part.DRUMS].append(Note(2.5, 2.6, 9, 0, 38, 100))
    return piece


def play(piece, work, part=Part.BASS, **changed):
    voice = Voice(read_soundfont(FONT), {33: 33, 0: 0}, False, 0.0, 0.0, False, **changed)
    return play_part(piece, part, 2.0, 3.0, voice, RATE_HZ, work)


def pitch_hz(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 20))
    frequency_hz = np.fft.rfftfreq(1 << 20, 1 / RATE_HZ)
    near = (frequency_hz > 200) & (frequency_hz < 240)
    return frequency_hz[near][spectrum[near].argmax()]


@needs_fluidsynth
def test_a_voice_has_tuning_touch_and_effects(piece, tmp_path):
    plain = play(piece, tmp_path)
    assert plain.dtype == np.float32
    assert len(plain) == 3 * RATE_HZ
    tuned = play(piece, tmp_path, tuning_cents=-30.0)
    assert 1200 * np.log2(pitch_hz(tuned) / pitch_hz(plain)) == pytest.approx(-30, abs=1)
    louder = play(piece, tmp_path, touch=Touch(softest=100.0))
    assert np.abs(louder).max() > 1.5 * np.abs(plain).max()
    wavering = play(piece, tmp_path, effects=(Effect("tremolo", {"speed_hz": 5.0, "depth": 0.8}),))
    assert np.std(np.abs(wavering[RATE_HZ:])) > np.std(np.abs(plain[RATE_HZ:]))


@needs_fluidsynth
def test_drums_of_a_soundfont_are_tuned_too(piece, tmp_path):
    plain = play(piece, tmp_path, Part.DRUMS)
    tuned = play(piece, tmp_path, Part.DRUMS, tuning_cents=80.0)
    assert plain.any()
    assert not np.allclose(plain, tuned)


@needs_fluidsynth
def test_a_font_that_cannot_be_played_gets_a_sentence(tmp_path):
    check_font(read_soundfont(FONT))
    # The preset list survives, the samples do not.
    content = FONT.read_bytes()
    cut = tmp_path / "cut.sf2"
    at = content.index(b"sdta")
    cut.write_bytes(content[:at] + b"nope" + content[at + 4 :])
    with pytest.raises(PartwiseError, match=r"cut\.sf2"):
        check_font(read_soundfont(cut))


def test_a_font_of_nothing_general_gets_a_sentence():
    with pytest.raises(PartwiseError, match=r"x\.sf2 has no General MIDI program and no drum kit"):
        check_font(SoundFont(Path("x.sf2"), "x", (), (), drums_only=False))


def test_a_synthesiser_that_fails_gets_a_sentence(piece, tmp_path, monkeypatch):
    program = tmp_path / "fluidsynth"
    program.write_text("#!/bin/sh\necho 'fluidsynth: error: no such sample' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    font = SoundFont(Path("x.sf2"), "x", (0,), (0,), drums_only=False)
    voice = Voice(font, {}, False, 0.0, 0.0, False)
    with pytest.raises(PartwiseError, match=r"a\.mid: bass: FluidSynth failed: .*no such sample"):
        play_part(piece, Part.BASS, 2.0, 3.0, voice, RATE_HZ, tmp_path)
    program.write_text("#!/bin/sh\nexec sleep 10\n")
    monkeypatch.setattr(synthesis, "_LONGEST_S", 0.2)
    with pytest.raises(PartwiseError, match="did not finish"):
        play_part(piece, Part.BASS, 2.0, 3.0, voice, RATE_HZ, tmp_path)
