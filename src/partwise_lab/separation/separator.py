"""Separators behind one protocol, and how the command line names them.

Nothing is separated when partwise answers a query. These are what it is measured against: networks
that hear the separated stems of a mix, at the price of a separation for every recording.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Protocol

import numpy as np

from partwise.audio.resample import resample
from partwise.errors import PartwiseError
from partwise.parts import Part

SEPARATORS: dict[str, str] = {
    "hpss": "harmonic-percussive separation and a split at 250 Hz; nothing learnt",
    "demucs": "Demucs; demucs:MODEL for another than htdemucs_6s, demucs:MODEL@FOLDER for weights "
    "in a folder",
    "FILE.safetensors": "a mask U-Net of `partwise-lab train --recipe separator`",
}
_BASS_HZ = 250.0
_PART_OF = {str(part): part for part in Part} | {"vocals": Part.OTHER}


class Separator(Protocol):
    """A mix in, stems out.

    name : as tables call it; digest : changes with what comes out, for what is kept on disk.
    sample_rate_hz : of the samples it takes and gives.
    """

    name: str
    digest: str
    sample_rate_hz: int

    def separate(self, samples: np.ndarray) -> dict[Part, np.ndarray]:
        """float32 mono [samples] -> a stem as long for every part that it tells apart."""
        ...


class HarmonicPercussive:
    """Separation without learning: harmonic-percussive, then a split in frequency.

    Median filters (Fitzgerald 2010) by librosa: the percussive part is taken for the drums, the
    harmonic part below 250 Hz (a split of fourth order) for the bass, and the rest of it for piano,
    guitar and other alike, which it cannot tell apart. It costs nothing to install and already
    makes frozen embeddings of drums much better; so it is what any claim about drums must beat.
    """

    name = "hpss"
    digest = "hpss 250"

    def __init__(self, sample_rate_hz: int) -> None:
        try:
            import librosa
            from scipy import signal
        except ImportError as error:
            raise PartwiseError(
                f"the separator hpss needs the package {error.name}: "
                "pip install 'partwise-lab[bench]' -c constraints.txt"
            ) from None
        self.sample_rate_hz = sample_rate_hz
        self._hpss = librosa.effects.hpss
        self._filter = signal.sosfiltfilt
        self._low = signal.butter(4, _BASS_HZ, "low", fs=sample_rate_hz, output="sos")

    def separate(self, samples: np.ndarray) -> dict[Part, np.ndarray]:
        """float32 [samples] -> five stems; piano, guitar and other are the same one."""
        harmonic, percussive = self._hpss(samples)
        low = self._filter(self._low, harmonic).astype(np.float32)
        rest = harmonic - low
        return {
            Part.DRUMS: percussive,
            Part.BASS: low,
            Part.PIANO: rest,
            Part.GUITAR: rest,
            Part.OTHER: rest,
        }


class DemucsSeparator:
    """Demucs on the CPU (Défossez 2021; Rouard, Massa and Défossez 2023).

    `htdemucs_6s` tells drums, bass, piano, guitar, vocals and the rest apart; vocals count as
    *other*. Models of four sources have no piano and no guitar: those parts are left out. Demucs
    fetches the weights itself, unless a folder that holds them is given. Its code is MIT; its
    authors say of the weights that they are provided for scientific purposes.

    model : a name that Demucs knows; folder : where its weights lie, if not to be fetched.
    Raises PartwiseError when Demucs is not installed or the weights cannot be had.
    """

    def __init__(self, sample_rate_hz: int, model: str, folder: Path | None = None) -> None:
        try:
            from demucs.apply import apply_model
            from demucs.pretrained import get_model
        except ImportError as error:
            raise PartwiseError(
                f"the separator demucs needs the package {error.name}: "
                "pip install 'partwise-lab[separate]' -c constraints.txt"
            ) from None
        try:
            self._model = get_model(model, folder)
        except (Exception, SystemExit) as error:  # of many kinds: hub, network, file, its own exit
            where = f"in {folder}" if folder else "from its makers"
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise PartwiseError(
                f"the Demucs model {model!r} cannot be had {where} ({cause}): give a folder with "
                "its weights as demucs:MODEL@FOLDER"
            ) from None
        self.sample_rate_hz = sample_rate_hz
        self.name = model
        self.digest = f"demucs {model}"
        self._apply = apply_model

    def separate(self, samples: np.ndarray) -> dict[Part, np.ndarray]:
        """float32 [samples] -> a stem for every part that the model has."""
        import torch

        inner_hz = int(self._model.samplerate)
        mix = resample(samples, self.sample_rate_hz, inner_hz)
        level = float(mix.std()) + 1e-8  # as Demucs's own command does before and after
        stereo = torch.from_numpy((mix - mix.mean()) / level).float().expand(1, 2, -1)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sources = self._apply(self._model, stereo, shifts=0)[0]  # [sources, channels, samples]
        stems: dict[Part, np.ndarray] = {}
        for source, sound in zip(self._model.sources, sources, strict=True):
            part = _PART_OF.get(source)
            if part is None:
                continue
            mono = resample(sound.mean(dim=0).numpy() * level, inner_hz, self.sample_rate_hz)
            mono = np.pad(mono, (0, max(0, len(samples) - len(mono))))[: len(samples)]
            stems[part] = stems[part] + mono if part in stems else mono
        return stems


def load_separator(spec: str, sample_rate_hz: int) -> Separator:
    """The separator that `spec` names: "hpss", "demucs[:MODEL[@FOLDER]]" or a checkpoint's path.

    sample_rate_hz : of the samples it will be given; another rate than the separator's own is
        converted on the way in and out.
    Raises PartwiseError for an unknown name, a missing package or weights that cannot be had.
    """
    kind, _, rest = spec.partition(":")
    if kind == "demucs":
        model, _, folder = rest.partition("@")
        return DemucsSeparator(
            sample_rate_hz, model or "htdemucs_6s", Path(folder) if folder else None
        )
    if spec == "hpss":
        return HarmonicPercussive(sample_rate_hz)
    if spec.endswith(".safetensors"):
        from partwise_lab.separation.mask_unet import load_mask_unet

        return load_mask_unet(Path(spec), sample_rate_hz)
    known = "; ".join(f"{name}: {about}" for name, about in SEPARATORS.items())
    raise PartwiseError(f"unknown separator {spec!r}. There are {known}")
