"""The three requests of plugins, as those plugins send them.

The queries have the names and the order of AudioMuse-AI-NV-plugin (main.go, audiomuse_api.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from partwise.library.library import Library
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.reader import Store
from partwise.library.tables.server_songs import Listing, write_listing
from partwise.library.tables.writer import Writer
from partwise.servers.songs import ServerSong
from partwise.servers.subsonic import Subsonic
from partwise.web.app import Settings, create_app
from partwise.web.server import Server
from recordings import record
from served import client_of, ids_of, make_app
from stand_in_server import PASSWORD, StandIn, serving

ROOT = "subsonic://nas:4533"
TOKEN = "sesame"
SIMILAR = "/api/similar_tracks?eliminate_duplicates=true&item_id={}&n=5&radius_similarity=true"
PATH = (
    "/api/find_path?count=25&end_song_id={}&max_steps=25&mood_pct=100&path_fix_size=false"
    "&start_song_id={}"
)
ARTISTS = "/api/similar_artists?artist={}&include_component_matches={}&n=10"


def name_on_server(library: Library, ids: dict[str, str], root: str = ROOT) -> None:
    """Let songs be known by ids of a server, as a run over it leaves them."""
    with WriterLock(library.path):
        store = Store(library.path)
        digest = store.digest
        rows = [
            LedgerRow(f"{root}/{song}", 1, 1, track, State.INDEXED, None, None, digest, now())
            for song, track in ids.items()
        ]
        Writer(store, store.active).add([], rows)
        about = library.catalogue
        songs = [
            ServerSong(song, about[track].tags, artists=((f"ar-{artist}", artist),))
            for song, track in ids.items()
            for artist in about[track].tags.artists
        ]
        write_listing(library.path, root, Listing.of(songs))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Songs 0 to 4 are on a server as so-0 to so-4; the sixth is a file here alone."""
    app = make_app(tmp_path, Settings(token=TOKEN, hosts=None))
    library = app.state.server.library
    ids = {track.title: track.track_id for track in library.catalogue.values()}
    name_on_server(library, {f"so-{number}": ids[f"Song {number}"] for number in range(5)})
    app = create_app(Server(Library(library.path, resident=True)), app.state.settings)
    with client_of(app) as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        yield client


def test_similar_tracks_come_by_the_ids_of_the_server_that_was_asked_about(
    client: TestClient,
) -> None:
    answer = client.get(SIMILAR.format("so-0"))
    assert answer.status_code == 200
    found = answer.json()
    assert [one["item_id"] for one in found][:2] == ["so-1", "so-2"]
    assert {one["item_id"] for one in found} == {"so-1", "so-2", "so-3", "so-4"}
    first = found[0]
    assert (first["title"], first["author"], first["album"]) == (
        "Song 1",
        "Artist 1",
        "It's an album",
    )
    assert [one["distance"] for one in found] == sorted(one["distance"] for one in found)
    assert all(0 <= one["distance"] <= 1 for one in found)


def test_the_address_carries_the_parts(client: TestClient) -> None:
    track_id = ids_of(client)["Song 0"]
    for parts, weights in (
        ("drums=2,bass", {"drums": 2, "bass": 1}),
        ("bass", {"bass": 1}),
        ("drums%3D2%2Cbass", {"drums": 2, "bass": 1}),
    ):
        found = client.get(f"/for/{parts}{SIMILAR.format('so-0')}").json()
        asked = {"songs": [track_id], "weights": weights, "top": 6}
        hits = client.post("/api/v1/search", json=asked).json()["hits"]
        wanted = {hit["title"]: 1 - max(0.0, hit["score"]) for hit in hits}
        assert len(found) == 4
        for one in found:
            assert one["distance"] == pytest.approx(wanted[one["title"]], abs=1e-5)
    assert client.get(f"/for/drums{SIMILAR.format('so-0')}").json() != found


def test_of_the_parts_those_count_that_a_song_has(client: TestClient) -> None:
    # Song 3 has no drums.
    both = client.get(f"/for/drums=2,bass{SIMILAR.format('so-3')}").json()
    assert both == client.get(f"/for/bass{SIMILAR.format('so-3')}").json()
    refused = client.get(f"/for/drums{SIMILAR.format('so-3')}")
    assert refused.status_code == 422
    assert "drums cannot be heard in Song 3" in refused.json()["error"]
    refused = client.get(f"/for/trumpet{SIMILAR.format('so-0')}")
    assert refused.status_code == 422 and "trumpet" in refused.json()["error"]


def test_own_ids_work_beside_those_of_a_server(client: TestClient) -> None:
    ids = ids_of(client)
    found = client.get(SIMILAR.format(ids["Song 0"])).json()
    assert {one["item_id"] for one in found} == set(ids.values()) - {ids["Song 0"]}
    named = client.get("/api/similar_tracks?n=5&title=song+0&artist=ARTIST+0").json()
    assert named == found


def test_a_path_leads_through_songs_of_that_server(client: TestClient) -> None:
    answer = client.get(PATH.format("so-4", "so-0"))
    assert answer.status_code == 200
    path = [step["item_id"] for step in answer.json()["path"]]
    assert (path[0], path[-1]) == ("so-0", "so-4")
    assert len(set(path)) == len(path) >= 3 and all(path)
    short = client.get("/api/find_path?start_song_id=so-0&end_song_id=so-4&max_steps=2").json()
    assert [step["item_id"] for step in short["path"]] == ["so-0", "so-4"]
    drums = client.get(f"/for/drums{PATH.format('so-4', 'so-0')}").json()
    assert "so-3" not in {step["item_id"] for step in drums["path"]}


def test_similar_artists_by_the_id_and_by_the_name(client: TestClient) -> None:
    answer = client.get(ARTISTS.format("ar-Artist 0", "true"))
    assert answer.status_code == 200
    [found] = answer.json()
    assert (found["artist"], found["artist_id"]) == ("Artist 1", "ar-Artist 1")
    [match] = found["component_matches"]
    ours = {one["item_id"] for one in match["artist1_representative_songs"]}
    theirs = {one["item_id"] for one in match["artist2_representative_songs"]}
    assert ours == {"so-0", "so-2", "so-4"} and theirs == {"so-1", "so-3"}
    [plain] = client.get(ARTISTS.format("ar-Artist 0", "false")).json()
    assert "component_matches" not in plain
    [named] = client.get(ARTISTS.format("artist 0", "false")).json()
    assert (named["artist"], named["artist_id"]) == ("Artist 1", None)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (SIMILAR.format("nobody"), 404),
        ("/api/similar_tracks?n=5", 400),
        ("/api/similar_tracks?title=Song+0&artist=Nobody", 404),
        (ARTISTS.format("nobody", "true"), 404),
        ("/api/similar_artists?n=5", 400),
        (PATH.format("so-0", "nobody"), 404),
        (PATH.format("so-0", "so-0"), 422),
        ("/api/similar_tracks?item_id=so-0&n=many", 422),
    ],
)
def test_what_cannot_be_answered_gets_a_sentence(
    client: TestClient, address: str, status: int
) -> None:
    answer = client.get(address)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_the_token_is_asked_for_as_everywhere(client: TestClient) -> None:
    for address in (SIMILAR.format("so-0"), f"/for/drums{SIMILAR.format('so-0')}"):
        assert client.get(address, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert "error" in client.get(address, headers={"authorization": ""}).json()


def test_one_id_of_two_servers_is_refused_unless_it_is_the_same_song(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    library = app.state.server.library
    ids = {track.title: track.track_id for track in library.catalogue.values()}
    name_on_server(library, {"1": ids["Song 1"], "2": ids["Song 2"]})
    other = {"1": ids["Song 1"], "2": ids["Song 4"]}
    name_on_server(library, other, "subsonic://other")
    app = create_app(Server(Library(library.path, resident=True)), app.state.settings)
    with client_of(app) as client:
        assert client.get(SIMILAR.format("1")).status_code == 200
        refused = client.get(SIMILAR.format("2"))
    assert refused.status_code == 422 and "subsonic://other" in refused.json()["error"]


def test_from_the_server_to_the_plugin(tmp_path: Path, tiny_model: Path) -> None:
    stand_in = StandIn()
    for number in range(4):
        stand_in.add(f"so-{number}", record(tmp_path / f"{number}.wav", number), f"By {number}")
    library = Library(tmp_path / "library", resident=True)
    with serving(stand_in):
        source = Subsonic(stand_in.url, PASSWORD, waits_s=(0.01,))
        library.index(server=source, model=tiny_model, jobs=1)
    with client_of(create_app(Server(library))) as client:
        found = client.get(SIMILAR.format("so-0")).json()
        assert {one["item_id"] for one in found} == {"so-1", "so-2", "so-3"}
        artists = client.get(ARTISTS.format("ar-By 0", "true")).json()
        assert {one["artist_id"] for one in artists} == {"ar-By 1", "ar-By 2", "ar-By 3"}
        track_id = ids_of(client)["0"]
        played = client.get(f"/api/v1/tracks/{track_id}/audio")
        assert played.status_code == 404
        assert f"lies on {stand_in.root}" in played.json()["error"]
