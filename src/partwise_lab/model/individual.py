"""Five networks that know nothing of each other, one per part, for stems and not for mixes.

What the one network is measured against (Hashizume et al. 2022 and 2024): each hears the clean stem
of its part, or what a separator made of it. Each is the trunk of `PartEncoder` without masks and
with a single subspace, so that a network of the comparison is as large as the one network.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from partwise.parts import PARTS
from partwise_lab.model.encoder import EncoderSettings, PartEncoder


class IndividualNetworks(nn.Module):
    """Stems of every part -> one unit vector each.

    settings : of every network; where its masks would act is of no importance, as it has none.
    """

    kind = "individual"

    def __init__(self, settings: EncoderSettings = EncoderSettings()) -> None:
        super().__init__()
        self.settings = replace(settings, masks="none")
        self.networks = nn.ModuleList(PartEncoder(self.settings, parts=1) for _ in PARTS)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Each part's network on its own batch.

        log_mel : [parts=5, batch, frames >= 8, bands] in dB, any gain
        returns : [parts=5, batch, dim], unit norm
        """
        heard = [self.networks[part.index](log_mel[part.index]).embeddings[:, 0] for part in PARTS]
        return torch.stack(heard)
