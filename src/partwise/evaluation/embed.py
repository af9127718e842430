"""Encoders as the protocols see them: segments in, embeddings and presence out, not gated."""

from __future__ import annotations

import numpy as np

from partwise.embedding.encoder import Encoder
from partwise.embedding.logmel import LogMel
from partwise.evaluation.pseudo_knn import EmbedSegments


def segment_embedder(encoder: Encoder) -> EmbedSegments:
    """`embed(samples [segments, samples])` at the encoder's sample rate.

    The embeddings are those of the network itself: the protocols judge them also where the
    presence head would have called the part absent.
    """
    transform = LogMel(encoder.settings)

    def embed(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_mel = np.stack([transform(segment) for segment in samples])
        return encoder.encode_ungated(log_mel)

    return embed
