"""bliss's adapter around a stand-in package; test_frozen.py runs the real one where it can."""

import subprocess
import sys

import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.rivals.frozen import rival

# Its analysis tells what was in the file: rate, channels, samples, peak, and an undefined value.
STAND_IN = """
import wave, array
class Song:
    def __init__(self, path):
        with wave.open(path) as file:
            peak = max(map(abs, array.array("h", file.readframes(file.getnframes()))))
            said = [file.getframerate(), file.getnchannels(), file.getnframes(), peak]
        self.analysis = said + [float("nan")] + [0.5] * 18
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Call with its text to make it the installed bliss_audio, here and for child processes."""

    def install(text):
        (tmp_path / "bliss_audio.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.delitem(sys.modules, "bliss_audio", raising=False)

    yield install
    sys.modules.pop("bliss_audio", None)


def test_segments_reach_it_as_mono_wav_files(package):
    package(STAND_IN)
    found = rival("bliss").embed(
        np.stack([np.full(10000, 0.5), np.full(10000, -3.0)]).astype(np.float32)
    )
    assert found.dtype == np.float32
    assert found.shape == (2, 23)
    np.testing.assert_array_equal(found[:, :3], [[22050, 1, 10000]] * 2)
    np.testing.assert_array_equal(found[:, 3], [16384, 32768])  # clipped
    np.testing.assert_array_equal(found[:, 4], 0.0)  # undefined
    np.testing.assert_array_equal(found[:, 5:], 0.5)


def test_a_processor_that_it_cannot_run_on_gives_a_sentence(package):
    package("import os, signal\nclass Song:\n def __init__(self, path): os.kill(os.getpid(), 4)")
    with pytest.raises(PartwiseError, match=r"bliss cannot run here.*AVX-512.*lacks"):
        rival("bliss")


def test_a_package_that_fails_on_sound_gives_a_sentence(package):
    package("class Song:\n def __init__(self, path): raise ValueError('no decoder')")
    with pytest.raises(PartwiseError, match=r"ended with 1 .*ValueError: no decoder"):
        rival("bliss")


def test_the_real_package_runs_or_is_refused():
    pytest.importorskip("bliss_audio", reason="bliss_audio is not installed")
    code = "from partwise_lab.rivals.frozen import rival; rival('bliss')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0 or "PartwiseError: the rival bliss cannot run" in ended.stderr
