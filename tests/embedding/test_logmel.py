"""The NumPy log-mel against librosa."""

from __future__ import annotations

import numpy as np
import pytest

from partwise.audio.decode import Audio
from partwise.embedding.logmel import LogMel, MelSettings, mel_filterbank
from partwise.errors import PartwiseError
from sounds import tone

librosa = pytest.importorskip("librosa", reason="librosa is only installed for development")


def librosas(samples: np.ndarray, settings: MelSettings) -> np.ndarray:
    """The definition, its spectrogram made by librosa in float64."""
    spectrum = librosa.stft(
        samples.astype(np.float64),
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        center=True,
        pad_mode="reflect" if len(samples) > settings.n_fft // 2 else "constant",
    )
    power = mel_filterbank(settings).astype(np.float64) @ np.abs(spectrum) ** 2
    return 10.0 * np.log10(np.maximum(power, settings.floor)).T  # [frames, bands]


def music(seconds: float) -> np.ndarray:
    """Decaying chords over noise 60 dB below, with a second of digital silence."""
    rng = np.random.default_rng(0)
    hz = [110.0, 164.8, 220.0, 277.2, 1760.0, 5000.0]
    samples = np.asarray(sum(tone(seconds, each, amplitude=0.1) for each in hz))
    samples *= np.exp(-3.0 * (np.arange(len(samples)) % 11025) / 22050).astype(np.float32)
    samples += rng.normal(0, 1e-3, len(samples)).astype(np.float32)
    samples[22050:44100] = 0.0
    return samples


@pytest.mark.filterwarnings("ignore:n_fft=4096 is too large")
@pytest.mark.parametrize("seconds", [0.01, 0.09, 0.095, 0.5, 1.0, 10.0])
def test_agrees_with_librosa(seconds: float):
    settings = MelSettings()
    samples = music(seconds)
    ours = LogMel(settings)(samples)
    assert ours.dtype == np.float32
    assert ours.shape == (1 + len(samples) // settings.hop_length, settings.bands)
    np.testing.assert_allclose(ours, librosas(samples, settings), atol=1e-3, rtol=0)


def test_agrees_with_librosa_on_other_settings():
    settings = MelSettings(16000, 1024, 160, 64, 50.0, 8000.0, 700.0, 1e-8)
    samples = music(3.0)
    np.testing.assert_allclose(
        LogMel(settings)(samples), librosas(samples, settings), atol=1e-3, rtol=0
    )


def test_silence_is_the_floor():
    np.testing.assert_allclose(LogMel()(np.zeros(22050, np.float32)), -100.0, rtol=1e-6)
    assert LogMel()(np.zeros(0, np.float32)).shape == (1, 192)


def test_counts_frames_beforehand():
    logmel = LogMel()
    for samples in (0, 1, 511, 512, 513, 220500):
        assert logmel.frames(samples) == len(logmel(np.zeros(samples, np.float32)))


def test_audio_must_have_the_right_rate():
    samples = tone(1.0)
    np.testing.assert_array_equal(LogMel()(Audio(samples, 22050)), LogMel()(samples))
    with pytest.raises(PartwiseError, match=r"44100 Hz where the log-mel needs 22050 Hz"):
        LogMel()(Audio(samples, 44100))
    with pytest.raises(PartwiseError, match=r"mono samples \[n\], not \[22050, 2\]"):
        LogMel()(np.zeros((22050, 2), np.float32))
