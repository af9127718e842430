"""Two rivals on MusiCNN's weights: its own pooled features, and the metric of AudioMuse-AI.

Neither needs TensorFlow. The kernels of the MSD weights in the package `musicnn` are the ones that
AudioMuse-AI runs (Essentia's `msd-musicnn-1`); its metric is written here after its documented
settings, none of its code is used.

The forward pass agrees with the same layers in PyTorch; it was not compared with TensorFlow here.
"""

from __future__ import annotations

import numpy as np

from partwise_lab.rivals.distance import angular, cosine
from partwise_lab.rivals.musicnn_network import (
    EMBEDDING,
    FEATURES,
    HOP,
    N_FFT,
    PATCH_FRAMES,
    SAMPLE_RATE_HZ,
    load_musicnn,
    log_mel,
    patches,
)
from partwise_lab.rivals.needs import checked, need

_PATCH_SPAN = (PATCH_FRAMES - 1) * HOP  # from the first frame of a patch to its last, in samples


class MusicnnMean:
    """MusiCNN's 753 features, averaged over time as `mean_pool` does, and over patches of 3 s.

    Frames are centred and patches do not overlap, as in the package. Silence gives a finite vector.
    """

    name = "musicnn"
    about = "MusiCNN (Million Song Dataset): mean of its 753 features, the package's mel, cosine"
    sample_rate_hz = SAMPLE_RATE_HZ
    bytes_per_segment = 4 * FEATURES

    def __init__(self) -> None:
        need(self.name, "librosa")
        self._network = load_musicnn()

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], 2.98 s at least, to float32 [segments, 753]."""
        samples = checked(samples, self.name, _PATCH_SPAN, self.sample_rate_hz)
        mels = [log_mel(segment, center=True) for segment in samples]
        return np.stack([self._network(patches(mel)).mean.mean(axis=0) for mel in mels])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 753] to float64 [segments, segments]."""
        return cosine(features)


class AudioMuse:
    """AudioMuse-AI's measure of similar songs: the 200 values of MusiCNN's dense layer.

    They are taken before the rectifier and averaged over patches of 3 s; the first frame begins
    with the first sample and patches do not overlap. Silence gives a finite vector.
    """

    name = "audiomuse"
    about = "AudioMuse-AI's metric: mean of MusiCNN's 200-d dense layer, its mel, angle"
    sample_rate_hz = SAMPLE_RATE_HZ
    bytes_per_segment = 4 * EMBEDDING

    def __init__(self) -> None:
        need(self.name, "librosa")
        self._network = load_musicnn()

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], 3.01 s at least, to float32 [segments, 200]."""
        samples = checked(samples, self.name, _PATCH_SPAN + N_FFT, self.sample_rate_hz)
        mels = [log_mel(segment, center=False) for segment in samples]
        return np.stack([self._network(patches(mel)).dense.mean(axis=0) for mel in mels])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 200] to float64 [segments, segments]."""
        return angular(features)
