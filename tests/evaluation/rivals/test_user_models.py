"""The slots around stand-ins of `transformers` and `muq` with the calls that these document."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.rivals.frozen import rival

torch = pytest.importorskip("torch")


class Loaded:
    """What from_pretrained gives: it remembers how it was loaded."""

    def __init__(self, folder, **options):
        if not (folder_path := sys.modules["transformers"].expected).samefile(folder):
            raise OSError(f"{folder} is not {folder_path}")
        self.options = options
        assert options["local_files_only"] is True

    @classmethod
    def from_pretrained(cls, folder, **options):
        return cls(folder, **options)

    def eval(self):
        self.evaluated = True
        return self


class AutoModel(Loaded):
    """MERT: three layers of ten frames a second, which hold the level of the samples."""

    def __call__(self, input_values, output_hidden_states):
        assert self.options["trust_remote_code"] and self.evaluated and output_hidden_states
        frames = input_values[0].reshape(-1, 2400)[None]  # [1, frames, 2400]
        return SimpleNamespace(hidden_states=tuple(k * frames[..., :8] for k in (1, 2, 3)))


class Wav2Vec2FeatureExtractor(Loaded):
    def __call__(self, raw_speech, sampling_rate, return_tensors):
        assert (
            sampling_rate == 24000 and return_tensors == "pt" and self.options["trust_remote_code"]
        )
        return {"input_values": torch.from_numpy(raw_speech)[None]}


class ClapFeatureExtractor(Loaded):
    def __call__(self, raw_speech, sampling_rate, return_tensors):
        assert sampling_rate == 48000 and return_tensors == "pt"
        assert all(len(window) <= 480000 for window in raw_speech)
        means = [[float(window.mean()), float(len(window))] for window in raw_speech]
        return {"input_features": torch.tensor(means), "is_longer": torch.zeros(len(raw_speech), 1)}


class ClapModel(Loaded):
    version = 4

    def get_audio_features(self, input_features, is_longer):
        assert len(is_longer) == len(input_features) and self.evaluated
        pooled = input_features.repeat(1, 256)
        return pooled if self.version == 4 else SimpleNamespace(pooler_output=pooled)


class MuQ(Loaded):
    def __call__(self, wavs):
        assert wavs.dtype == torch.float32 and self.evaluated
        return SimpleNamespace(last_hidden_state=wavs[0].reshape(-1, 960)[None])


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder, and stand-ins that load nothing else."""
    classes = {
        "transformers": [AutoModel, Wav2Vec2FeatureExtractor, ClapModel, ClapFeatureExtractor],
        "muq": [MuQ],
    }
    for name, kinds in classes.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, loader=None)
        module.__dict__.update({kind.__name__: kind for kind in kinds})
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["transformers"].__dict__["expected"] = tmp_path
    return tmp_path


def levels(rate_hz, seconds=2):
    """Two segments that are constant, at 0.25 and -0.5."""
    return np.repeat(np.array([[0.25], [-0.5]], np.float32), seconds * rate_hz, axis=1)


def test_mert_is_the_mean_over_layers_and_time(weights):
    mert = rival("mert", weights=weights)
    found = mert.embed(levels(mert.sample_rate_hz))
    assert found.shape == (2, 8) and found.dtype == np.float32
    assert mert.bytes_per_segment == 32
    np.testing.assert_allclose(found, [[0.5] * 8, [-1.0] * 8])
    np.testing.assert_allclose(mert.distances(found), [[0.0, 2.0], [2.0, 0.0]], atol=1e-6)


def test_muq_is_the_mean_of_its_last_layer(weights):
    muq = rival("muq", weights=weights)
    found = muq.embed(levels(muq.sample_rate_hz))
    assert found.shape == (2, 960) and found.dtype == np.float32
    assert muq.bytes_per_segment == 4 * 960
    np.testing.assert_allclose(found[:, 0], [0.25, -0.5])


@pytest.mark.parametrize("version", [4, 5])
def test_clap_of_either_transformers(weights, monkeypatch, version):
    monkeypatch.setattr(ClapModel, "version", version)
    clap = rival("clap", weights=weights)
    found = clap.embed(levels(clap.sample_rate_hz))
    assert found.shape == (2, 512) and found.dtype == np.float32
    assert clap.bytes_per_segment == 2048
    np.testing.assert_allclose(found[:, 0], [0.25, -0.5])


def test_clap_hears_a_long_segment_in_windows(weights):
    clap = rival("clap", weights=weights)
    samples = levels(clap.sample_rate_hz, seconds=25)
    samples[:, 480000:] = 1.0
    found = clap.embed(samples)
    np.testing.assert_allclose(found[:, 0], [0.625, 0.25])  # two windows of 10 s; 5 s go
    np.testing.assert_allclose(found[:, 1], 480000)


@pytest.mark.parametrize("name", ["mert", "muq", "clap"])
def test_a_slot_without_weights_says_which_it_wants(weights, name):
    with pytest.raises(PartwiseError, match=rf"{name} needs a local folder of its weights.*/"):
        rival(name)


@pytest.mark.parametrize("name", ["mert", "muq", "clap"])
def test_a_folder_that_is_not_there_is_named(weights, name):
    with pytest.raises(PartwiseError, match=rf"nowhere: is no folder; the rival {name}"):
        rival(name, weights=weights / "nowhere")


@pytest.mark.parametrize("name", ["mert", "muq", "clap"])
def test_a_folder_that_does_not_fit_is_named_with_the_cause(weights, name):
    (weights / "other").mkdir()
    with pytest.raises(PartwiseError, match=rf"other: cannot be used.*{name} \(OSError: "):
        rival(name, weights=weights / "other")
