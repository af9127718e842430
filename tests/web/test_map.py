"""The map over HTTP: points, what they are, and the page."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.library.map.atlas import atlas_file, make_atlas, read_atlas
from partwise.parts import PARTS, Part
from partwise.web import background
from partwise.web.app import create_app
from partwise.web.server import Server
from small_library import Piece, make_library

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return make_library(
        tmp_path,
        [
            Piece("a.wav", {Part.DRUMS: 0.0, Part.BASS: 10.0}, tags=Tags("A", "One")),
            Piece("b.wav", {Part.DRUMS: 50.0}, tags=Tags("B", "Two")),
            Piece("c.wav", {Part.DRUMS: 90.0, Part.BASS: 80.0}, tags=Tags(SCRIPT, "Two")),
            Piece("album/no title.wav", {Part.DRUMS: 120.0}),
        ],
    )


def client_of(library: Library) -> TestClient:
    return TestClient(create_app(Server(library)), base_url="http://127.0.0.1")


def ask(client: TestClient, path: str):
    """The answer once the map is made."""
    until_s = time.monotonic() + 20
    while (answer := client.get(path)).status_code == 202 and time.monotonic() < until_s:
        assert answer.json()["error"].startswith("the map is being made")
        time.sleep(0.05)
    return answer


def test_a_library_without_a_map_gets_it_when_asked(library: Library) -> None:
    client = client_of(library)
    assert client.get("/api/v1/map/tracks").status_code == 202
    listed = ask(client, "/api/v1/map/tracks").json()
    assert listed["track_ids"] == library.tracks().track_ids
    assert read_atlas(library.store) is not None


def test_what_the_points_are(library: Library) -> None:
    make_atlas(library.store)
    listed = client_of(library).get("/api/v1/map/tracks").json()
    named = dict(zip(listed["titles"], listed["artists"], strict=True))
    assert named == {"A": "One", "B": "Two", SCRIPT: "Two", "no title": None}
    groups = dict(zip(listed["titles"], listed["groups"], strict=True))
    assert groups["B"] == groups[SCRIPT] == 0  # the largest group comes first
    assert sorted(groups.values()) == [0, 0, 1, 2]


def test_where_the_points_are(library: Library) -> None:
    make_atlas(library.store)
    client = client_of(library)
    listed = client.get("/api/v1/map/tracks").json()
    atlas = read_atlas(library.store)
    assert atlas is not None
    for part in PARTS:
        answer = client.get(f"/api/v1/map/{part}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-partwise-map-version"] == listed["version"]
        points = np.frombuffer(answer.content, "<f4").reshape(-1, 2)
        np.testing.assert_array_equal(points, atlas.xy[:, part.index])
        again = client.get(f"/api/v1/map/{part}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    assert client.get("/api/v1/map/vocals").status_code == 422


def test_tracks_whose_files_are_gone_have_no_title(library: Library) -> None:
    make_atlas(library.store)
    client = client_of(library)
    first = client.get("/api/v1/map/tracks").json()
    library.store.ledger_table.delete("path LIKE '%/a.wav'")
    later = client_of(Library.open(library.path)).get("/api/v1/map/tracks").json()
    assert later["track_ids"] == first["track_ids"]
    row = first["titles"].index("A")
    assert later["titles"][row] is None and later["groups"][row] == -1


def test_a_new_map_is_read(library: Library) -> None:
    make_atlas(library.store)
    client = client_of(library)
    assert client.get("/api/v1/map/drums").status_code == 200
    atlas_file(library.store).unlink()
    assert client.get("/api/v1/map/drums").status_code == 202
    assert ask(client, "/api/v1/map/drums").status_code == 200


def test_a_failure_is_a_sentence(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(background, "make_atlas", full)
    client = client_of(library)
    answer = ask_until_it_fails(client)
    assert "No space left on device" in answer.json()["error"]


def ask_until_it_fails(client: TestClient):
    until_s = time.monotonic() + 20
    while "being made" in (answer := client.get("/api/v1/map/drums")).json()["error"]:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert answer.status_code == 404
    return answer


def test_no_library_is_a_sentence(tmp_path: Path) -> None:
    client = client_of(Library(tmp_path / "absent"))
    for path in ("/api/v1/map/tracks", "/api/v1/map/drums"):
        answer = client.get(path)
        assert answer.status_code == 404 and "index a folder" in answer.json()["error"]


def test_the_page_holds_no_script_and_no_style_of_its_own(library: Library) -> None:
    client = client_of(library)
    page = client.get("/map")
    assert page.status_code == 200
    for hook in ("map-canvas", "map-fps", "bar-audio", "map-search", "map-near"):
        assert f'data-testid="{hook}"' in page.text
    assert page.text.count('data-testid="map-part"') == len(PARTS)
    assert " style=" not in page.text and " onclick=" not in page.text
    for address in ("map.js", "map.css", "map-draw.js", "map-points.js", "map-view.js"):
        assert client.get(f"/static/{address}").status_code == 200
