"""Voices for training: who sings in which mix of a plan.

Real songs are sung and MIDI is not. A voice counts as OTHER, so the other four parts must learn to
ignore it. In each batch some songs get a singer, one and the same for all windows of that song:

- *alone*: the song's OTHER is nothing but the singer, whose label it then bears: a voice clip is
  one more stem of OTHER, a piece of its own.
- *joining*: the singer sings over the song's OTHER, in most of its windows. The label stays the
  song's: as in a real song, accompaniment and singer together are its OTHER.

Different songs get different singers, as long as there are enough of them. Mixes from which OTHER
is left out stay without a voice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from partwise.embedding.logmel import MelSettings
from partwise.parts import Part
from partwise_lab.model.frontend import LogMelFrontend
from partwise_lab.training.augment.settings import AugmentSettings
from partwise_lab.training.plan import MixPlan
from partwise_lab.training.stem_bank import sounding_level
from partwise_lab.training.wave_bank import Waves, as_int16


@dataclass(frozen=True)
class Singing:
    """Who sings in a batch; arrays are [n], one entry for each mix with a voice.

    mix : int64, index of the mix
    clip : int64, which voice
    first : int64, first frame of the window in the voices' samples
    gain : float64, brings the clip's int16 samples to the level drawn for it
    alone : bool [mixes], whether the voice takes the place of the mix's OTHER
    label : int64 [mixes], clip of the voice that sings alone, -1 elsewhere
    """

    mix: np.ndarray
    clip: np.ndarray
    first: np.ndarray
    gain: np.ndarray
    alone: np.ndarray
    label: np.ndarray


class Voices(Waves):
    """Voice clips end to end, each beginning on a mel frame.

    first, frames : int64 [clips], where each lies
    gain : float64 [clips], brings its samples to level 0 dB as ``BankedStem`` measures it
    """

    def __init__(self, clips: list[np.ndarray], mel: MelSettings) -> None:
        """clips : float32 mono [samples] at the mel's sample rate."""
        hop, rows, lengths, gains = mel.hop_length, [], [], []
        transform = LogMelFrontend(mel)
        for clip in clips:
            _, level_db = sounding_level(transform(torch.from_numpy(clip)[None])[0].numpy())
            scale, whole = as_int16(clip)
            gains.append(scale * 10.0 ** (-level_db / 20.0))
            lengths.append(len(whole) // hop)
            rows.append(whole[: lengths[-1] * hop])
        super().__init__(np.concatenate(rows), hop)
        self.frames = np.array(lengths)
        self.first = np.cumsum(self.frames) - self.frames
        self.gain = np.array(gains)

    def draw(
        self, plan: MixPlan, settings: AugmentSettings, frames: int, rng: np.random.Generator
    ) -> Singing:
        """Who sings in the mixes of `plan`, in windows of `frames` frames."""
        s, other = settings, Part.OTHER.index
        slot, keep = plan.slot[:, other], plan.keep[:, other]
        mixes, songs = len(slot), int(slot.max()) + 1
        usable = np.flatnonzero(self.frames > frames)
        if not len(usable):
            raise ValueError(f"no voice clip is longer than {frames} frames")
        clip = rng.choice(usable, songs, replace=len(usable) < songs)[slot]  # [mixes]
        role = rng.random(songs)[slot]
        alone = keep & (role < s.voice_alone)
        joins = keep & ~alone & (role < s.voice_alone + s.voice_joins)
        sings = alone | (joins & (rng.random(mixes) < s.voice_sings))
        mix = np.flatnonzero(sings)
        singer = clip[mix]
        room = self.frames[singer] - frames
        first = self.first[singer] + (rng.random(len(mix)) * room).astype(np.int64)
        level_db = rng.normal(*s.voice_level_db, len(mix))
        gain = self.gain[singer] * 10.0 ** (level_db / 20.0)
        label = np.where(role < s.voice_alone, clip, -1)
        return Singing(mix, singer, first, gain, alone, label)
