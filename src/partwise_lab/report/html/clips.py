"""The sound of a test segment, as an address that holds the whole file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
import soundfile

from partwise.parts import Part
from partwise_lab.measure.stem_reader import StemReader

_LONGEST_S = 10.0
_LOUDEST = 0.98


def can_make_clips() -> bool:
    """Whether libsndfile here writes MP3, which every browser plays."""
    return "MP3" in soundfile.available_formats()


def clip_address(
    reader: StemReader,
    sources: Mapping[str, str],
    start_s: float,
    seconds: float,
    *,
    whole: bool = False,
) -> str:
    """`data:audio/mpeg;base64,...`, mono, at most 10 s: about 50 kB.

    sources : part -> name of the piece whose stem sounds; whole : the first of these pieces as it
    is, with what is in no stem.
    """
    index = {piece.name: number for number, piece in enumerate(reader.pieces)}
    if whole:
        samples = reader.whole(index[next(iter(sources.values()))])
    else:
        samples, _ = reader.mix({Part(part): index[name] for part, name in sources.items()})
    first = round(start_s * reader.sample_rate_hz)
    length = round(min(seconds, _LONGEST_S) * reader.sample_rate_hz)
    clip = samples[first : first + length]
    clip = clip * min(1.0, _LOUDEST / max(float(np.abs(clip).max(initial=0.0)), 1e-6))
    file = io.BytesIO()
    soundfile.write(
        file,
        clip,
        reader.sample_rate_hz,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",
        compression_level=0.8,
    )
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
