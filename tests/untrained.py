"""A small network that has learnt nothing, its batch norm statistics those of what it will hear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from listeners import make_songs
from partwise.embedding.logmel import MelSettings
from partwise_lab.model.checkpoint import save_checkpoint
from partwise_lab.model.comparisons import PaperEncoder, PaperEncoderSettings
from partwise_lab.model.encoder import EncoderSettings, LogMelFrontend, PartEncoder


def write_untrained(path: Path, kind: str = "part") -> Path:
    """A checkpoint of the network `kind`, part or paper."""
    torch.manual_seed(0)
    if kind == "part":
        model = PartEncoder(
            EncoderSettings(dim=32, widths=(8, 16, 16), blocks=1, pooled=16, pooled_fine=8)
        )
    else:
        model = PaperEncoder(PaperEncoderSettings(dim=8, widths=(4, 8, 8)))
    stems = [song.stem("piano") for song in make_songs(12, ("piano",), seed=9)]
    log_mel = LogMelFrontend(MelSettings())(torch.from_numpy(np.stack(stems)))
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.momentum = None  # the mean of what it has heard
    model.train()
    with torch.no_grad():
        model(log_mel)
    save_checkpoint(path, model.eval(), MelSettings(), {"recipe": "tiny", "steps": 0})
    return path
