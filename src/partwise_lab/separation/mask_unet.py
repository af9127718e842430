"""Our own small separator: masks of `model.comparisons.MaskUNet`, put on the mix's spectrogram.

The network says for every mel band and frame how the power is shared out; each frequency bin takes
the masks of the bands that cover it. Stems are the masked spectrogram turned back into sound, with
the mix's phase, and add up to the mix.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.model.comparisons import MaskUNet
from partwise_lab.model.encoder import LogMelFrontend, power_to_db


class MaskUNetSeparator:
    """A trained mask U-Net as a separator.

    frontend : the log-mel that the network was trained with; its rate is that of the samples.
    """

    name = "mask U-Net"

    def __init__(self, network: MaskUNet, frontend: LogMelFrontend, digest: str) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)  # pyright: ignore
        self.frontend = frontend
        self.digest = digest
        self.sample_rate_hz = frontend.settings.sample_rate_hz
        filters = frontend.filters  # [bands, bins]
        covered = filters.sum(dim=0)
        # Bins outside all bands (below 30 Hz) follow the nearest band.
        inside = torch.nonzero(covered > 0)[:, 0]
        spread = filters / covered.clamp(min=1e-12)
        for edge, bins in ((inside[0], slice(0, inside[0])), (inside[-1], slice(inside[-1], None))):
            spread[:, bins] = spread[:, edge : edge + 1]
        self._spread = spread

    @torch.inference_mode()
    def separate(self, samples: np.ndarray) -> dict[Part, np.ndarray]:
        """float32 [samples] -> five stems that sum to them."""
        settings, window = self.frontend.settings, self.frontend.window
        mix = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
        mode = "reflect" if len(mix) > settings.n_fft // 2 else "constant"
        spectrum = torch.stft(
            mix,
            settings.n_fft,
            settings.hop_length,
            window=window,
            pad_mode=mode,
            return_complex=True,
        )  # [bins, frames]
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = power_to_db((self.frontend.filters @ power).T, settings.floor)
        masks = self._masks(log_mel)  # [parts, bands, frames]
        stems = torch.istft(
            (self._spread.T @ masks) * spectrum,
            settings.n_fft,
            settings.hop_length,
            window=window,
            length=len(mix),
        )
        return {part: stems[part.index].numpy() for part in PARTS}

    def _masks(self, log_mel: Tensor) -> Tensor:
        """[frames, bands] in dB -> [parts, bands, frames], summing to 1 over the parts."""
        return torch.softmax(self.network(log_mel[None])[0], dim=0).transpose(1, 2)


def load_mask_unet(path: Path, sample_rate_hz: int) -> MaskUNetSeparator:
    """The separator of a run of `partwise-lab train --recipe separator`.

    Raises PartwiseError when the checkpoint is missing, holds something else, or has been trained
    at another sample rate.
    """
    network, mel, _ = load_checkpoint(path)
    if not isinstance(network, MaskUNet):
        raise PartwiseError(
            f"{path} holds no separator: make one with `partwise-lab train --recipe separator`"
        )
    if mel.sample_rate_hz != sample_rate_hz:
        raise PartwiseError(
            f"separator {path} works at {mel.sample_rate_hz} Hz, here {sample_rate_hz} Hz is needed"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return MaskUNetSeparator(network, LogMelFrontend(mel), digest)
