from itertools import pairwise

import numpy as np
import pytest

from partwise_lab.synthesis.singing import SAMPLE_RATE_HZ, Singer, Syllable, draw_melody, sing

PLAIN = Singer(formants=1.0, vibrato_hz=5.0, vibrato_cents=0.0, glide_s=0.01, breath=0.03)


def word(_):
    """A spoken vowel: 110 Hz with a formant at 700 Hz."""
    time_s = np.arange(8000) / SAMPLE_RATE_HZ
    hz = 110 * np.arange(1, 40)
    strength = np.exp(-(((hz - 700) / 300.0) ** 2)) + 0.02
    return (strength @ np.sin(2 * np.pi * hz[:, None] * time_s) * 0.1).astype("f4")


def lowest_hz(x):
    """Fundamental by autocorrelation."""
    x = x - x.mean()
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 17)) ** 2
    lags = np.fft.irfft(power)[: SAMPLE_RATE_HZ // 60]
    low = SAMPLE_RATE_HZ // 900
    return SAMPLE_RATE_HZ / (low + int(np.argmax(lags[low:])))


@pytest.mark.parametrize("pitch", [45.0, 57.0, 69.0])
def test_a_note_has_its_pitch_and_its_length(pitch):
    sung = sing([Syllable(0.2, 1.0, pitch, 0)], word, PLAIN, 2.0, np.random.default_rng(0))
    assert sung.dtype == np.float32 and len(sung) == 2 * SAMPLE_RATE_HZ
    assert np.isfinite(sung).all() and np.abs(sung).max() == pytest.approx(0.5, abs=1e-3)
    middle = sung[int(0.6 * SAMPLE_RATE_HZ) : int(1.0 * SAMPLE_RATE_HZ)]
    assert lowest_hz(middle) == pytest.approx(440 * 2 ** ((pitch - 69) / 12), rel=0.02)
    assert np.abs(sung[int(1.4 * SAMPLE_RATE_HZ) :]).max() < 0.01


def test_the_vowel_stays_when_the_pitch_changes():
    rng = np.random.default_rng(0)
    for pitch in (45.0, 57.0):
        sung = sing([Syllable(0.0, 1.5, pitch, 0)], word, PLAIN, 1.5, rng)
        power = np.abs(np.fft.rfft(sung * np.hanning(len(sung)))) ** 2
        hz = np.fft.rfftfreq(len(sung), 1 / SAMPLE_RATE_HZ)
        assert float((power * hz).sum() / power.sum()) == pytest.approx(700, abs=130)


def test_a_melody_stays_in_its_range_and_leaves_room_to_breathe():
    rng = np.random.default_rng(0)
    for _ in range(20):
        notes = draw_melody(rng, 15.0, 8, 55.0)
        assert len(notes) >= 6
        assert all(55 <= n.pitch <= 69 and 0 <= n.word < 8 for n in notes)
        assert all(a.start_s + a.length_s <= b.start_s + 1e-9 for a, b in pairwise(notes))
        assert notes[-1].start_s + notes[-1].length_s <= 15.0 + 1e-9
        assert sum(n.length_s for n in notes) < 14.6
