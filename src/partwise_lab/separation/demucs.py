"""Demucs as a separator (Défossez 2021; Rouard, Massa and Défossez 2023).

`htdemucs_6s` tells drums, bass, piano, guitar, vocals and the rest apart; vocals count as *other*.
Models of four sources have no piano and no guitar: those parts are left out. Demucs fetches the
weights itself, unless a folder that holds them is given. Its code is MIT; its authors say of the
weights that they are provided for scientific purposes.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from partwise.audio.resample import resample
from partwise.errors import PartwiseError
from partwise.parts import Part

_PART_OF = {str(part): part for part in Part} | {"vocals": Part.OTHER}


class DemucsSeparator:
    """A Demucs model, on the CPU, at the rate that the comparison works at.

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
