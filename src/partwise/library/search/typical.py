"""What the songs of a library have in common is taken off a question before they are ranked.

The vectors of one part lie in a cone around their mean. So does the mean direction of a recording
that holds many songs, a medley or a DJ's set, which came near everything and so into most answers:
it was a hub, as the neighbours of points in many dimensions have them. Less what is typical of the
library, a question asks for what is its own. The part's score becomes

    <q - t, x> / <q - t, q>    with t = SHARE times the mean of the library's tracks

which is one inner product with ``x`` as it is stored, and 1 for the song itself. Where the share
and this score come from: docs/experiments.md, "Whole songs without hubs".
"""

from __future__ import annotations

import numpy as np

# Between 0.5, where medleys are still hubs, and 1, where they are hardly ever found.
SHARE = 0.7
# The mean of few songs is those songs; and of so few, most are among the answers anyway.
LEAST_TRACKS = 20
# Whose mean is taken; it is off by the spread of tracks over the root of this, less than 0.03.
SAMPLE = 1_000


def typical(vectors: np.ndarray) -> np.ndarray:
    """What is typical of tracks, float32 [parts=5, dim]; zeros for a part that few of them have.

    vectors : float32 [tracks, parts=5, dim], unit norm per part, zeros where the part is absent.
    """
    having = vectors.any(axis=-1).sum(axis=0)[:, None]  # [parts, 1]
    mean = vectors.sum(axis=0) / np.maximum(having, 1)
    return np.where(having >= LEAST_TRACKS, SHARE * mean, 0.0).astype(np.float32)


def beyond(vector: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """A question less what is typical, scaled so that its inner product with itself stays 1.

    vector, typical : float32 [parts=5, dim], the first of unit norm or zeros per part. A part that
    is zeros in it stays so.
    """
    rest = np.where(vector.any(axis=-1, keepdims=True), vector - typical, 0.0)
    # At least 1 - SHARE: no mean of unit vectors is longer than 1.
    own = np.einsum("pd,pd->p", rest, vector)[:, None]
    return np.divide(rest, own, out=np.zeros_like(rest), where=own > 0).astype(np.float32)
