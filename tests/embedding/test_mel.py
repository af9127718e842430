import numpy as np
import pytest

from partwise.embedding.logmel import MelSettings, mel_filterbank

librosa = pytest.importorskip("librosa")


@pytest.mark.parametrize(
    "settings",
    [MelSettings(), MelSettings(sample_rate_hz=16000, n_fft=1024, bands=40, f_max_hz=8000.0)],
    ids=["default", "16 kHz"],
)
def test_filterbank_is_librosas(settings):
    expected = librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        n_mels=settings.bands,
        fmin=settings.f_min_hz,
        fmax=settings.f_max_hz,
    )
    np.testing.assert_allclose(mel_filterbank(settings), expected, atol=1e-7)
