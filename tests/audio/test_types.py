"""What the ending of a name promises."""

from __future__ import annotations

import pytest

from partwise.audio.types import AUDIO_SUFFIXES, TYPES, USUAL_SUFFIX, is_audio_name, type_of


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.WAV", "WAV"), ("a.b.opus", "Ogg"), ("a.m4a", "MP4"), ("mp3", None), ("a.txt", None)],
)
def test_what_a_name_promises(name: str, container: str | None):
    promised = type_of(name)
    assert (promised and promised.container) == container


def test_films_are_not_looked_for_but_are_known():
    assert ".mp4" not in AUDIO_SUFFIXES and TYPES[".mp4"].media_type == "audio/mp4"
    assert is_audio_name("a.MP3") and not is_audio_name("._a.mp3") and not is_audio_name("a.mp4")


def test_the_usual_ending_of_a_container():
    assert USUAL_SUFFIX["MP4"] == ".m4a" and USUAL_SUFFIX["AIFF"] == ".aiff"
    assert USUAL_SUFFIX["Ogg"] == ".ogg" and "" not in USUAL_SUFFIX
