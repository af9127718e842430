"""What the ending of a name promises."""

from __future__ import annotations

import av
import pytest

from partwise.audio.types import FORMATS, USUAL_SUFFIX, is_audio_name, type_of


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.WAV", "WAV"), ("a.b.opus", "Ogg"), ("a.m4a", "MP4"), ("mp3", None), ("a.txt", None)],
)
def test_what_a_name_promises(name: str, container: str | None):
    promised = type_of(name)
    assert (promised and promised.container) == container


def test_what_is_looked_for_is_what_can_be_read():
    """Every ending has a reader that FFmpeg knows, and what may be a film is heard too."""
    known = {name for names in av.formats_available for name in names.split(",")}
    assert set(FORMATS.split(",")) <= known
    for name in "a.MP3 a.dsf a.dff a.dts a.mp4 a.webm a.mkv a.mka a.spx a.ac3 a.ts a.caf".split():
        assert is_audio_name(name)
    for name in ("._a.mp3", "a.jpg", "mp3", "a.m3u8", "a.cue"):
        assert not is_audio_name(name)


def test_the_usual_ending_of_a_container():
    assert USUAL_SUFFIX["MP4"] == ".m4a" and USUAL_SUFFIX["AIFF"] == ".aiff"
    assert USUAL_SUFFIX["Ogg"] == ".ogg" and "" not in USUAL_SUFFIX
