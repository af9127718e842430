"""Rivals: what somebody would use today instead of a partwise model, behind one protocol.

None of them knows of parts: they hear a whole sound, a mix or a stem, and say how alike two are.
They are frozen: nothing is trained here, each has the settings of those who publish it. Their
packages are imported only when asked for.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from partwise.errors import PartwiseError
from partwise_lab.rivals.classic import Bliss, Mfcc, Musly
from partwise_lab.rivals.musicnn import AudioMuse, MusicnnMean


class FrozenEmbedder(Protocol):
    """Segments in, features out, and the distances that the rival itself takes between them.

    name : as given on the command line; about : one line, what it is and whose settings
    sample_rate_hz : of the samples that `embed` takes
    """

    name: str
    about: str
    sample_rate_hz: int

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 mono [segments, samples] to features [segments, width].

        float32, or uint8 where the features are a rival's serialised models. A segment's features
        do not depend on the others. Silence gives features too; raises PartwiseError for segments
        that are too short for the rival.
        """
        ...

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, width] to float64 [segments, segments]: symmetric, smaller is more alike.

        The diagonal is 0. Some rivals scale by all the segments at hand.
        """
        ...

    @property
    def bytes_per_segment(self) -> int: ...


_KINDS = {kind.name: kind for kind in (Mfcc, MusicnnMean, AudioMuse, Musly, Bliss)}
RIVALS: dict[str, str] = {name: kind.about for name, kind in _KINDS.items()}


def rival(name: str) -> FrozenEmbedder:
    """The rival of that name, ready to embed.

    Raises PartwiseError for an unknown name or a missing package.
    """
    if name not in _KINDS:
        raise PartwiseError(f"no rival is called {name!r}: there are {', '.join(RIVALS)}")
    return _KINDS[name]()
