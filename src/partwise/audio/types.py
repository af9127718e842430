"""Audio files by the ending of their name: the one table of what it promises."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import NamedTuple


class AudioType(NamedTuple):
    """container : as ``container.sniff`` calls it, '' where first bytes do not tell.

    media_type : what players and browsers call it.
    """

    container: str
    media_type: str


# The usual ending of a container comes first.
TYPES: dict[str, AudioType] = {
    ".aac": AudioType("AAC", "audio/aac"),
    ".aiff": AudioType("AIFF", "audio/aiff"),
    ".aif": AudioType("AIFF", "audio/aiff"),
    ".aifc": AudioType("AIFF", "audio/aiff"),
    ".ape": AudioType("Monkey's Audio", "audio/x-ape"),
    ".au": AudioType("AU", "audio/basic"),
    ".caf": AudioType("CAF", "audio/x-caf"),
    ".flac": AudioType("FLAC", "audio/flac"),
    ".m4a": AudioType("MP4", "audio/mp4"),
    ".m4b": AudioType("MP4", "audio/mp4"),
    ".mp4": AudioType("MP4", "audio/mp4"),
    ".mka": AudioType("Matroska", "audio/x-matroska"),
    ".webm": AudioType("Matroska", "audio/webm"),
    ".mp2": AudioType("", "audio/mpeg"),
    ".mp3": AudioType("MP3", "audio/mpeg"),
    ".mpc": AudioType("", "audio/x-musepack"),
    ".ogg": AudioType("Ogg", "audio/ogg"),
    ".oga": AudioType("Ogg", "audio/ogg"),
    ".opus": AudioType("Ogg", "audio/ogg"),
    ".tta": AudioType("", "audio/x-tta"),
    ".w64": AudioType("W64", "audio/x-w64"),
    ".wav": AudioType("WAV", "audio/wav"),
    ".wave": AudioType("WAV", "audio/wav"),
    ".wma": AudioType("WMA", "audio/x-ms-wma"),
    ".wv": AudioType("WavPack", "audio/x-wavpack"),
}
# Most files that end like these are films.
AUDIO_SUFFIXES = frozenset(TYPES) - {".mp4", ".webm"}
USUAL_SUFFIX = {
    kind.container: suffix for suffix, kind in reversed(TYPES.items()) if kind.container
}


def type_of(path: str | os.PathLike[str]) -> AudioType | None:
    """What the name of a file promises; None for an ending that promises nothing."""
    return TYPES.get(PurePath(path).suffix.lower())


def is_audio_name(name: str) -> bool:
    """Whether a file name promises audio. ``._name`` files are macOS attributes, never audio."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES and not name.startswith("._")
