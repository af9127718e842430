"""How much of each effect, and how often."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentSettings:
    """Chances (0..1, of being applied) and ranges (uniform) of the waveform augmentation.

    What is done to a **stem** is the same for all stems of one song in a batch: it belongs to who
    plays there, and makes more identities from the same data.

    stem_eq_db : standard deviation of its equaliser's curve [dB]
    stem_reverb : chance of a room of its own
    stem_wet_db : level of that room against the dry sound [dB]
    stem_saturation : chance of overdrive
    stem_tuning : chance of being tuned differently
    tuning_cents : by how much [cents]

    What is done to a **mix** is drawn anew for each mix: it must not matter.

    level_dbfs : root mean square of the mix; what would clip is turned down; None leaves it as it
        is [dB of full scale]
    eq_db : standard deviation of the equaliser's curve [dB]
    tempo, tempo_rate : chance and range of another tempo at the same pitch; 1.06 is 6 % faster
    reverb, wet_db : chance of a room over everything, its level against the dry sound [dB]
    compression, threshold_db, compression_ratio, release_s : chance; threshold relative to the
        mix's level [dB]; ratio; time constant of the gain's return [s]
    limiting, limiting_db : chance of being mastered loud; how far peaks are pushed in [dB]
    saturation : chance of overdrive of the whole
    noise, snr_db, noise_slope : chance of noise, its distance below the mix [dB], its colour
        (0 white, 1 pink, 2 brown)
    hum : chance that a noise has mains hum in it
    floor : chance that a mix without noise gets an inaudible noise floor, so that digital silence
        is not a cue
    floor_snr_db : its distance below the mix [dB]
    codec, codec_snr_db, cutoff_hz : chance of being coded lossily, distance of the rounding noise
        below each band [dB], upper end of what is kept [Hz]

    For both: decay_s (time a room takes to fall by 60 dB [s]), drive_db (level against an
    overdrive's knee [dB]).

    **Voices**, where a voice bank is given (see ``training/augment/voices.py``):

    voice_alone : chance that a song's OTHER is nothing but a singer
    voice_joins : chance that a singer sings over a song's OTHER
    voice_sings : chance that this singer is heard in one window of the song
    voice_level_db : mean and standard deviation of the singer's level around equal loudness [dB]
    """

    stem_eq_db: float = 3.0
    stem_reverb: float = 0.3
    stem_wet_db: Range = (-24.0, -8.0)
    stem_saturation: float = 0.25
    stem_tuning: float = 0.5
    tuning_cents: Range = (-40.0, 40.0)

    level_dbfs: Range | None = (-32.0, -10.0)
    eq_db: float = 2.0
    tempo: float = 0.25
    tempo_rate: Range = (0.94, 1.06)
    reverb: float = 0.2
    wet_db: Range = (-24.0, -10.0)
    compression: float = 0.4
    threshold_db: Range = (-12.0, 4.0)
    compression_ratio: Range = (1.5, 6.0)
    release_s: Range = (0.03, 0.3)
    limiting: float = 0.4
    limiting_db: Range = (1.0, 9.0)
    saturation: float = 0.15
    noise: float = 0.4
    snr_db: Range = (15.0, 50.0)
    noise_slope: Range = (0.0, 2.0)
    hum: float = 0.2
    floor: float = 1.0
    floor_snr_db: Range = (50.0, 80.0)
    codec: float = 0.4
    codec_snr_db: Range = (12.0, 30.0)
    cutoff_hz: Range = (5000.0, 14000.0)

    decay_s: Range = (0.15, 1.5)
    drive_db: Range = (-12.0, 3.0)

    voice_alone: float = 0.15
    voice_joins: float = 0.3
    voice_sings: float = 0.8
    voice_level_db: tuple[float, float] = (3.0, 4.0)

    @classmethod
    def none(cls) -> AugmentSettings:
        """Nothing at all: the mix is the plain sum of its stems."""
        off = {f.name: 0.0 for f in fields(cls) if isinstance(f.default, float)}
        return replace(cls(), level_dbfs=None, **off)

    @classmethod
    def light(cls) -> AugmentSettings:
        """For CPUs: about half the cost, without what costs most for what it teaches."""
        return replace(
            cls(), stem_tuning=0.15, stem_reverb=0.15, tempo=0.0, reverb=0.1, noise=0.3, codec=0.2
        )

    @property
    def fastest_tempo(self) -> float:
        """The most that a mix's tempo is raised by, as a ratio."""
        return max(1.0, self.tempo_rate[1]) if self.tempo else 1.0

    @property
    def sharpest_tuning(self) -> float:
        """The most that a stem's tuning is raised by, as a ratio."""
        return max(1.0, 2.0 ** (self.tuning_cents[1] / 1200.0)) if self.stem_tuning else 1.0
