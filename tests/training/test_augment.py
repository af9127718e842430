import io
from dataclasses import fields, replace
from typing import Any

import av
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.frontend import LogMelFrontend  # noqa: E402
from partwise_lab.training.augment import (  # noqa: E402
    AugmentSettings,
    augment_mix,
    augment_stem,
    codec,
    dynamics,
    noise,
    pitch,
)
from partwise_lab.training.augment.chain import draw_tempo  # noqa: E402
from partwise_lab.training.augment.spectrum import rms  # noqa: E402

RATE_HZ = 22050
LENGTH = 64 * 512  # 1.5 s
NONE = AugmentSettings.none()
ALWAYS: dict[str, Any] = {
    f.name: 1.0 for f in fields(AugmentSettings) if isinstance(f.default, float)
}
# Each effect alone, always applied.
ALONE = {
    "eq": replace(NONE, eq_db=4.0),
    "reverb": replace(NONE, reverb=1.0),
    "compression": replace(NONE, compression=1.0),
    "limiting": replace(NONE, limiting=1.0),
    "saturation": replace(NONE, saturation=1.0),
    "noise": replace(NONE, noise=1.0, hum=0.5),
    "floor": replace(NONE, floor=1.0),
    "codec": replace(NONE, codec=1.0),
    "level": replace(NONE, level_dbfs=(-30.0, -6.0)),
    "all": replace(NONE, level_dbfs=(-30.0, -6.0), **ALWAYS),
}
by_effect = pytest.mark.parametrize("settings", ALONE.values(), ids=ALONE.keys())


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def music():
    """[4, LENGTH]: decaying tones over soft noise, at four levels."""
    time_s = torch.arange(LENGTH) / RATE_HZ
    rows = []
    for row, hz in enumerate((110.0, 196.0, 330.0, 523.0)):
        decay = torch.exp(-4.0 * (time_s % 0.4))
        tone = sum(torch.sin(2 * torch.pi * hz * k * time_s) / k for k in range(1, 9)) * decay
        rows.append(10.0 ** -(row / 2) * (tone + 0.02 * torch.randn(LENGTH, generator=seeded(row))))
    return torch.stack(rows)


def tone(hz, samples=LENGTH):
    return torch.sin(2 * torch.pi * hz * torch.arange(samples, dtype=torch.float64) / RATE_HZ)


def peak_hz(x):
    spectrum = torch.fft.rfft(x.double() * torch.hann_window(len(x), dtype=torch.float64), 1 << 18)
    return float(spectrum.abs().argmax()) * RATE_HZ / (1 << 18)


@by_effect
def test_every_effect_is_finite_moderate_and_does_something(settings, music):
    out = augment_mix(music, seeded(), settings)
    assert out.shape == music.shape and out.dtype == torch.float32
    assert torch.isfinite(out).all()
    assert not torch.equal(out, music)
    change_db = 20 * torch.log10(rms(out) / rms(music))
    if settings.level_dbfs is None:
        assert change_db.abs().max() < 12.0
    else:
        assert out.abs().max() <= 1.0 + 1e-6
        assert (20 * torch.log10(rms(out)) > -40.0).all()


@by_effect
def test_the_same_seed_gives_the_same_sound(settings, music):
    first, again = (augment_mix(music, seeded(7), settings) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment_mix(music, seeded(8), settings)) or settings is NONE


@by_effect
def test_silence_and_one_item_are_no_trouble(settings):
    assert torch.isfinite(augment_mix(torch.zeros(1, LENGTH), seeded(), settings)).all()


def test_at_chance_zero_nothing_changes(music):
    assert torch.equal(augment_mix(music, seeded(), NONE), music)
    group = torch.tensor([0, 0, 1, 1])
    assert torch.equal(augment_stem(music, group, seeded(), NONE, LENGTH), music)
    assert torch.equal(draw_tempo(seeded(), NONE, 4), torch.ones(4))


def test_a_chance_between_changes_some(music):
    out = augment_mix(music.repeat(16, 1), seeded(), replace(NONE, saturation=0.5))
    changed = (out != music.repeat(16, 1)).any(dim=1).float().mean()
    assert 0.25 < changed < 0.75


def test_stems_of_a_group_are_treated_alike_and_groups_differ(music):
    settings = replace(AugmentSettings(), stem_saturation=1.0, stem_reverb=1.0, stem_tuning=1.0)
    same = music[:1].repeat(4, 1)
    length = LENGTH - 2048
    out = augment_stem(same, torch.tensor([0, 1, 0, 1]), seeded(), settings, length)
    assert out.shape == (4, length)
    torch.testing.assert_close(out[0], out[2])
    torch.testing.assert_close(out[1], out[3])
    assert (out[0] - out[1]).abs().max() > 0.05
    torch.testing.assert_close(rms(out), rms(same[:, :length]), rtol=0.1, atol=0.0)


def test_compression_lowers_the_crest_and_keeps_the_level(music):
    ones = torch.ones(4)
    out = dynamics.compress(music, -10 * ones, 8 * ones, 0.05 * ones, RATE_HZ)
    torch.testing.assert_close(rms(out), rms(music))
    spread = [torch.std(torch.log(rms(x.unfold(1, 512, 512))), dim=1) for x in (music, out)]
    assert (spread[1] < spread[0]).all()


def test_limiting_keeps_the_peak_and_raises_the_level(music):
    out = dynamics.limit(music, torch.full((4,), 8.0))
    assert (out.abs().amax(dim=1) <= music.abs().amax(dim=1) * 1.0001).all()
    assert (rms(out) > 1.5 * rms(music)).all()


def test_noise_has_the_slope_and_the_hum_the_pitch_asked_for():
    spectrum = torch.randn(2, LENGTH // 2 + 1, 2, generator=seeded())
    hiss = noise.hiss(spectrum, torch.tensor([0.0, 2.0]), LENGTH, RATE_HZ)
    power = torch.fft.rfft(hiss).abs().square()
    bins = lambda hz: slice(int(0.9 * hz * LENGTH / RATE_HZ), int(1.1 * hz * LENGTH / RATE_HZ))  # noqa: E731
    fall_db = 10 * torch.log10(power[:, bins(500)].mean(1) / power[:, bins(4000)].mean(1))
    torch.testing.assert_close(fall_db, torch.tensor([0.0, 18.06]), atol=1.5, rtol=0)
    assert peak_hz(noise.hum(torch.tensor([60.0]), LENGTH, RATE_HZ)[0]) == pytest.approx(60, abs=1)


def test_noise_lies_below_the_mix_by_what_was_asked(music):
    out = augment_mix(music, seeded(), replace(NONE, noise=1.0, snr_db=(20.0, 20.0)))
    torch.testing.assert_close(rms(music) / rms(out - music), torch.full((4, 1), 10.0))


@pytest.mark.parametrize("rate", [0.977, 1.0, 1.0234])
def test_varispeed_moves_the_pitch_and_is_as_clean_as_a_cubic_is(rate):
    source = tone(1000.0, LENGTH + 2048).float()[None]
    out = pitch.varispeed(source, torch.tensor([rate]), LENGTH)[0]
    assert peak_hz(out) == pytest.approx(1000.0 * rate, abs=0.2)
    torch.testing.assert_close(out, tone(1000.0 * rate).float(), atol=5e-3, rtol=0)


@pytest.mark.parametrize("rate", [0.94, 1.06])
def test_stretch_moves_events_and_keeps_the_pitch(rate):
    source = (0.5 * tone(800.0, LENGTH + 4096)).float()
    click = 20000
    source[click : click + 40] += 5.0
    out = pitch.stretch(source[None], torch.tensor([rate]), LENGTH)[0]
    assert out.shape == (LENGTH,)
    assert peak_hz(out[:18000]) == pytest.approx(800.0, abs=2.0)
    assert int(out.abs().argmax()) == pytest.approx(click / rate, abs=256)


def test_tempi_lie_in_the_range_asked_for():
    tempo = draw_tempo(seeded(), replace(NONE, tempo=0.5), 200)
    assert 60 < int((tempo != 1.0).sum()) < 140
    assert tempo.min() >= 0.94 and tempo.max() <= 1.06


def test_the_coder_without_loss_is_transparent(music):
    free = torch.full((4,), 300.0), torch.full((4,), 1e5)
    torch.testing.assert_close(codec.code(music, *free, RATE_HZ), music, atol=1e-5, rtol=0)
    odd = music[:, : LENGTH - 123]
    assert codec.code(odd, *free, RATE_HZ).shape == odd.shape


def test_the_coder_cuts_the_treble():
    out = codec.code(
        tone(8000.0).float()[None], torch.tensor([20.0]), torch.tensor([6000.0]), RATE_HZ
    )
    assert rms(out[:, 1000:-1000]) < 1e-3  # but for the clicks at its ends


def test_the_coder_errs_as_a_real_mp3_does(music):
    """Mean error of the log-mel: mp3 at 24 kb/s is met between 12 and 24 dB, and so on up."""
    signal = music[:2].flatten()
    frontend = LogMelFrontend(MelSettings())

    def error_db(decoded):
        before, after = (frontend(x[None])[0][4:-4] for x in (signal, decoded))
        heard = before > before.max() - 50.0
        return float((after - before).abs()[heard].mean())

    real = error_db(torch.from_numpy(through_mp3(signal.numpy(), 24_000)))
    cutoff = torch.tensor([11025.0])
    rough, fine = (
        error_db(codec.code(signal[None], torch.tensor([snr_db]), cutoff, RATE_HZ)[0])
        for snr_db in (12.0, 30.0)
    )
    assert fine < real < rough


def through_mp3(x: np.ndarray, bit_rate: int) -> np.ndarray:
    """`x` after a real encoder and decoder, in step with it again."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(x[None], format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        decoded = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    y = np.concatenate(decoded).astype(np.float32)
    lags = np.fft.irfft(np.fft.rfft(y, 1 << 18) * np.conj(np.fft.rfft(x, 1 << 18)))
    delay = int(np.argmax(lags[:4000]))
    return y[delay : delay + len(x)]


def test_settings_say_how_much_longer_a_window_must_be():
    assert NONE.fastest_tempo == NONE.sharpest_tuning == 1.0
    assert AugmentSettings().fastest_tempo == 1.06
    assert AugmentSettings().sharpest_tuning == pytest.approx(2 ** (40 / 1200))
    assert AugmentSettings.light().tempo == 0.0


def test_nothing_waits_for_the_device_or_mixes_devices(music, monkeypatch):
    """On the meta device any `.item()`, and any tensor left on the CPU, is an error."""
    from partwise_lab.training.augment import chain, colouring

    for module in (chain, colouring):
        monkeypatch.setattr(
            module, "white", lambda g, shape, device: torch.empty(shape, device=device)
        )
    there = music.to("meta")
    assert augment_mix(there, seeded(), ALONE["all"]).device.type == "meta"
    group = torch.tensor([0, 0, 1, 1])
    out = augment_stem(there, group, seeded(), ALONE["all"], LENGTH - 2048)
    assert out.shape == (4, LENGTH - 2048) and out.device.type == "meta"
