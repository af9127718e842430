"""Factorial pseudo-mixing of waveforms: a plan becomes a batch, on any device.

Stems are cut from the wave bank, treated song by song, summed, treated mix by mix and only then
made a log-mel: everything that recording, mastering and coding do to sound happens to sound. Which
part is heard where is measured on the treated stems before they are summed. Dearer than
``pseudo_mix``, and made for a GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from partwise.parts import PARTS, Part
from partwise_lab.model.encoder import STRIDE
from partwise_lab.model.frontend import LogMelFrontend
from partwise_lab.training.augment import AugmentSettings, augment_mix
from partwise_lab.training.augment.chain import StemTreatment, draw_tempo
from partwise_lab.training.augment.pitch import stretch
from partwise_lab.training.augment.voices import Singing, Voices
from partwise_lab.training.plan import MixPlan, MixSettings, Planner
from partwise_lab.training.pseudo_mix import Batch, window_frames
from partwise_lab.training.stem_bank import StemBank
from partwise_lab.training.wave_bank import WaveBank, Waves


@dataclass(frozen=True)
class _Cuts:
    """Windows to cut and where they go; arrays are [stems], those of voices last.

    mix, part : where it is heard; group : which treatment it gets
    first : first frame in its waves; gain : what its int16 samples are multiplied by
    voice : whether it comes from the voices, not from the bank
    """

    mix: np.ndarray
    part: np.ndarray
    group: np.ndarray
    first: np.ndarray
    gain: np.ndarray
    voice: np.ndarray

    def of(self, voice: bool) -> _Cuts:
        return self._where(self.voice == voice)

    def of_mixes(self, start: int, stop: int) -> _Cuts:
        """Those of mixes start .. stop - 1, numbered from 0."""
        some = self._where((self.mix >= start) & (self.mix < stop))
        return replace(some, mix=some.mix - start)

    def _where(self, mask: np.ndarray) -> _Cuts:
        return _Cuts(*(getattr(self, field.name)[mask] for field in fields(self)))


class WaveMixer:
    """Draws batches from a wave bank, for ever; the same seed gives the same batches.

    cell : shares are averaged over cells of this many frames and bands.
    share_every : of the stems' spectra, from which shares and presence come, only every so many
        frames are computed; divides `cell`.
    voices : who may sing; None for nobody.
    at_once : mixes made at a time; by default 8 on a CPU (its caches and memory pages like it: a
        third of the time of a whole batch), 256 on a GPU. The treatment of songs is one for all.

    Attributes
    ----------
    frames : length of a mix in mel frames
    window_frames : length of the windows it cuts, longer where tempo and tuning may be raised;
        plans must be drawn for this length
    songs : number of different labels: pieces, then voices
    """

    def __init__(
        self,
        bank: StemBank,
        waves: WaveBank,
        settings: MixSettings,
        seed: int,
        device: str = "cpu",
        cell: int = STRIDE,
        augment: AugmentSettings = AugmentSettings(),
        voices: Voices | None = None,
        share_every: int = 2,
        at_once: int | None = None,
    ) -> None:
        self.bank, self.waves, self.voices = bank, waves, voices
        self.settings, self.augment = settings, augment
        self.device, self.cell, self.share_every = torch.device(device), cell, share_every
        self.at_once = at_once or (8 if self.device.type == "cpu" else 256)
        mel = bank.mel
        self.frames = window_frames(settings.seconds, mel.frames_per_s)
        # Backwards from what is heard: a faster tempo and a higher tuning use up more samples.
        self._stem_frames = _even(self.frames * augment.fastest_tempo, share_every)
        self.window_frames = self._stem_frames
        if augment.stem_tuning:
            samples = self._stem_frames * mel.hop_length * augment.sharpest_tuning + 4
            self.window_frames = math.ceil(samples / mel.hop_length)
        self.songs = len(bank.pieces) + (len(voices.first) if voices else 0)
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.planner = Planner(bank, settings, self.window_frames)
        self._first = [np.array([stem.first for stem in bank.stems[part]]) for part in PARTS]
        self._frontend = LogMelFrontend(mel).to(self.device)
        coarse = replace(mel, hop_length=mel.hop_length * share_every)
        self._coarse = LogMelFrontend(coarse).to(self.device)
        waves.to(self.device)
        if voices:
            voices.to(self.device)

    def draw(self) -> Batch:
        """One batch of songs * views mixes."""
        return self.mix(self.planner.draw(self.rng))

    @torch.no_grad()
    def mix(self, plan: MixPlan) -> Batch:
        """The batch that a plan describes; it must be drawn for `window_frames`."""
        mixes, songs = len(plan.song), int(plan.slot.max()) + 1
        labels, singing = plan.song, None
        if self.voices:
            singing = self.voices.draw(plan, self.augment, self.window_frames, self.rng)
            labels = self._labels(plan.song, singing)
        cuts = self._cuts(plan, songs, singing)
        # One treatment for each song of each part, one for each song's singer.
        treatment = StemTreatment.draw(
            self.generator,
            self.augment,
            (len(PARTS) + 1) * songs,
            self.device,
            self.bank.mel.sample_rate_hz,
        )
        log_mels, powers = [], []
        for start in range(0, mixes, self.at_once):
            stop = min(start + self.at_once, mixes)
            log_mel, power = self._mix_some(cuts.of_mixes(start, stop), stop - start, treatment)
            log_mels.append(log_mel)
            powers.append(power)
        power = torch.cat(powers)  # [mixes, parts, frames / share_every, bands]
        part_energy = power.mean(dim=(2, 3))  # [mixes, parts]
        energy = part_energy.sum(dim=1, keepdim=True)
        present = part_energy > energy * 10.0 ** (self.settings.audible_db / 10.0)
        shares = power / (power.sum(dim=1, keepdim=True) + 1e-12)
        shares = F.avg_pool2d(shares, (self.cell // self.share_every, self.cell))
        labels = torch.from_numpy(labels).to(self.device)
        return Batch(torch.cat(log_mels), labels, present, shares)

    def _mix_some(self, cuts: _Cuts, mixes: int, treatment: StemTreatment) -> tuple[Tensor, Tensor]:
        """Log-mel [mixes, frames, bands] and parts' power [mixes, 5, frames / share_every, bands].

        cuts : the stems of mixes 0 .. mixes - 1
        """
        length = self._stem_frames * self.bank.mel.hop_length
        samples = self._samples(self.waves, cuts.of(voice=False))
        if self.voices and cuts.voice.any():
            samples = torch.cat([samples, self._samples(self.voices, cuts.of(voice=True))])
        stems = treatment.apply(samples, torch.from_numpy(cuts.group), length)  # [stems, length]
        mix = torch.from_numpy(cuts.mix).to(self.device)
        part = torch.from_numpy(cuts.part).to(self.device)
        tempo = draw_tempo(self.generator, self.augment, mixes)
        power = self._part_power(stems, mix * len(PARTS) + part, tempo)
        mixed = stems.new_zeros(mixes, length).index_add_(0, mix, stems)
        mixed = self._at_tempo(mixed, tempo)
        heard = augment_mix(mixed, self.generator, self.augment, self.bank.mel.sample_rate_hz)
        return self._frontend(heard)[:, : self.frames], power

    def _cuts(self, plan: MixPlan, songs: int, singing: Singing | None) -> _Cuts:
        """All windows that are heard."""
        keep = plan.keep.copy()
        if singing:
            keep[singing.alone, Part.OTHER.index] = False
        mix, part = np.nonzero(keep)
        stem = plan.stem[mix, part]
        first, gain = np.empty(len(mix), dtype=np.int64), np.empty(len(mix))
        for i, name in enumerate(PARTS):
            of_part = part == i
            first[of_part] = self._first[i][stem[of_part]]
            gain[of_part] = self.waves.scale[name][stem[of_part]]
        first += plan.first[mix, part]
        gain *= 10.0 ** (plan.gain_db[mix, part] / 20.0)
        group = part * songs + plan.slot[mix, part]
        voice = np.zeros(len(mix), dtype=bool)
        if not singing:
            return _Cuts(mix, part, group, first, gain, voice)
        other = Part.OTHER.index
        sung = len(singing.mix)
        return _Cuts(
            np.concatenate([mix, singing.mix]),
            np.concatenate([part, np.full(sung, other)]),
            np.concatenate([group, len(PARTS) * songs + plan.slot[singing.mix, other]]),
            np.concatenate([first, singing.first]),
            np.concatenate([gain, singing.gain]),
            np.concatenate([voice, np.ones(sung, dtype=bool)]),
        )

    def _samples(self, waves: Waves, cuts: _Cuts) -> Tensor:
        """float32 [cuts, samples] at the levels drawn for them."""
        gain = torch.from_numpy(cuts.gain).to(self.device, torch.float32)
        return waves.windows(cuts.first, self.window_frames).float() * gain[:, None]

    def _labels(self, song: np.ndarray, singing: Singing) -> np.ndarray:
        """The labels, with the voice's own where it sings alone: [mixes, parts=5]."""
        labels, other = song.copy(), Part.OTHER.index
        sung = len(self.bank.pieces) + singing.label
        labels[:, other] = np.where(singing.label >= 0, sung, labels[:, other])
        return labels

    def _part_power(self, stems: Tensor, place: Tensor, tempo: Tensor) -> Tensor:
        """Mel power of each part at the mix's tempo: [mixes, parts, frames / share_every, bands].

        place : int64 [stems], mix * 5 + part
        """
        mixes, step = len(tempo), self.share_every
        each = self._coarse.power(stems)[:, : self._stem_frames // step]
        flat = each.new_zeros(mixes * len(PARTS), *each.shape[1:]).index_add_(0, place, each)
        power = flat.view(mixes, len(PARTS), *each.shape[1:])
        frames = self.frames // step
        if not bool((tempo != 1.0).any()):
            return power[:, :, :frames]
        # Frame t of the mix is what was at frame t * tempo, as the phase vocoder has it.
        position = torch.arange(frames) * tempo[:, None]  # [mixes, frames]
        before = position.long().clamp(max=power.shape[2] - 2)
        x = (position - before).to(self.device)[:, None, :, None]
        row, at = torch.arange(mixes, device=self.device)[:, None], before.to(self.device)
        byframe = power.transpose(1, 2)  # [mixes, frames, parts, bands]
        here, after = byframe[row, at].transpose(1, 2), byframe[row, at + 1].transpose(1, 2)
        return (1.0 - x) * here + x * after

    def _at_tempo(self, mixed: Tensor, tempo: Tensor) -> Tensor:
        """[mixes, stem samples] -> [mixes, frames * hop], some of them faster or slower."""
        length = self.frames * self.bank.mel.hop_length
        rows = torch.nonzero(tempo != 1.0)[:, 0]
        out = mixed[:, :length]
        if not len(rows):
            return out
        rate, rows = tempo[rows].to(self.device), rows.to(self.device)
        return out.index_copy(0, rows, stretch(mixed[rows], rate, length))


def _even(frames: float, step: int) -> int:
    """Rounded up to a multiple of `step` frames, and of 8: kinder to Fourier transforms."""
    size = math.lcm(step, 8)
    return math.ceil(frames / size) * size
