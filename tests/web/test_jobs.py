"""Indexing over HTTP: a run's progress, its end, one at a time, and searches beside it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.tables.lock import WriterLock
from partwise.web import api_library, responses
from partwise.web.app import Settings, create_app
from partwise.web.client import Client
from partwise.web.server import Server
from recordings import record
from served import client_of, live, make_app


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Five recordings, and a file that is none."""
    for number in range(5):
        record(tmp_path / "music" / f"{number}.wav", number)
    (tmp_path / "music" / "broken.mp3").write_bytes(b"no sound")
    return tmp_path / "music"


@pytest.fixture
def client(tmp_path: Path, tiny_model: Path):
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    with client_of(create_app(server)) as client:
        yield client


def wait(client: Any, seconds: float = 60) -> dict[str, Any]:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        job = client.get("/api/v1/index").json()["job"]
        if job["state"] != "running":
            return job
        time.sleep(0.05)
    raise AssertionError("the run does not end")


def test_from_no_library_to_answers(client, music: Path):
    answer = client.post("/api/v1/index", json={"folders": [str(music)]})
    assert answer.status_code == 202
    assert answer.json()["state"] == "running" and answer.json()["folders"] == [str(music)]
    job = wait(client)
    assert (job["state"], job["files_done"], job["files_total"]) == ("done", 6, 6)
    assert job["summary"]["indexed"] == 5 and job["summary"]["interrupted"] is False
    assert [Path(row["path"]).name for row in job["failures"]] == ["broken.mp3"]
    assert job["failures"] == client.get("/api/v1/failures").json()["failures"]
    status = client.get("/api/v1/status").json()
    assert (status["tracks"], status["failed"]) == (5, 1)
    assert status["job"]["job_id"] == job["job_id"]
    tracks = client.get("/api/v1/tracks").json()["tracks"]
    hits = client.post("/api/v1/search", json={"songs": [tracks[0]["track_id"]]}).json()["hits"]
    assert len(hits) == 4
    # Once more: nothing has to be heard.
    client.post("/api/v1/index", json={"folders": [str(music)]})
    assert wait(client)["summary"]["unchanged"] == 5


def test_one_run_at_a_time_and_it_can_be_stopped(client, music: Path):
    for number in range(10, 30):
        record(music / f"{number}.wav", number, 20.0)
    assert client.post("/api/v1/index", json={"folders": [str(music)]}).status_code == 202
    again = client.post("/api/v1/index", json={"folders": [str(music)]})
    assert again.status_code == 409 and "under way" in again.json()["error"]
    assert client.delete("/api/v1/index").status_code == 200
    job = wait(client)
    assert job["state"] == "stopped" and job["summary"]["interrupted"] is True
    assert client.delete("/api/v1/index").status_code == 409
    # Starting again is going on.
    client.post("/api/v1/index", json={"folders": [str(music)]})
    assert wait(client)["state"] == "done"
    assert client.get("/api/v1/status").json()["tracks"] == 25


def test_another_process_that_writes_is_respected(client, music: Path):
    client.post("/api/v1/index", json={"folders": [str(music)]})
    wait(client)
    with WriterLock(client.app.state.server.library.path):
        answer = client.post("/api/v1/index", json={"folders": [str(music)]})
    assert answer.status_code == 409 and "is writing to the library" in answer.json()["error"]


def test_folders_that_are_not_there_or_hold_nothing(client, tmp_path: Path):
    answer = client.post("/api/v1/index", json={"folders": [str(tmp_path / "none")]})
    assert answer.status_code == 422 and "no folder" in answer.json()["error"]
    (tmp_path / "empty").mkdir()
    client.post("/api/v1/index", json={"folders": [str(tmp_path / "empty")]})
    job = wait(client)
    assert job["state"] == "failed" and "no audio files" in job["message"]
    for folders in ([], [""], ["\0"], ["a\nb"], "text", [1]):
        assert client.post("/api/v1/index", json={"folders": folders}).status_code == 422


def test_only_folders_inside_music_when_so_limited(tmp_path: Path, music: Path, tiny_model: Path):
    (tmp_path / "music2").mkdir()
    (music / "out").symlink_to(tmp_path / "music2")
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    with client_of(create_app(server, Settings(music=(music,)))) as client:
        for folder in ("/", str(tmp_path), f"{music}2", f"{music}/../music2", f"{music}/out", "~"):
            answer = client.post("/api/v1/index", json={"folders": [str(music), folder]})
            assert answer.status_code == 403, folder
        assert client.post("/api/v1/index", json={"folders": [str(music)]}).status_code == 202
        assert wait(client)["state"] == "done"


def test_the_end_of_the_server_ends_a_run_in_order(tmp_path: Path, music: Path, tiny_model: Path):
    for number in range(10, 40):
        record(music / f"{number}.wav", number, 20.0)
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    app = create_app(server)
    with client_of(app) as client:
        client.post("/api/v1/index", json={"folders": [str(music)]})
    job = app.state.server.jobs.job
    assert job.state == "stopped" and job.summary.interrupted
    assert not app.state.server.uploads.folder.exists()


def stream(url: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", "/api/v1/index/events")
    return connection, connection.getresponse()


def test_events_tell_how_a_run_goes(tmp_path: Path, music: Path, tiny_model: Path):
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    with live(create_app(server)) as url:
        connection, answer = stream(url)
        assert answer.headers["content-type"].startswith("text/event-stream")
        Client(url).index(music, wait=False)
        states = []
        while not states or states[-1] == "running":
            line = answer.readline().decode()
            if line.startswith("data: "):
                states.append(json.loads(line[6:])["state"])
        assert states[-1] == "done" and "running" in states
        connection.close()


def test_clients_that_have_gone_free_their_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_library, "MOST_STREAMS", 2)
    monkeypatch.setattr(responses, "HEARTBEAT_S", 0.2)
    app = make_app(tmp_path)
    threads = threading.active_count()
    with live(app) as url:
        first, second = stream(url), stream(url)
        lines = [first[1].readline() for _ in range(8)]
        assert b": still here\n" in lines
        refused = stream(url)
        assert refused[1].status == 503
        refused[1].close()
        refused[0].close()
        assert threading.active_count() <= threads + 3  # none of them waits for a client
        for connection, answer in (first, second):
            answer.close()
            connection.close()
        until_s = time.monotonic() + 5
        while app.state.server.streams and time.monotonic() < until_s:
            time.sleep(0.05)
        assert app.state.server.streams == 0
        third = stream(url)
        assert third[1].status == 200
        started = time.monotonic()
    # The end of the server does not wait for an open stream.
    assert time.monotonic() - started < 4
    third[1].close()
    third[0].close()


def test_searches_are_answered_while_a_run_goes_on(tmp_path: Path, music: Path, tiny_model: Path):
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    with live(create_app(server)) as url:
        client = Client(url)
        client.index(music)
        for number in range(10, 30):
            record(music / f"{number}.wav", number, 20.0)
        client.index(music, wait=False)
        answered = 0
        while (client.job() or {})["state"] == "running":
            assert len(client.search("0.wav", "drums", top=3)) == 3
            answered += 1
        assert answered >= 3
        assert (client.job() or {})["state"] == "done"


def test_the_client_waits_for_a_run_and_hears_of_it(tmp_path: Path, music: Path, tiny_model: Path):
    seen = []

    class Reporter:
        def say(self, sentence: str) -> None:
            seen.append(sentence)

        def update(self, progress: Any) -> None:
            seen.append(progress.files_done)

    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    with live(create_app(server)) as url:
        summary = Client(url).index([music], reporter=Reporter())
        assert summary is not None and summary.indexed == 5 and summary.failed == 1
        assert "broken.mp3" in summary.failures[0].shown_path
        assert seen and seen[-1] == 6
        with pytest.raises(PartwiseError, match="no folder"):
            Client(url).index(tmp_path / "none")
        (tmp_path / "empty").mkdir()
        with pytest.raises(PartwiseError, match="no audio files"):
            Client(url).index(tmp_path / "empty")
