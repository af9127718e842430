"""Folders over HTTP: what is held of each; choosing, watching, forgetting; the page's tables."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partwise.library.library import Library
from partwise.web.app import Settings, create_app
from partwise.web.server import Server
from recordings import record
from served import client_of, ids_of, make_app


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(3):
        path = record(tmp_path / "music" / f"{number}.wav", number)
        os.utime(path, (1e9, 1e9))
    return tmp_path / "music"


@pytest.fixture
def client(tmp_path: Path, tiny_model: Path):
    server = Server(Library(tmp_path / "library", resident=True), tiny_model)
    server.folders._quiet_s = 0.5
    with client_of(create_app(server, Settings(music=(tmp_path,)))) as client:
        yield client


def wait_for(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it does not come")


def ended(client: Any) -> Any:
    job = client.get("/api/v1/index").json()["job"]
    return job if job["state"] != "running" else None


def folders(client: Any) -> list[dict[str, Any]]:
    return client.get("/api/v1/folders").json()["folders"]


def test_a_folder_is_listed_watched_and_forgotten(client, music: Path):
    assert folders(client) == []
    client.post("/api/v1/index", json={"folders": [str(music)]})
    wait_for(lambda: ended(client))
    (row,) = folders(client)
    assert (row["path"], row["tracks"], row["leaving"]) == (str(music), 3, 3)
    assert row["kept"] and row["there"] and row["open"] and row["watch"] == "off"
    assert time.time() - row["last_run_at"] < 60

    answer = client.put("/api/v1/folders/watched", json={"path": str(music), "watched": True})
    assert answer.json()["folders"][0]["watch"] == "watching"
    path = record(music / "new" / "3.wav", 3)
    os.utime(path, (1e9, 1e9))
    wait_for(lambda: folders(client)[0]["tracks"] == 4)
    assert client.get("/library").status_code == 200  # it answers meanwhile

    # What is away stays in the library, and nothing of it is called missing.
    music.rename(music.with_name("elsewhere"))
    wait_for(lambda: folders(client)[0]["watch"] == "away")
    time.sleep(1.5)
    (row,) = folders(client)
    assert (row["tracks"], row["missing"], row["there"]) == (4, 0, False)
    music.with_name("elsewhere").rename(music)

    wait_for(lambda: ended(client))
    answer = wait_for(
        lambda: (
            (a := client.delete("/api/v1/folders", params={"path": str(music)})).status_code == 202
            and a
        )
    )
    assert answer.json()["kind"] == "forget"
    job = wait_for(lambda: ended(client))
    assert (job["state"], job["forgotten"]) == ("done", {"files": 4, "tracks": 4})
    wait_for(lambda: folders(client) == [], 10)
    assert len(list(music.rglob("*.wav"))) == 4
    assert client.delete("/api/v1/folders", params={"path": str(music)}).status_code == 404


def test_a_watch_is_taken_up_by_the_next_server(client, music: Path, tiny_model: Path):
    client.post("/api/v1/index", json={"folders": [str(music)]})
    wait_for(lambda: ended(client))
    client.put("/api/v1/folders/watched", json={"path": str(music), "watched": True})
    library = client.app.state.server.library.path
    server = Server(Library(library, resident=True), tiny_model)
    with client_of(create_app(server)) as other:
        assert folders(other)[0]["watch"] == "watching"
        other.put("/api/v1/folders/watched", json={"path": str(music), "watched": False})
        assert folders(other)[0]["watch"] == "off"
    server = Server(Library(library, resident=True), tiny_model)
    with client_of(create_app(server)) as other:
        assert folders(other)[0]["watch"] == "off"


def test_only_folders_that_may_be_indexed_can_be_seen(client, tmp_path: Path):
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    for name in ("Zeta", "alpha", ".hidden", "#recycle", "odd\nname"):
        (allowed / name).mkdir(parents=True)
    (outside / "secret").mkdir(parents=True)
    (allowed / "a.mp3").touch()
    (allowed / "out").symlink_to(outside)
    (allowed / "in").symlink_to(allowed / "alpha")
    (allowed / "nowhere").symlink_to(tmp_path / "none")
    server = client.app.state.server
    with client_of(create_app(server, Settings(music=(allowed,)))) as limited:

        def look(path: str, **asked: Any) -> Any:
            return limited.get("/api/v1/folders/browse", params={"path": path, **asked})

        start = look("").json()
        assert [row["path"] for row in start["folders"]] == [str(allowed)]
        assert start["parent"] is None and start["path"] == ""
        answer = look(str(allowed)).json()
        names = [row["name"] for row in answer["folders"]]
        assert names == ["alpha", "in", "odd\\nname", "Zeta"]
        assert (answer["recordings"], answer["total"], answer["parent"]) == (1, 4, "")
        odd = answer["folders"][2]["path"]
        assert look(odd).json()["parent"] == str(allowed)
        assert [row["name"] for row in look(str(allowed), text="ALP").json()["folders"]] == [
            "alpha"
        ]
        for path in (
            str(outside),
            str(tmp_path),
            "/",
            "~",
            "..",
            f"{allowed}/../outside",
            f"{allowed}/out",
            f"{allowed}/out/secret",
            f"{allowed}2",
            f"file://{outside}",
            f"file://{allowed}/%2e%2e/outside",
        ):
            assert look(path).status_code == 403, path
        assert look(f"{allowed}/none").status_code == 422
        assert look("a\0b").status_code == 422
        for path in (str(outside), f"{allowed}/out"):
            asked = {"path": path, "watched": True}
            assert limited.put("/api/v1/folders/watched", json=asked).status_code == 403
            assert limited.delete("/api/v1/folders", params={"path": path}).status_code == 403


def test_who_may_not_index_sees_no_folders_to_choose(tmp_path: Path):
    with client_of(make_app(tmp_path, Settings(music=()))) as client:
        assert client.get("/api/v1/folders/browse").status_code == 403
        assert client.delete("/api/v1/folders", params={"path": "/"}).status_code == 403
        asked = {"path": str(tmp_path / "music"), "watched": True}
        assert client.put("/api/v1/folders/watched", json=asked).status_code == 403
        page = client.get("/library").text
        assert "data-forget" not in page and 'id="chooser"' not in page


def test_thousands_of_folders_come_in_pages(tmp_path: Path):
    for number in range(3000):
        (tmp_path / "many" / f"{number:04}").mkdir(parents=True)
    with client_of(make_app(tmp_path)) as client:
        asked = {"path": str(tmp_path / "many"), "limit": 2, "offset": 2998}
        answer = client.get("/api/v1/folders/browse", params=asked).json()
        assert [row["name"] for row in answer["folders"]] == ["2998", "2999"]
        assert answer["total"] == 3000


def test_tracks_in_any_order(tmp_path: Path):
    with client_of(make_app(tmp_path)) as client:

        def titles(**asked: Any) -> list[str]:
            found = client.get("/api/v1/tracks", params=asked).json()["tracks"]
            return [track["title"][-1] for track in found]

        assert titles(sort="year") == [*list("01234"), ">"]
        assert titles(sort="year", descending=True) == [">", *list("43210")]
        assert titles(sort="drums")[0] == "3"  # the one that has none
        assert titles(text="song", sort="title", descending=True, limit=2, offset=1) == ["3", "2"]
        assert client.get("/api/v1/tracks", params={"sort": "path"}).status_code == 422


def test_the_tables_of_the_page(tmp_path: Path):
    with client_of(make_app(tmp_path)) as client:
        page = client.get("/library", params={"sort": "year", "descending": True}).text
        assert 'aria-sort="descending"' in page and "<script>alert" not in page
        found = client.get("/library/tracks", params={"text": "song 2"}).text
        assert found.count('data-testid="track"') == 1
        assert f"./#songs={ids_of(client)['Song 2']}" in found
        assert "drums 90 %" in found
        none = client.get("/library/tracks", params={"text": "<b>"}).text
        assert "No track has" in none and "<b>" not in none
        assert client.get("/library/failures", params={"text": "x"}).status_code == 200
        assert client.get("/library", params={"page": 99}).status_code == 200
