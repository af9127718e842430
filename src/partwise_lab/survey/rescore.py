"""What another model would think of the trials of a test: old answers judge a new model."""

from __future__ import annotations

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import Part
from partwise_lab.survey.testfile import TestFile
from partwise_lab.survey.trials import Place


def margins_of(test: TestFile, library: Library) -> list[float | None]:
    """score(X, A) - score(X, B) of each trial by the library's model of now.

    None where a track is not in the library any more, or the model does not hear the part there.
    Raises PartwiseError where that is so of all trials.
    """
    places = {place for trial in test.trials for place in (trial.x, trial.a, trial.b)}
    found = library.store.segments_of({place.track_id for place in places})
    margins: list[float | None] = []
    for trial in test.trials:
        x, a, b = (_vector(found, place, trial.part) for place in (trial.x, trial.a, trial.b))
        if x is None or a is None or b is None:
            margins.append(None)
        else:
            margins.append(float(x @ a - x @ b))
    if all(margin is None for margin in margins):
        raise PartwiseError(
            f"the library at {library.path} has none of the songs of the test {test.path}"
        )
    return margins


def _vector(found: dict[str, PartEmbeddings], place: Place, part: Part) -> np.ndarray | None:
    """float32 [dim] of the segment that overlaps most with what was heard, if the part is there."""
    segments = found.get(place.track_id)
    if segments is None or not len(segments):
        return None
    starts = np.maximum(segments.start_s, place.start_s)
    at = int(np.argmax(np.minimum(segments.end_s, place.end_s) - starts))
    vector = segments.embeddings[at, part.index]
    return vector if vector.any() else None
