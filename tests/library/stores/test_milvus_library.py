"""A library whose vectors lie in Milvus: the same answers, and runs that its server interrupts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from milvus_process import MilvusProcess
from partwise.cli import main
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.reports import Progress
from recordings import counts


@pytest.fixture
def ask(music: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]):
    """What ``partwise like`` finds in a library, once ``music`` has been indexed there."""

    def run(library: Path, *options: str) -> list[tuple[str, float]]:
        place = ["--library", str(library)]
        hear = ["--model", str(tiny_model), "--jobs", "1"]
        assert main(["index", str(music), *place, *hear, *options]) == 0
        capsys.readouterr()
        assert (
            main(["like", str(music / "a.wav"), *place, "--json", "--model", str(tiny_model)]) == 0
        )
        hits = json.loads(capsys.readouterr().out)["hits"]
        return [(hit["path"], hit["score"]) for hit in hits]

    return run


def test_a_library_in_milvus_answers_as_one_in_a_folder(
    ask, milvus_database: str, tmp_path: Path
) -> None:
    expected = ask(tmp_path / "folder")
    found = ask(tmp_path / "milvus", "--store", milvus_database)
    assert [path for path, _ in found] == [path for path, _ in expected]
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=1e-5)
    assert len(expected) == 4
    assert not list((tmp_path / "milvus").glob("tracks_*"))
    assert ask(tmp_path / "milvus") == found  # the library knows its store


class KillAfterOneFile:
    """A Reporter that kills the server as soon as a file is done."""

    def __init__(self, server: MilvusProcess) -> None:
        self.server = server

    def say(self, sentence: str) -> None:
        pass

    def update(self, progress: Progress) -> None:
        if progress.files_done:
            self.server.kill()


def test_a_run_whose_server_goes_away_can_be_repeated(
    own_server: MilvusProcess, music: Path, tiny_model: Path, tmp_path: Path
) -> None:
    def index(**options: Any) -> dict[str, int]:
        library = Library(tmp_path / "library")
        return counts(library.index([music], jobs=1, model=tiny_model, **options))

    with pytest.raises(PartwiseError, match=r"milvus://127.0.0.1:\d+ does not answer"):
        index(store=own_server.uri, reporter=KillAfterOneFile(own_server))
    own_server.start()
    time.sleep(2.5)  # the client looks for it every two seconds
    index()
    library = Library(tmp_path / "library")
    tracks = library.store.track_vectors()
    assert len(tracks) == len(set(tracks.track_ids)) == 5
    assert library.store.segments.count() == tracks.segments.sum()
    assert index() == {"unchanged": 5}
