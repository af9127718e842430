"""What every rival promises, on synthetic sounds; a rival that cannot run here is skipped aloud."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.rivals.frozen import RIVALS, rival

PACKAGES = {
    "mfcc": ["librosa"],
    "musicnn": ["librosa", "musicnn"],
    "audiomuse": ["librosa", "musicnn"],
    "musly": ["pymusly"],
    "bliss": ["bliss_audio"],
}
WIDTHS = {"mfcc": 40, "musicnn": 753, "audiomuse": 200, "musly": 1404, "bliss": 23}
SECONDS = 4


def ready(name):
    """The rival, or a skip that says what is missing."""
    missing = [package for package in PACKAGES[name] if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    if name == "bliss":
        flags = Path("/proc/cpuinfo")
        if flags.exists() and "avx512f" not in flags.read_text():
            pytest.skip("the wheel of bliss_audio needs AVX-512, which this processor lacks")
    return rival(name)


@pytest.fixture(params=PACKAGES, scope="module")
def embedder(request):
    return ready(request.param)


def organ(rate_hz, hz, seed):
    """A steady sound of eight harmonics with a slow swell, float32 [n]."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(SECONDS * rate_hz) / rate_hz
    phases = rng.uniform(0, 2 * np.pi, 8)
    tones = [np.sin(2 * np.pi * hz * k * time_s + phases[k - 1]) / k for k in range(1, 9)]
    hiss = 0.002 * rng.standard_normal(len(time_s))
    return (0.1 * sum(tones) * (1 + 0.3 * np.sin(6 * time_s)) + hiss).astype(np.float32)


def shaker(rate_hz, beats_per_s, seed):
    """Bursts of noise, float32 [n]."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(SECONDS * rate_hz) / rate_hz
    envelope = np.exp(-12.0 * (time_s * beats_per_s % 1.0))
    return (0.1 * envelope * rng.standard_normal(len(time_s))).astype(np.float32)


def sounds(rate_hz):
    """Three organs and three shakers [6, samples]; no two have their pitch or tempo in common."""
    organs = [organ(rate_hz, hz, seed) for seed, hz in enumerate((180.0, 220.0, 260.0))]
    shakers = [shaker(rate_hz, beats, seed) for seed, beats in enumerate((2.0, 2.5, 3.0))]
    return np.stack(organs + shakers)


def test_features_have_the_shape_and_the_bytes_that_are_promised(embedder):
    found = embedder.embed(sounds(embedder.sample_rate_hz)[:2])
    assert found.shape == (2, WIDTHS[embedder.name])
    assert found.dtype == (np.uint8 if embedder.name == "musly" else np.float32)
    assert embedder.bytes_per_segment == found[0].nbytes
    assert embedder.about == RIVALS[embedder.name]


def test_features_do_not_depend_on_the_other_segments(embedder):
    heard = sounds(embedder.sample_rate_hz)[[0, 3]] * np.array([[1.0], [1e-3]], np.float32)
    together = embedder.embed(heard)
    np.testing.assert_array_equal(embedder.embed(heard[1:])[0], together[1])


def test_distances_are_symmetric_and_the_same_timbre_is_nearest(embedder):
    distance = embedder.distances(embedder.embed(sounds(embedder.sample_rate_hz)))
    assert distance.shape == (6, 6)
    np.testing.assert_array_equal(distance, distance.T)
    np.testing.assert_array_equal(np.diag(distance), 0.0)
    others = distance + np.diag(np.full(6, np.inf))
    assert others.min() > 0.0
    np.testing.assert_array_equal(others.argmin(axis=1) // 3, [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("gain", [1e-5, 30.0])
def test_any_level_gives_finite_distances(embedder, gain):
    heard = sounds(embedder.sample_rate_hz)[[0, 1, 3]]
    heard[0] *= np.float32(gain)
    assert np.isfinite(embedder.distances(embedder.embed(heard))).all()


def test_silence_gives_features_and_finite_distances(embedder):
    heard = sounds(embedder.sample_rate_hz)[[0, 1, 3]]
    heard[0] = 0.0
    found = embedder.embed(heard)
    if embedder.name != "musly":  # musly's serialised models are bytes
        assert np.isfinite(found).all()
    distance = embedder.distances(found)
    assert np.isfinite(distance).all()
    assert distance[0, 1:].min() > 0.0


def test_one_segment_and_the_same_segment_twice(embedder):
    one = sounds(embedder.sample_rate_hz)[:1]
    np.testing.assert_array_equal(embedder.distances(embedder.embed(one)), [[0.0]])
    twice = embedder.distances(embedder.embed(np.concatenate([one, one])))
    np.testing.assert_allclose(twice, 0.0, atol=1e-3)


def test_a_segment_too_short_gives_a_sentence(embedder):
    with pytest.raises(
        PartwiseError, match=rf"{embedder.name} needs segments of at least .* 0\.05"
    ):
        embedder.embed(np.zeros((2, embedder.sample_rate_hz // 20), np.float32))


def test_samples_without_a_segment_axis_give_a_sentence(embedder):
    with pytest.raises(PartwiseError, match=r"takes segments \[segments, samples\], not \[100\]"):
        embedder.embed(np.zeros(100, np.float32))


def test_an_unknown_name_lists_all_rivals():
    with pytest.raises(PartwiseError, match="no rival is called 'muzak'") as refused:
        rival("muzak")
    for name in RIVALS:
        assert name in str(refused.value)


def test_weights_for_a_rival_that_takes_none_are_refused(tmp_path):
    with pytest.raises(PartwiseError, match=r"mfcc takes no weights .*mert, muq, clap"):
        rival("mfcc", weights=tmp_path)


@pytest.mark.parametrize(
    ("name", "package", "remedy"),
    [
        ("mfcc", "librosa", r"pip install 'partwise-lab\[bench\]' -c constraints.txt"),
        ("musicnn", "musicnn", r"pip install --no-deps musicnn==0\.1\.0"),
        ("musicnn", "librosa", r"pip install 'partwise-lab\[bench\]' -c constraints.txt"),
        ("audiomuse", "musicnn", r"pip install --no-deps musicnn==0\.1\.0"),
        ("musly", "pymusly", r"pip install 'partwise-lab\[bench\]' -c constraints.txt"),
        ("bliss", "bliss_audio", r"pip install 'partwise-lab\[bench\]' -c constraints.txt"),
        ("mert", "transformers", "pip install transformers"),
        ("muq", "muq", "pip install muq"),
        ("clap", "transformers", "pip install transformers"),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(monkeypatch, tmp_path, name, package, remedy):
    found = importlib.util.find_spec("json")
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda asked: None if asked == package else found
    )
    weights = {"weights": tmp_path} if name in ("mert", "muq", "clap") else {}
    with pytest.raises(PartwiseError, match=rf"{name}.*package {package}.*{remedy}"):
        rival(name, **weights)


def test_the_list_of_rivals_imports_none_of_their_packages():
    code = (
        "import sys, partwise_lab.rivals.frozen\n"
        "heavy = ['torch', 'librosa', 'pymusly', 'bliss_audio', 'musicnn', 'tensorflow']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
