import base64
import io

import numpy as np
import pytest
import soundfile

from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.html.context import can_make_clips, clip_address
from stem_trees import write_tone

pytestmark = pytest.mark.skipif(not can_make_clips(), reason="libsndfile here writes no MP3")


@pytest.fixture
def reader(tmp_path):
    write_tone(tmp_path / "s0" / "bass.wav", 100.0, 16.0)
    write_tone(tmp_path / "s0" / "drums.wav", 3000.0, 16.0)
    write_tone(tmp_path / "s1" / "bass.wav", 500.0, 16.0)
    return StemReader(find_pieces(tmp_path), 22050)


def loudest_hz(address: str, below_hz: float = 11025.0) -> tuple[float, float]:
    """The strongest frequency of a clip, and its length in seconds."""
    kind, _, encoded = address.partition(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    assert samples.ndim == 1
    assert np.abs(samples).max() <= 1.0
    power = np.abs(np.fft.rfft(samples))
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    return float(hz[np.where(hz < below_hz, power, 0.0).argmax()]), len(samples) / rate_hz


def test_a_clip_is_the_mix_that_was_heard(reader):
    address = clip_address(reader, {"drums": "s0", "bass": "s1"}, 2.0, 5.0)
    hz, seconds = loudest_hz(address, below_hz=2000.0)
    assert hz == pytest.approx(500.0, abs=2.0)
    assert seconds == pytest.approx(5.0, abs=0.2)


def test_a_whole_piece_and_at_most_ten_seconds_in_a_small_file(reader):
    address = clip_address(reader, {"bass": "s0", "drums": "s0"}, 0.0, 15.0, whole=True)
    hz, seconds = loudest_hz(address, below_hz=2000.0)
    assert hz == pytest.approx(100.0, abs=2.0)
    assert seconds == pytest.approx(10.0, abs=0.2)
    assert len(address) < 120_000
