"""Covers are looked up as far as an answer can wait, and the rest beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from partwise.web import background
from partwise.web.background import KnownCovers

TRACKS = [("a", Path("/music/a.mp3")), ("b", Path("/music/b.mp3")), ("c", Path("/music/c.mp3"))]


def test_what_there_is_no_time_for_is_known_the_next_time(monkeypatch: pytest.MonkeyPatch):
    def slow(path: Path) -> bool:
        time.sleep(0.05)
        return path.stem != "b"

    monkeypatch.setattr(background, "has_cover", slow)
    covers = KnownCovers()
    assert covers.of(TRACKS) == {"a"}  # after the first, the time is up
    until_s = time.monotonic() + 5
    while covers.of(TRACKS) != {"a", "c"} and time.monotonic() < until_s:
        time.sleep(0.02)
    assert covers.of(TRACKS) == {"a", "c"}


def test_what_was_found_long_ago_is_looked_at_again(monkeypatch: pytest.MonkeyPatch):
    has = {"value": True}
    monkeypatch.setattr(background, "has_cover", lambda path: has["value"])
    monkeypatch.setattr(background, "FRESH_S", 0.0)
    covers = KnownCovers()
    assert covers.of(TRACKS) == {"a", "b", "c"}
    has["value"] = False
    until_s = time.monotonic() + 5
    while covers.of(TRACKS) and time.monotonic() < until_s:
        time.sleep(0.02)
    assert covers.of(TRACKS) == set()
