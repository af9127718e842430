from dataclasses import replace

import numpy as np
import pytest

from partwise.embedding.logmel import MelSettings, mel_filterbank

librosa = pytest.importorskip("librosa")


def test_the_scale_is_the_usual_one_with_another_break():
    """With a break at 700 Hz and bins fine enough for triangles it is librosa's HTK scale."""
    settings = MelSettings(n_fft=32768, bands=60, break_hz=700.0)
    expected = librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        n_mels=settings.bands,
        fmin=settings.f_min_hz,
        fmax=settings.f_max_hz,
        htk=True,
        norm=None,
    )
    ours = mel_filterbank(settings)
    ours = ours / ours.sum(axis=1, keepdims=True)
    expected = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, atol=5e-3 * expected.max())


@pytest.mark.parametrize("bands", [96, 192, 256])
def test_every_band_is_a_mean_and_none_is_empty(bands):
    settings = replace(MelSettings(), bands=bands)
    filters = mel_filterbank(settings)
    assert filters.shape == (bands, 2049)
    gain = 1000.0 / 2048.0**2
    np.testing.assert_allclose(filters.sum(axis=1), gain, rtol=1e-5)


def test_strings_of_a_bass_a_fourth_apart_share_no_band():
    filters = mel_filterbank(MelSettings())
    bins = [round(hz * 4096 / 22050) for hz in (41.2, 55.0, 73.4, 98.0)]
    heard = [int(np.argmax(filters[:, number])) for number in bins]
    assert np.diff(heard).min() >= 1
