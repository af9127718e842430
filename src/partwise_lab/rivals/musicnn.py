"""Two rivals on MusiCNN's weights: its own pooled features, and the metric of AudioMuse-AI.

Neither needs TensorFlow. The network is that of Pons and Serra (arXiv 1909.06654), trained on the
Million Song Dataset to give 50 tags; the layers here are written in NumPy after its paper and its
checkpoint. The kernels of the MSD weights in the package `musicnn` are the ones that AudioMuse-AI
runs (Essentia's `msd-musicnn-1`); its metric is written here after its documented settings, none of
its code is used. Importing `musicnn` would import TensorFlow, so its folder is found without that
and its checkpoint is read by `tf_checkpoint`. A patch of 187 mel frames (3 s) goes through:

- a front end of two timbral layers (7 frames x 38 and 67 bands) and three temporal ones (128, 64
  and 32 frames x 1 band), each followed by its maximum over frequency: 561 values a frame;
- a middle of three layers of 64 values a frame, the last two with what went in added;
- all 753 values of a frame pooled over time, and a dense layer of 200. What comes after it gives
  the tags, which nothing here asks for.

Normalisation comes after the rectifier everywhere, and its epsilon is TensorFlow's 1e-3. Patches
are worked on one by one, so that none depends on the others of its batch. The forward pass agrees
with the same layers in PyTorch; it was not compared with TensorFlow here.

The stock package has two traps, which this avoids: its `penultimate` features repeat the first
patch's, and its log-mel in float16 overflows to infinity on loud audio under NumPy 2.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partwise.errors import PartwiseError
from partwise_lab.rivals.common import angular, checked, cosine, need
from partwise_lab.rivals.tf_checkpoint import read_checkpoint

SAMPLE_RATE_HZ = 16000
PATCH_FRAMES = 187
BANDS = 96
FEATURES = 753  # of a frame
EMBEDDING = 200
N_FFT = 512
HOP = 256
_EPSILON = 1e-3
_FRONT = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4")
_PATCH_SPAN = (PATCH_FRAMES - 1) * HOP  # from the first frame of a patch to its last, in samples


@dataclass(frozen=True)
class Pooled:
    """What the network makes of patches.

    mean : [patches, 753], of the features over time; dense : [patches, 200], before its rectifier
    """

    mean: np.ndarray
    dense: np.ndarray


def find_weights() -> Path:
    """The folder of the MSD weights, without importing their package (that needs TensorFlow)."""
    found = importlib.util.find_spec("musicnn")
    if found is None or not found.submodule_search_locations:
        raise PartwiseError(
            "the rivals musicnn and audiomuse need the weights of the package musicnn: "
            "pip install --no-deps musicnn==0.1.0 (without --no-deps it would bring TensorFlow)"
        )
    return Path(found.submodule_search_locations[0]) / "MSD_musicnn"


def log_mel(samples: np.ndarray, *, center: bool) -> np.ndarray:
    """float32 [n] at 16 kHz to the network's input, float32 [frames, 96].

    center : frame k is centred at sample 256 k, as the package musicnn has it; otherwise it begins
    there, as AudioMuse has it. float32 throughout: see the module's text.
    """
    import librosa

    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=SAMPLE_RATE_HZ,
        n_fft=N_FFT,
        hop_length=HOP,
        n_mels=BANDS,
        center=center,
    )
    return np.log10(1.0 + 10000.0 * mel.T, dtype=np.float32)


def patches(frames: np.ndarray) -> np.ndarray:
    """[frames, 96] to its whole patches without overlap, [patches, 187, 96]; a rest goes."""
    whole = len(frames) // PATCH_FRAMES
    return frames[: whole * PATCH_FRAMES].reshape(whole, PATCH_FRAMES, BANDS)


class MusiCNN:
    """The network: `MusiCNN(read_checkpoint(...))(patches [n, 187, 96])`."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self._tensors = tensors
        # The n-th normalisation follows the n-th layer; the one without a number is the input's.
        self._norms = {
            number: self._norm(f"batch_normalization_{number}" if number else "batch_normalization")
            for number in range(10)
        }

    def __call__(self, batch: np.ndarray) -> Pooled:
        """[patches, 187, 96] to what the network makes of each."""
        heard = [self._hear(patch) for patch in batch]
        return Pooled(
            np.stack([mean for mean, _ in heard]), np.stack([dense for _, dense in heard])
        )

    def _hear(self, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One patch [187, 96] to mean [753] and dense [200]."""
        features = self._features(patch)
        mean = features.mean(axis=0)
        # The maximum and the mean of a feature stand side by side.
        pooled = self._normalised(np.stack([features.max(axis=0), mean], axis=1).ravel(), 9)
        return mean, pooled @ self._tensors["dense/kernel"] + self._tensors["dense/bias"]

    def _features(self, patch: np.ndarray) -> np.ndarray:
        """One patch [187, 96] to the features of its frames [187, 753]."""
        normal = self._normalised(patch[..., None], 0)[..., 0]
        front = np.concatenate(
            [
                self._convolved(normal, name, number).max(axis=1)
                for number, name in enumerate(_FRONT, start=1)
            ],
            axis=1,
        )  # [187, 561]
        first = self._convolved(front, "conv2d_5", 6)[:, 0]
        second = self._convolved(first, "conv2d_6", 7)[:, 0] + first
        third = self._convolved(second, "conv2d_7", 8)[:, 0] + second
        return np.concatenate([front, first, second, third], axis=1)

    def _convolved(self, image: np.ndarray, name: str, number: int) -> np.ndarray:
        """[frames, bands] to [frames, places in frequency, channels], rectified and normalised.

        In time it is padded with zeros so that as many frames come out, in frequency it is not.
        """
        kernel = self._tensors[f"{name}/kernel"]  # [frames, bands, 1, channels]
        frames, bands, _, channels = kernel.shape
        before = (frames - 1) // 2
        padded = np.pad(image, ((before, frames - 1 - before), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (frames, bands))
        places = windows.shape[1]
        out = windows.reshape(-1, frames * bands) @ kernel.reshape(-1, channels)
        out += self._tensors[f"{name}/bias"]
        np.maximum(out, 0.0, out=out)
        return self._normalised(out, number).reshape(-1, places, channels)

    def _normalised(self, values: np.ndarray, number: int) -> np.ndarray:
        """values [..., channels] by the n-th normalisation."""
        scale, shift = self._norms[number]
        return values * scale + shift

    def _norm(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        beta, gamma, mean, variance = (
            self._tensors[f"{name}/{part}"]
            for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + np.float32(_EPSILON))
        return scale, beta - mean * scale


def load_musicnn() -> MusiCNN:
    """The network with the weights that are installed."""
    return MusiCNN(read_checkpoint(f"{find_weights()}/"))


class _OnPatches:
    """A value of the network, averaged over patches of 3 s that do not overlap."""

    name: str
    sample_rate_hz = SAMPLE_RATE_HZ
    _center: bool
    _span: int  # samples that a patch takes

    def __init__(self) -> None:
        need(self.name, "librosa")
        self._network = load_musicnn()

    def _pooled(self, samples: np.ndarray) -> list[Pooled]:
        """What the network makes of the patches of each of float32 [segments, samples]."""
        samples = checked(samples, self.name, self._span, self.sample_rate_hz)
        mels = [log_mel(segment, center=self._center) for segment in samples]
        return [self._network(patches(mel)) for mel in mels]


class MusicnnMean(_OnPatches):
    """MusiCNN's 753 features, averaged over time as `mean_pool` does, and over patches of 3 s.

    Frames are centred, as in the package. Silence gives a finite vector.
    """

    name = "musicnn"
    about = "MusiCNN (Million Song Dataset): mean of its 753 features, the package's mel, cosine"
    bytes_per_segment = 4 * FEATURES
    _center, _span = True, _PATCH_SPAN

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], 2.98 s at least, to float32 [segments, 753]."""
        return np.stack([pooled.mean.mean(axis=0) for pooled in self._pooled(samples)])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 753] to float64 [segments, segments]."""
        return cosine(features)


class AudioMuse(_OnPatches):
    """AudioMuse-AI's measure of similar songs: the 200 values of MusiCNN's dense layer.

    They are taken before the rectifier and averaged over patches of 3 s; the first frame begins
    with the first sample. Silence gives a finite vector.
    """

    name = "audiomuse"
    about = "AudioMuse-AI's metric: mean of MusiCNN's 200-d dense layer, its mel, angle"
    bytes_per_segment = 4 * EMBEDDING
    _center, _span = False, _PATCH_SPAN + N_FFT

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], 3.01 s at least, to float32 [segments, 200]."""
        return np.stack([pooled.dense.mean(axis=0) for pooled in self._pooled(samples)])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 200] to float64 [segments, segments]."""
        return angular(features)
