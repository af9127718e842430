"""Made-up SoundFonts of a few sines, and one real one where it is installed."""

import shutil
import struct
import subprocess
from pathlib import Path

import mido
import numpy as np
import pytest

from accelerator import small_font
from accelerator.small_font import Font, parse, resample, restore, serialise, shrink
from partwise import LogMel, PartwiseError
from partwise_lab.synthesis.soundfont import read_soundfont

REAL = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
RATE_HZ, LOOP, FRAMES = 44100, 441, 8820


def sine(period, frames=FRAMES):
    return (8000 * np.sin(2 * np.pi * np.arange(frames) / period)).astype("<i2")


def record(name, start, frames, loop, rate_hz=RATE_HZ, kind=1, link=0):
    loop_start = start + 1000
    numbers = (start, start + frames, loop_start, loop_start + loop, rate_hz, 60, 0, link, kind)
    return struct.pack("<20s5IBbHH", name, *numbers)


def tiny_font(offset=0):
    """A looped sine, a short loop, a stereo pair, a sample of a low rate; `offset` of a loop."""
    sounds = [sine(LOOP / 4), sine(20), sine(100), sine(63), sine(50)]
    rows, position = [], 0
    loops = [LOOP, 20, 1000, 1000, 50]
    kinds = [1, 1, 4, 2, 1]
    rates = [RATE_HZ] * 4 + [16000]
    for index, sound in enumerate(sounds):
        name = b"sample %d" % index
        rows.append(record(name, position, len(sound), loops[index], rates[index], kinds[index]))
        position += len(sound) + 46
    gap = np.zeros(46, "<i2")
    samples = np.concatenate([part for sound in sounds for part in (sound, gap)])
    generators = [(2, offset), (53, 0), (53, 1), (53, 2), (53, 3), (53, 4)]
    tables = {
        b"phdr": struct.pack("<20sHHHIII", b"piano", 0, 0, 0, 0, 0, 0)
        + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0),
        b"pbag": struct.pack("<4H", 0, 0, 1, 0),
        b"pmod": bytes(10),
        b"pgen": struct.pack("<4H", 41, 0, 0, 0),
        b"inst": struct.pack("<20sH", b"piano", 0)
        + struct.pack("<20sH", b"strings", 1)
        + struct.pack("<20sH", b"EOI", 5),
        # The first instrument plays sample 0 with the offset, the second the others.
        b"ibag": b"".join(struct.pack("<HH", g, 0) for g in (0, 2, 3, 4, 5, 6)),
        b"imod": bytes(10),
        b"igen": b"".join(struct.pack("<Hh", *g) for g in [*generators, (0, 0)]),
        b"shdr": b"".join([*rows, record(b"EOS", 0, 0, 0, 0, 0)]),
    }
    return Font(b"ifil" + struct.pack("<IHH", 4, 2, 1), samples, tables)


def records_of(font):
    return np.frombuffer(font.tables[b"shdr"], small_font._SAMPLE)


def test_a_font_survives_being_parsed_and_written():
    data = serialise(tiny_font())
    again = parse(data, Path("tiny.sf2"))
    assert serialise(again) == data
    np.testing.assert_array_equal(again.samples, tiny_font().samples)


def test_loops_stay_whole_and_the_pitch_stays():
    font = tiny_font()
    before = records_of(font).copy()
    resample(font, 22050)
    after = records_of(font)
    for index in (0, 1, 2, 4):
        old_loop = int(before["loop_end"][index]) - int(before["loop_start"][index])
        new_loop = int(after["loop_end"][index]) - int(after["loop_start"][index])
        pitch = before["rate_hz"][index] / old_loop, after["rate_hz"][index] / new_loop
        assert 1200 * abs(np.log2(pitch[1] / pitch[0])) < 0.1  # cents
    assert after["rate_hz"][0] == pytest.approx(22050, rel=0.01)
    assert after["rate_hz"][1] == 44100  # a loop of 20 frames is not cut further
    assert after["rate_hz"][4] == 16000
    start, loop_start = int(after["start"][0]), int(after["loop_start"][0])
    loop = font.samples[loop_start : loop_start + 220]
    expected = 8000 * np.sin(8 * np.pi * (np.arange(220) + loop_start - start) / 220)
    # The rounded ratio 220/441 stretches the sine so that four periods are 220 frames again.
    assert np.corrcoef(loop, expected)[0, 1] > 0.999


def test_both_sides_of_a_stereo_pair_get_the_left_one():
    font = tiny_font()
    frames = len(font.samples)
    resample(font, 22050)
    after = records_of(font)
    assert after["start"][3] == after["start"][2]
    assert after["end"][3] == after["end"][2]
    # Two are halved, two stay (a short loop, a low rate), the right side goes.
    assert len(font.samples) == pytest.approx(0.6 * frames, rel=0.01)


@pytest.mark.parametrize(("offset", "kept"), [(1, True), (-8, True), (0, False)])
def test_samples_that_zones_point_into_keep_their_frames(offset, kept):
    font = tiny_font(offset)
    resample(font, 22050)
    after = records_of(font)
    assert (after["rate_hz"][0] == RATE_HZ) == kept
    assert after["rate_hz"][2] == 22050  # of another instrument


def test_shrunk_and_restored_it_is_a_font_of_the_same_sound(tmp_path):
    path = tmp_path / "tiny.sf2"
    path.write_bytes(serialise(tiny_font()))
    shrink(path, tmp_path / "t.xz", tmp_path / "t.ogg", quality=0.6)
    (tmp_path / "out").mkdir()
    restore(tmp_path / "t.xz", tmp_path / "t.ogg", tmp_path / "out" / "tiny.sf2")
    assert read_soundfont(tmp_path / "out" / "tiny.sf2").melodic == (0,)
    wanted = tiny_font()
    resample(wanted, 22050)
    font = parse((tmp_path / "out" / "tiny.sf2").read_bytes(), path)
    assert font.tables == wanted.tables
    assert len(font.samples) == len(wanted.samples)
    assert np.corrcoef(font.samples, wanted.samples)[0, 1] > 0.98


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\x04\0\0\0sfbk", b"not a font at all"])
def test_what_is_no_font_gets_a_sentence(data):
    with pytest.raises(PartwiseError, match=r"bad\.sf2 is not a SoundFont 2 file"):
        parse(data, Path("bad.sf2"))


@pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not REAL.exists(),
    reason="FluidSynth and the SoundFont TimGM6mb are needed",
)
def test_a_real_font_sounds_nearly_as_before(tmp_path):
    shrink(REAL, tmp_path / "t.xz", tmp_path / "t.ogg")
    assert (tmp_path / "t.ogg").stat().st_size < REAL.stat().st_size / 5
    restore(tmp_path / "t.xz", tmp_path / "t.ogg", tmp_path / "small.sf2")
    for program in (0, 33):
        file = mido.MidiFile(ticks_per_beat=500)
        track = mido.MidiTrack([mido.Message("program_change", program=program)])
        for note in (36, 43, 48, 52, 60):
            track.append(mido.Message("note_on", note=note, velocity=90))
            track.append(mido.Message("note_off", note=note, time=400))
        file.tracks.append(track)
        file.save(tmp_path / "a.mid")
        before, after = (heard(font, tmp_path) for font in (REAL, tmp_path / "small.sf2"))
        sounding = (before > before.max() - 60) | (after > before.max() - 60)
        floor = before.max() - 60
        difference = np.abs(np.maximum(before, floor) - np.maximum(after, floor))[sounding]
        assert difference.mean() < 3.0  # dB; another font differs by 7 and more


def heard(font, folder):
    """Log-mel [frames, bands] of a.mid, played with a font."""
    command = ["fluidsynth", "-n", "-i", "-q", "-r", "22050", "-o", "synth.reverb.active=0"]
    command += ["-o", "synth.chorus.active=0", "-T", "raw", "-O", "float", "-F", folder / "a.raw"]
    subprocess.run([*command, font, folder / "a.mid"], check=True, capture_output=True)
    samples = np.fromfile(folder / "a.raw", "<f4").reshape(-1, 2).mean(axis=1)
    return LogMel()(samples[: 22050 * 2])
