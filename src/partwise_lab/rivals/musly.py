"""musly's timbre measure: a Gaussian of 25 MFCCs, Jensen-Shannon, mutual proximity.

Mutual proximity (Schnitzer et al., ISMIR 2011) turns a distance into how few of the others are
nearer to either of the two; musly estimates it against a sample of the tracks, which it calls the
style. Here the style is the segments at hand.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from partwise_lab.rivals.distance import symmetric
from partwise_lab.rivals.needs import checked, need

_TRACK_BYTES = 1404  # means, covariances and the logarithm of their determinant, float32
_STYLE = 1000  # segments at most, as musly advises


class Musly:
    """What `pymusly.MuslyJukebox("timbre")` makes of segments.

    The features are musly's serialised models, which hold for any jukebox. Of silence it makes no
    model (all its values are NaN): such a segment stays out of the style and is at the largest
    distance, 1, from every other. A segment under a second gives a sentence.
    """

    name = "musly"
    about = "musly: timbre (Gaussian of 25 MFCCs), mutual proximity over the segments at hand"
    sample_rate_hz = 22050
    bytes_per_segment = _TRACK_BYTES

    def __init__(self) -> None:
        need(self.name, "pymusly")

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples] to uint8 [segments, 1404]."""
        samples = checked(samples, self.name, self.sample_rate_hz, self.sample_rate_hz)
        jukebox = _jukebox()
        models = [
            jukebox.serialize_track(jukebox.track_from_audiodata(segment)) for segment in samples
        ]
        return np.frombuffer(b"".join(models), np.uint8).reshape(len(samples), -1)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """uint8 [segments, 1404] to float64 [segments, segments], 0..1."""
        distance = np.ones((len(features), len(features)))
        sounding = np.flatnonzero(_is_model(features))
        if len(sounding):
            jukebox = _jukebox()
            tracks = [jukebox.deserialize_track(row.tobytes()) for row in features[sounding]]
            chosen = np.random.default_rng(0).permutation(len(tracks))[:_STYLE]
            jukebox.set_style([tracks[i] for i in chosen])
            known = list(zip(jukebox.add_tracks(tracks), tracks, strict=True))
            found = np.array([jukebox.compute_similarity(seed, known) for seed in known])
            # Undefined where all are the same: none is nearer than another.
            distance[np.ix_(sounding, sounding)] = np.nan_to_num(found, nan=0.0)
        return symmetric(distance)


def _jukebox() -> Any:
    """A new one each time, as it keeps the tracks that it was given. It decodes no files here."""
    return importlib.import_module("pymusly").MuslyJukebox("timbre", decoder="none")


def _is_model(features: np.ndarray) -> np.ndarray:
    """Which rows are models and not what musly makes of silence: bool [segments]."""
    # musly serialises in network byte order.
    values = np.ascontiguousarray(features).view(">f4")  # [segments, 351]
    return np.all(np.isfinite(values), axis=1)
