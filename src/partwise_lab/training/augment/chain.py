"""The order of effects: first what belongs to a stem, then what happens to a mix.

A mix goes through equaliser and room, compressor, valve, limiter, noise and coder, in the order of
a recording studio and what follows it, and ends at a drawn level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from partwise_lab.training.augment import codec, dynamics, noise, pitch
from partwise_lab.training.augment.colouring import Colouring
from partwise_lab.training.augment.draws import some, uniform, white
from partwise_lab.training.augment.settings import AugmentSettings, Range
from partwise_lab.training.augment.spectrum import ratio, rms


@dataclass(frozen=True)
class StemTreatment:
    """What is done to the stems of each group (the windows of one song's part); all on the CPU.

    cents : [groups], 0 where the tuning stays
    colouring : of each group
    driven : bool [groups], whether it is overdriven
    drive_db, bias : [groups], as in ``dynamics.saturate``
    """

    cents: Tensor
    colouring: Colouring
    driven: Tensor
    drive_db: Tensor
    bias: Tensor
    sample_rate_hz: int

    @classmethod
    def draw(
        cls,
        generator: torch.Generator,
        settings: AugmentSettings,
        groups: int,
        device: torch.device,
        sample_rate_hz: int = 22050,
    ) -> StemTreatment:
        """A treatment for each of `groups` groups."""
        s = settings
        tuned = some(generator, s.stem_tuning, groups)
        cents, driven = torch.zeros(groups), torch.zeros(groups, dtype=torch.bool)
        cents[tuned] = uniform(generator, s.tuning_cents, len(tuned))
        driven[some(generator, s.stem_saturation, groups)] = True
        colouring = Colouring.draw(
            generator,
            groups,
            device,
            sample_rate_hz,
            eq_db=s.stem_eq_db,
            room=s.stem_reverb,
            wet_db=s.stem_wet_db,
            decay_s=s.decay_s,
        )
        drive_db = uniform(generator, s.drive_db, groups)
        bias = uniform(generator, (0.0, 0.4), groups)
        return cls(cents, colouring, driven, drive_db, bias, sample_rate_hz)

    def apply(self, samples: Tensor, group: Tensor, length: int) -> Tensor:
        """Treat stems [stems, n] of the groups `group` (int64 [stems], CPU) -> [stems, length].

        n must exceed length * settings.sharpest_tuning + 3 where stems are tuned. Levels stay.
        """
        device = samples.device
        out = samples[:, :length]
        cents = self.cents[group]
        rows = torch.nonzero(cents)[:, 0]
        if len(rows):
            rate = torch.pow(2.0, cents[rows].double() / 1200.0).to(device)
            rows = rows.to(device)
            out = out.index_copy(0, rows, pitch.varispeed(samples[rows], rate, length))
        out = self.colouring.apply(out, group, self.sample_rate_hz)
        rows = torch.nonzero(self.driven[group])[:, 0]
        if len(rows):
            drive_db, bias = (v[group[rows]].to(device) for v in (self.drive_db, self.bias))
            rows = rows.to(device)
            out = out.index_copy(0, rows, dynamics.saturate(out[rows], drive_db, bias))
        return out


def augment_stem(
    samples: Tensor,
    group: Tensor,
    generator: torch.Generator,
    settings: AugmentSettings,
    length: int,
    sample_rate_hz: int = 22050,
) -> Tensor:
    """Colour stems as if recorded elsewhere, all stems of one group alike; see StemTreatment."""
    groups = int(group.max()) + 1
    treatment = StemTreatment.draw(generator, settings, groups, samples.device, sample_rate_hz)
    return treatment.apply(samples, group, length)


def augment_mix(
    samples: Tensor,
    generator: torch.Generator,
    settings: AugmentSettings,
    sample_rate_hz: int = 22050,
) -> Tensor:
    """Treat mixes [batch, n] as recordings are; nothing moves in time. -> [batch, n]"""
    s, device, batch = settings, samples.device, len(samples)

    def draw(between: Range, count: int) -> Tensor:
        return uniform(generator, between, count).to(device)

    def applied(x: Tensor, chance: float, effect: Callable[[Tensor], Tensor]) -> Tensor:
        rows = some(generator, chance, batch).to(device)
        return x.index_copy(0, rows, effect(x[rows])) if len(rows) else x

    def compressed(x: Tensor) -> Tensor:
        threshold_db, release_s = draw(s.threshold_db, len(x)), draw(s.release_s, len(x))
        ratios = draw(s.compression_ratio, len(x))
        return dynamics.compress(x, threshold_db, ratios, release_s, sample_rate_hz)

    def saturated(x: Tensor) -> Tensor:
        return dynamics.saturate(x, draw(s.drive_db, len(x)), draw((0.0, 0.3), len(x)))

    def coded(x: Tensor) -> Tensor:
        snr_db, cutoff_hz = draw(s.codec_snr_db, len(x)), draw(s.cutoff_hz, len(x))
        return codec.code(x, snr_db, cutoff_hz, sample_rate_hz)

    colouring = Colouring.draw(
        generator,
        batch,
        device,
        sample_rate_hz,
        eq_db=s.eq_db,
        room=s.reverb,
        wet_db=s.wet_db,
        decay_s=s.decay_s,
    )
    x = colouring.apply(samples, torch.arange(batch), sample_rate_hz)
    x = applied(x, s.compression, compressed)
    x = applied(x, s.saturation, saturated)
    x = applied(x, s.limiting, lambda y: dynamics.limit(y, draw(s.limiting_db, len(y))))
    x = _noisy(x, generator, s, sample_rate_hz)
    x = applied(x, s.codec, coded)
    if s.level_dbfs is None:
        return x
    x = x * (ratio(draw(s.level_dbfs, batch))[:, None] / rms(x))
    return x / x.abs().amax(dim=1, keepdim=True).clamp(min=1.0)


def draw_tempo(generator: torch.Generator, settings: AugmentSettings, batch: int) -> Tensor:
    """Tempo of each mix as a ratio, 1 where it stays: float32 [batch] on the CPU."""
    rows = some(generator, settings.tempo, batch)
    rate = torch.ones(batch)
    rate[rows] = uniform(generator, settings.tempo_rate, len(rows))
    return rate


def _noisy(
    samples: Tensor, generator: torch.Generator, settings: AugmentSettings, sample_rate_hz: int
) -> Tensor:
    """Some mixes with noise, the others with a noise floor."""
    s, (batch, n), device = settings, samples.shape, samples.device
    snr_db, slope = torch.full((batch,), float("inf")), torch.zeros(batch)
    floor = some(generator, s.floor, batch)
    snr_db[floor] = uniform(generator, s.floor_snr_db, len(floor))
    heard = some(generator, s.noise, batch)
    snr_db[heard] = uniform(generator, s.snr_db, len(heard))
    slope[heard] = uniform(generator, s.noise_slope, len(heard))
    rows = torch.nonzero(torch.isfinite(snr_db))[:, 0]
    if not len(rows):
        return samples
    spectrum = white(generator, (len(rows), n // 2 + 1, 2), device)
    sound = noise.hiss(spectrum, slope[rows].to(device), n, sample_rate_hz)
    loud = torch.nonzero(torch.isin(rows, heard))[:, 0]
    humming = loud[some(generator, s.hum, len(loud))]
    if len(humming):
        mains_hz = 50.0 + 10.0 * torch.randint(2, (len(humming),), generator=generator)
        share = uniform(generator, (0.3, 3.0), len(humming)).to(device)[:, None]
        tone = noise.hum(mains_hz.to(device), n, sample_rate_hz) * share
        sound = sound.index_add(0, humming.to(device), tone)
    gain = ratio(-snr_db[rows]).to(device)[:, None]
    rows = rows.to(device)
    mixes = samples[rows]
    return samples.index_copy(0, rows, mixes + sound / rms(sound) * rms(mixes) * gain)
