import json
from dataclasses import asdict

import numpy as np
import pytest

from partwise.parts import PARTS, Part
from partwise_lab.synthesis import effects
from partwise_lab.synthesis.effects import EFFECTS, Effect, apply_chain, draw_chain

RATE_HZ = 22050


def tone(hz, seconds=2.0, level=0.1):
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples[RATE_HZ // 4 : -RATE_HZ // 4]))))


@pytest.fixture(scope="module")
def music():
    """Three seconds of decaying tones over noise."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE_HZ) / RATE_HZ
    plucked = sum(np.sin(2 * np.pi * hz * time) for hz in (110, 277, 1244)) * np.exp(
        -3 * (time % 1)
    )
    return (0.1 * plucked + 0.005 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_changes_the_stem_and_keeps_its_shape(name, music):
    settings = effects._DRAWS[name](np.random.default_rng(1))
    wet = EFFECTS[name](music, RATE_HZ, **settings)
    assert wet.shape == music.shape
    assert np.isfinite(wet).all()
    assert np.abs(wet - music).max() > 1e-3


@pytest.mark.parametrize("part", PARTS)
def test_a_chain_keeps_loudness_and_is_its_metadata(part, music):
    chains = [draw_chain(part, np.random.default_rng(seed)) for seed in range(20)]
    assert len({str(chain) for chain in chains}) > 15
    for chain in chains:
        wet = apply_chain(chain, music, RATE_HZ)
        assert wet.dtype == np.float32
        assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(music**2)), rel=1e-3)
        record = json.loads(json.dumps([asdict(effect) for effect in chain]))
        again = [Effect(**effect) for effect in record]
        np.testing.assert_array_equal(apply_chain(again, music, RATE_HZ), wet)


def test_one_seed_one_chain_and_no_second_room():
    def drawn(room):
        rng = np.random.default_rng(3)
        return [draw_chain(Part.GUITAR, rng, room=room) for _ in range(30)]

    assert drawn(True) == drawn(True)
    dry = [[effect for effect in chain if effect.name != "room"] for chain in drawn(True)]
    assert drawn(False) == dry
    assert dry != drawn(True)


@pytest.mark.parametrize(("hz", "gain_db"), [(30, 6.0), (1000, -5.0), (9000, -8.0)])
def test_the_equaliser_raises_and_lowers_its_bands(hz, gain_db):
    low, bell = {"low_hz": 150, "low_db": 6}, {"bell_hz": 1000, "bell_db": -5}
    bands = low | bell | {"high_hz": 4000, "high_db": -8}
    wet = EFFECTS["equaliser"](tone(hz), RATE_HZ, **bands)
    assert 20 * np.log10(rms(wet) / rms(tone(hz))) == pytest.approx(gain_db, abs=0.8)


def test_convolution_is_the_one_of_numpy():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(40_000).astype(np.float32)
    impulse = rng.standard_normal(5000).astype(np.float32)
    expected = np.convolve(samples, impulse)[: len(samples)]
    np.testing.assert_allclose(effects._convolved(samples, impulse), expected, atol=2e-3)


def test_the_compressor_brings_loud_and_soft_together():
    samples = np.concatenate([tone(440, level=0.5), tone(440, level=0.05)])
    wet = EFFECTS["compressor"](samples, RATE_HZ, threshold_db=-30, ratio=4, release_s=0.1)
    loud, soft = rms(wet[: len(wet) // 2]), rms(wet[len(wet) // 2 :])
    assert 20 * np.log10(loud / soft) == pytest.approx(5.0, abs=1.0)  # 20 dB / 4


def test_silence_stays_silence():
    chain = draw_chain(Part.GUITAR, np.random.default_rng(0))
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    np.testing.assert_array_equal(apply_chain(chain, silence, RATE_HZ), silence)
