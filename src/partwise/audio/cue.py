"""Cue sheets: the tracks of an album that is one file. They are not read, and that is said."""

from __future__ import annotations

import os
import re

_SUFFIXES = (".cue", ".CUE", ".Cue")
_MOST_BYTES = 1 << 20
_TRACK = re.compile(rb"^\s*TRACK\s+\d+\s+AUDIO", re.IGNORECASE | re.MULTILINE)


def cue_note(path: str | os.PathLike[str]) -> str | None:
    """A clause on the sheet of several tracks beside a recording (``album.cue`` or
    ``album.flac.cue`` beside ``album.flac``); None where there is none."""
    name = os.fspath(path)
    for base in (os.path.splitext(name)[0], name):
        for suffix in _SUFFIXES:
            try:
                with open(base + suffix, "rb") as file:
                    tracks = len(_TRACK.findall(file.read(_MOST_BYTES)))
            except OSError:
                continue
            if tracks > 1:
                return f"its cue sheet of {tracks} tracks is not read: the file is one track"
    return None
