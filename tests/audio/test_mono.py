"""Channels to one: the mean, unless that would cancel what is in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.audio.decode import decode
from partwise.audio.mono import BLOCK_FRAMES, Downmix, as_float, mono_of
from partwise.embedding.encoder import Encoder
from partwise.parts import Part
from sounds import RATE_HZ, sound, write

WHOLE = "the channels are in opposite phase: heard with one turned over"


def noise(count: int, frames: int = 8 * RATE_HZ) -> np.ndarray:
    """Independent channels of one loudness, float32 [count, frames]."""
    return np.random.default_rng(count).normal(0, 0.1, (count, frames)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_one_channel_inverted_is_heard_and_noted(tmp_path: Path, suffix: str):
    same = sound({Part.BASS: 0.5, Part.DRUMS: 0.2}, 6.0)
    audio = decode(write(tmp_path / f"a.{suffix}", np.stack([same, -same], 1)))
    np.testing.assert_allclose(audio.samples, same, atol=1e-4)
    assert audio.notes == (WHOLE,)


@pytest.mark.parametrize("gain", [0.6, 0.8, 1.5])
def test_stereo_of_any_balance_is_heard_as_it_was_before_it_was_inverted(gain: float):
    middle, left, right = noise(3)
    stereo = np.stack([middle + left, gain * (middle + right)], 1)
    wanted, none = mono_of(stereo, RATE_HZ)
    turned, notes = mono_of(stereo * [1, -1], RATE_HZ)
    np.testing.assert_allclose(turned, wanted, atol=1e-6)
    assert (none, notes) == ([], [WHOLE])


def test_ordinary_stereo_is_the_plain_mean():
    """One side alone, wide noise, a faint inverted echo, offsets: nothing is turned over."""
    first, second = noise(2)
    for stereo in (
        np.stack([first, 0 * first], 1),
        np.stack([first, second], 1),
        np.stack([first, second - 0.15 * first], 1),
        np.stack([first, -0.1 * first], 1),
        np.stack([first + 0.3, second - 0.3], 1),
    ):
        mono, notes = mono_of(stereo, RATE_HZ)
        np.testing.assert_allclose(mono, stereo.mean(1), atol=1e-7)
        assert notes == []


def test_an_inverted_stretch_is_heard_and_its_length_noted():
    same = noise(1, 10 * BLOCK_FRAMES)[0]
    stereo = np.stack([same, same], 1)
    stereo[3 * BLOCK_FRAMES : 5 * BLOCK_FRAMES, 1] *= -1
    mono, notes = mono_of(stereo, RATE_HZ)
    lost = np.abs(mono - same) > 1e-6
    # Only where the sign changes, that it be no click.
    assert lost.sum() < 1100
    assert np.abs(np.diff(mono)).max() <= np.abs(np.diff(same)).max()
    seconds = f"{2 * BLOCK_FRAMES / RATE_HZ:.1f} s of {10 * BLOCK_FRAMES / RATE_HZ:.1f} s"
    assert notes == [
        f"the channels are in opposite phase for {seconds}: heard with one turned over"
    ]


@pytest.mark.parametrize("pair", [(0, 1), (4, 5)])
def test_a_pair_of_many_channels(pair: tuple[int, int]):
    channels = noise(6)
    channels[pair[1]] = -channels[pair[0]]
    mono, notes = mono_of(channels.T, RATE_HZ)
    channels[pair[1]] *= -1
    np.testing.assert_allclose(mono, channels.mean(0), atol=1e-6)
    assert notes == [WHOLE]


def test_it_stays_turned_over_while_the_channels_hover():
    """Correlation -0.5, then -0.2, which alone would leave them: no change in between."""
    first, second = noise(2, 2 * BLOCK_FRAMES)
    other = np.where(np.arange(len(first)) < BLOCK_FRAMES, -0.58, -0.21) * first + 0.85 * second
    downmix = Downmix()
    for start in (0, BLOCK_FRAMES):
        pair = np.stack([first, other])[:, start : start + BLOCK_FRAMES].astype(np.float32)
        np.testing.assert_allclose(downmix.mix(pair, RATE_HZ), (pair[0] - pair[1]) / 2, atol=1e-6)
    assert Downmix().mix(pair, RATE_HZ) == pytest.approx(pair.mean(0), abs=1e-6)


def test_samples_that_are_no_numbers_turn_nothing_over():
    pair = noise(2)
    pair[:, 7] = np.nan, np.inf
    mono, notes = mono_of(pair.T, RATE_HZ)
    assert np.isfinite(mono).sum() == len(mono) - 1
    assert notes == []


def test_full_scale_of_every_sample_type():
    for kind in ("i1", "i2", "i4", "u1", "u2"):
        limits = np.iinfo(kind)
        values = as_float(np.array([limits.min, limits.max], kind))
        np.testing.assert_allclose(values, [-1, 1], atol=0.01)


def test_samples_in_memory_are_heard_like_a_file(tiny_model: Path):
    encoder = Encoder(tiny_model)
    same = sound({Part.PIANO: 0.4, Part.GUITAR: 0.6}, 4.0)
    plain = encoder.embed(same, RATE_HZ)
    turned = encoder.embed(np.stack([same, -same], 1), RATE_HZ)
    np.testing.assert_allclose(turned.embeddings, plain.embeddings, atol=1e-4)
    assert (plain.notes, turned.notes) == ((), (WHOLE,))
