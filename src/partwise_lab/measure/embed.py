"""Encoders as the protocols see them: segments in, embeddings and presence out, not gated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from partwise.embedding.encoder import Encoder
from partwise.embedding.logmel import LogMel, MelSettings

# samples [segments, samples] -> embeddings [segments, parts, dim], presence [segments, parts]
EmbedSegments = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def segment_embedder(encoder: Encoder) -> EmbedSegments:
    """`embed(samples [segments, samples])` at the encoder's sample rate.

    The embeddings are those of the network itself: the protocols judge them also where the
    presence head would have called the part absent. Segments are heard as `embed` hears them.
    """
    return encoder.hear_segments


def checkpoint_embedder(model: Any, mel: MelSettings, device: str = "cpu") -> EmbedSegments:
    """The same for a PyTorch network of any recipe, as `load_checkpoint` returns it.

    It hears segments as a whole; an exported network may hear them in windows (`window_s`).

    model : gives `.embeddings` [segments, parts, dim] and `.presence_logits` [segments, parts].
    """
    import torch

    transform = LogMel(mel)
    network = model.to(device).eval()

    def embed(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_mel = torch.from_numpy(np.stack([transform(segment) for segment in samples]))
        with torch.inference_mode():
            heard = network(log_mel.to(device))
            presence = torch.sigmoid(heard.presence_logits.float())
            return heard.embeddings.float().cpu().numpy(), presence.cpu().numpy()

    return embed
