"""Separators behind one protocol, and how the command line names them.

Nothing is separated when partwise answers a query. These are what it is measured against: networks
that hear the separated stems of a mix, at the price of a separation for every recording.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import Part

SEPARATORS: dict[str, str] = {
    "hpss": "harmonic-percussive separation and a split at 250 Hz; nothing learnt",
    "demucs": "Demucs; demucs:MODEL for another than htdemucs_6s, demucs:MODEL@FOLDER for weights "
    "in a folder",
    "FILE.safetensors": "a mask U-Net of `partwise-lab train --recipe separator`",
}


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


def load_separator(spec: str, sample_rate_hz: int) -> Separator:
    """The separator that `spec` names: "hpss", "demucs[:MODEL[@FOLDER]]" or a checkpoint's path.

    sample_rate_hz : of the samples it will be given; another rate than the separator's own is
        converted on the way in and out.
    Raises PartwiseError for an unknown name, a missing package or weights that cannot be had.
    """
    kind, _, rest = spec.partition(":")
    if kind == "demucs":
        from partwise_lab.separation.demucs import DemucsSeparator

        model, _, folder = rest.partition("@")
        return DemucsSeparator(
            sample_rate_hz, model or "htdemucs_6s", Path(folder) if folder else None
        )
    if spec == "hpss":
        from partwise_lab.separation.hpss import HarmonicPercussive

        return HarmonicPercussive(sample_rate_hz)
    if spec.endswith(".safetensors"):
        from partwise_lab.separation.mask_unet import load_mask_unet

        return load_mask_unet(Path(spec), sample_rate_hz)
    known = "; ".join(f"{name}: {about}" for name, about in SEPARATORS.items())
    raise PartwiseError(f"unknown separator {spec!r}. There are {known}")
