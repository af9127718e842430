"""Reading tags again without hearing, and the encoding of old ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from mutagen.flac import FLAC

from partwise.commands.status import _lines
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.reports import Progress
from recordings import counts, record
from sounds import tone, write

BAND = "Кино"


class Sentences:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def update(self, progress: Progress) -> None:
        pass


def set_title(path: Path, title: str) -> None:
    """Size and time stay, as some editors leave them."""
    before = path.stat()
    file = FLAC(path)
    file["title"] = title
    file.save()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def titles(library: Library) -> set[str | None]:
    return {track.tags.title for track in Library.open(library.path).catalogue.values()}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_tags_are_read_again_and_nothing_is_heard(
    library: Library, tmp_path: Path, tiny_model: Path, precision: str
) -> None:
    music = tmp_path / "music"
    paths = [record(music / f"{name}.flac", number) for number, name in enumerate("ab")]
    for path in paths:
        file = FLAC(path)
        file["title"] = "before"
        file.save()
    library.index(music, jobs=1, model=tiny_model, precision=precision)
    vectors = library.tracks().vectors
    set_title(paths[0], "after!")
    assert counts(library.index(music, jobs=1, model=tiny_model)) == {"unchanged": 2}
    assert titles(library) == {"before"}

    heard = Sentences()
    summary = library.index(music, jobs=1, model=tiny_model, tags=True, reporter=heard)
    assert counts(summary) == {"unchanged": 2, "tags_changed": 1}
    assert heard.said == ["reading the tags of 2 files again"]
    assert summary.audio_s == 0
    assert titles(library) == {"before", "after!"}
    np.testing.assert_allclose(Library.open(library.path).tracks().vectors, vectors, atol=1e-6)
    assert library.check().sound
    assert counts(library.index(music, jobs=1, model=tiny_model, tags=True)) == {"unchanged": 2}


def test_a_file_that_cannot_be_read_keeps_what_was_known(
    library: Library, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    path = record(music / "a.flac", 1)
    file = FLAC(path)
    file["title"] = "known"
    file.save()
    library.index(music, jobs=1, model=tiny_model)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, partwise.hearing.worker as w; w.read_tags = lambda *_: os.abort()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    heard = Sentences()
    summary = library.index(music, jobs=1, model=tiny_model, tags=True, reporter=heard)
    assert counts(summary) == {"unchanged": 1}
    assert "the tags of 1 file could not be read" in heard.said[-1]
    assert titles(library) == {"known"}


def test_the_library_remembers_the_encoding(
    library: Library, tmp_path: Path, tiny_model: Path
) -> None:
    def song(name: str, hz: float) -> None:
        path = write(tmp_path / "music" / name, tone(6.0, hz))
        tag = b"TAG" + BAND.encode("cp1251").ljust(30, b"\0") + bytes(95)
        path.write_bytes(path.read_bytes() + tag)

    song("a.mp3", 300.0)
    library.index(tmp_path / "music", jobs=1, model=tiny_model)
    assert titles(library) == {"Êèíî"}
    options = {"jobs": 1, "model": tiny_model}
    summary = library.index(tmp_path / "music", tag_encoding="cp1251", **options)
    assert counts(summary) == {"unchanged": 1, "tags_changed": 1}
    assert titles(library) == {BAND}

    song("b.mp3", 600.0)
    library.index(tmp_path / "music", **options)
    assert [track.tags.title for track in library.catalogue.values()] == [BAND, BAND]
    assert "tags      old ones are read as cp1251" in _lines(library.status(), "")
    with pytest.raises(PartwiseError, match="'cp1' is no encoding"):
        library.index(tmp_path / "music", tag_encoding="cp1", **options)
