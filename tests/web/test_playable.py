"""Copies of recordings that browsers do not play."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partwise.web.playable import Copies, media_type_of, write_flac
from partwise.web.responses import ClientGone
from sounds import tone, write


def test_copies_that_were_not_played_for_longest_go_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aiff", np.random.default_rng(0).normal(0, 0.1, 8000))
    copies = Copies(tmp_path / "cache", limit_bytes=40_000)  # each takes about 14 kB
    never = threading.Event()
    for number in range(2):
        copy = copies.make(f"song{number}", path, True, never)
        os.utime(copy, (number, number))
    assert copies.find("song0", True) is not None  # played: now song1 is the older one
    for name in (".half", ".old half"):
        (tmp_path / "cache" / name).write_bytes(b"fLaC")
    os.utime(tmp_path / "cache" / ".old half", (1, 1))
    copies.make("song2", path, True, never)
    assert copies.find("song1", True) is None
    assert copies.find("song0", True) and copies.find("song2", True)
    assert [file.name for file in (tmp_path / "cache").glob(".*")] == [".half"]


def test_copies_of_uploads_do_not_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aiff", tone(0.5))
    copies = Copies(tmp_path / "cache")
    copy = copies.make("upload-1", path, False, threading.Event())
    assert copy.exists() and not (tmp_path / "cache").exists()
    del copies
    assert not copy.exists()


def test_a_stopped_copy_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aiff", tone(2.0))
    with pytest.raises(ClientGone):
        write_flac(path, tmp_path / "a.flac", lambda: True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.aiff"]


def test_rates_that_browsers_do_not_play_are_lowered(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aiff", tone(0.5, rate_hz=192_000), 192_000)
    write_flac(path, tmp_path / "a.flac", lambda: False)
    assert soundfile.info(tmp_path / "a.flac").samplerate == 48_000


def test_media_types_go_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"<html><script>alert(1)</script></html>")
    assert media_type_of(tmp_path / "a.mp3") is None


def test_a_header_with_a_wrong_length_is_not_left_to_the_browser(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1.0))
    assert media_type_of(path) == "audio/wav"
    data = bytearray(path.read_bytes())
    data[40:44] = bytes(4)
    path.write_bytes(data)
    assert media_type_of(path) is None
    write_flac(path, tmp_path / "a.flac", lambda: False)
    assert soundfile.info(tmp_path / "a.flac").duration == 1.0
