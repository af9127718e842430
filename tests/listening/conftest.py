"""One small library and one test drawn from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from listening_tests import make_songs_library
from partwise.library.library import Library
from partwise.parts import Part
from partwise_lab.survey.testfile import TestFile, make_test

PARTS = (Part.DRUMS, Part.BASS)


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Eight songs with drums and bass."""
    return make_songs_library(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="session")
def _made(songs: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "test.sqlite"
    make_test(path, songs, PARTS, 6)
    return path


@pytest.fixture
def made(_made: Path, tmp_path: Path) -> TestFile:
    """A test of six questions and a catch trial that nobody has answered."""
    return TestFile(Path(shutil.copy(_made, tmp_path / "test.sqlite")))
