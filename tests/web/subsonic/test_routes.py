"""Every method over HTTP: fields and types of the specification, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from partwise.web.subsonic.routes import NAMES
from subsonic_conversation import JPEG, PIECES, TOKEN, make_app

SPACE = "{http://subsonic.org/restapi}"
COMMON = {"v": "1.16.1", "c": "test", "f": "json", "apiKey": TOKEN}

# The fields of a Child that are given out, by the types of the specification.
CHILD = {
    "id": str,
    "parent": str,
    "albumId": str,
    "artistId": str,
    "track": int,
    "bitRate": int,
    "created": str,
    "artists": list,
    "genres": list,
    "playCount": int,
    "isDir": bool,
    "title": str,
    "album": str,
    "artist": str,
    "displayArtist": str,
    "year": int,
    "coverArt": str,
    "size": int,
    "contentType": str,
    "suffix": str,
    "duration": int,
    "path": str,
    "isVideo": bool,
    "type": str,
    "mediaType": str,
}
NEEDED = {"id", "isDir", "title"}

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("songs")


@pytest.fixture(scope="module")
def client(folder: Path) -> TestClient:
    return TestClient(make_app(folder), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def ask(client: TestClient) -> Ask:
    def ask(method: str, **params: Any) -> dict[str, Any]:
        answer = client.get(f"/rest/{method}", params={**COMMON, **params})
        assert answer.status_code == 200
        return answer.json()["subsonic-response"]

    return ask


@pytest.fixture(scope="module")
def ids(ask: Ask) -> dict[str, str]:
    songs = ask("search3", query="")["searchResult3"]["song"]
    assert len(songs) == len(PIECES)
    return {song["title"]: song["id"] for song in songs}


def check_child(song: dict[str, Any]) -> None:
    assert set(song) >= NEEDED
    for name, value in song.items():
        assert type(value) is CHILD[name], name


def failed(answer: dict[str, Any], code: int, words: str) -> None:
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]


# --- ways to ask


@pytest.mark.parametrize("suffix", ["", ".view"])
def test_get_and_post_ask_the_same(client: TestClient, suffix: str) -> None:
    by_get = client.get(f"/rest/search3{suffix}", params={**COMMON, "query": "läuft"})
    by_post = client.post(f"/rest/search3{suffix}", data={**COMMON, "query": "läuft"})
    mixed = client.post(f"/rest/search3{suffix}", params=COMMON, data={"query": "läuft"})
    assert by_get.json() == by_post.json() == mixed.json()
    assert [s["title"] for s in by_get.json()["subsonic-response"]["searchResult3"]["song"]] == [
        "Läuft"
    ]


def test_extensions_are_told_without_credentials(client: TestClient) -> None:
    answer = client.get("/rest/getOpenSubsonicExtensions", params={"f": "json"}).json()
    offered = answer["subsonic-response"]["openSubsonicExtensions"]
    assert {"name": "sonicSimilarity", "versions": [1]} in offered
    assert all(set(extension) == {"name", "versions"} for extension in offered)


@pytest.mark.parametrize("method", sorted(NAMES - {"getOpenSubsonicExtensions"}))
def test_everything_else_wants_credentials(client: TestClient, method: str) -> None:
    for params, code in (({}, 10), ({"apiKey": "wrong"}, 44), ({"u": "a", "p": "wrong"}, 40)):
        answer = client.get(
            f"/rest/{method}", params={"v": "1.16.1", "c": "t", "f": "json"} | params
        )
        assert answer.status_code == 200
        assert answer.json()["subsonic-response"]["error"]["code"] == code


def test_a_method_that_is_not_there(client: TestClient) -> None:
    answer = client.get("/rest/getPodcasts", params=COMMON)
    assert answer.status_code == 200
    failed(answer.json()["subsonic-response"], 0, "no such method")


def test_forms_have_limits(client: TestClient) -> None:
    many = "&".join(f"a{number}=1" for number in range(20_001))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for content in ("query=" + "x" * 800_000, many, b"query=\xff"):
        answer = client.post("/rest/search3", params=COMMON, content=content, headers=headers)
        failed(answer.json()["subsonic-response"], 0, "form")


def test_jsonp_is_for_servers_with_a_token(client: TestClient, tmp_path: Path) -> None:
    params = {**COMMON, "f": "jsonp", "callback": "got"}
    assert client.get("/rest/ping", params=params).text.startswith("got({")
    free = TestClient(make_app(tmp_path, token=None), base_url="http://127.0.0.1")
    refused = free.get("/rest/search3", params={**params, "query": ""}).text
    assert '"code": 50' in refused and "One & Two" not in refused


# --- methods


def test_system_methods(ask: Ask) -> None:
    assert set(ask("ping")) == {"status", "version", "type", "serverVersion", "openSubsonic"}
    assert ask("getLicense")["license"] == {"valid": True}
    assert ask("tokenInfo")["tokenInfo"] == {"username": "partwise"}
    (music,) = ask("getMusicFolders")["musicFolders"]["musicFolder"]
    assert type(music["id"]) is int and type(music["name"]) is str


def test_a_song_has_the_fields_and_types_of_a_child(
    ask: Ask, ids: dict[str, str], folder: Path
) -> None:
    song = ask("getSong", id=ids["One & Two"])["song"]
    check_child(song)
    assert set(song) == set(CHILD) - {"bitRate"}  # of some bytes in a minute there is none
    path = folder / "music" / "Trio" / "01 One & Two.flac"
    (artist,) = song["artists"]
    assert artist == {"id": song["artistId"], "name": "Trio <Live>"}
    album = ask("getAlbum", id=song["albumId"])["album"]
    assert song in album["song"] and album["artistId"] == song["artistId"]
    assert song["path"] == str(path) and song["size"] == path.stat().st_size
    assert (song["track"], song["year"], song["duration"]) == (1, 1971, 61)
    assert (song["contentType"], song["suffix"]) == ("audio/flac", "flac")
    assert (song["album"], song["artist"]) == ("Sides", "Trio <Live>")
    assert (song["playCount"], song["genres"]) == (0, [])
    bare = ask("getSong", id=ids["b-side"])["song"]
    assert not set(bare) & {"album", "artist", "year", "track"}
    assert ask("getAlbum", id=bare["albumId"])["album"]["name"] == "[Unknown album]"
    failed(ask("getSong", id="nothing"), 70, "no song")
    failed(ask("getSong"), 10, "id")


def test_search_pages_through_songs(ask: Ask, ids: dict[str, str]) -> None:
    everything = ask("search3", query='""')["searchResult3"]["song"]
    assert len(everything) == len(ids)
    pages = [
        song
        for offset in range(0, 8, 2)
        for song in ask("search3", query="", songCount=2, songOffset=offset)["searchResult3"][
            "song"
        ]
    ]
    assert pages == everything
    assert ask("search3", query="", songCount=0)["searchResult3"]["song"] == []
    found = ask("search3", query="trio")["searchResult3"]
    assert [artist["name"] for artist in found["artist"]] == ["Trio <Live>"]
    assert [album["name"] for album in found["album"]] == ["Sides"]
    assert ask("search3", query="nowhere")["searchResult3"] == {
        "artist": [],
        "album": [],
        "song": [],
    }
    found = ask("search3", query="SIDES 01")["searchResult3"]["song"]  # album, and file name
    assert [song["title"] for song in found] == ["One & Two"]
    found = ask("search3", query='"two lauft"')["searchResult3"]["song"]
    assert found == []
    found = ask("search3", query="lauf*")["searchResult3"]["song"]  # accents, and a player's star
    assert [song["title"] for song in found] == ["Läuft"]
    failed(ask("search3"), 10, "query")
    failed(ask("search3", query="x" * 301), 0, "query is longer")
    failed(ask("search3", query="", songCount="many"), 0, "songCount")
    failed(ask("search3", query="", songOffset=-1), 0, "songOffset")


def test_random_songs_differ_and_keep_to_years(ask: Ask) -> None:
    def titles(**params: Any) -> list[str]:
        return [song["title"] for song in ask("getRandomSongs", **params)["randomSongs"]["song"]]

    assert len(set(titles(size=4))) == 4
    assert sorted(titles(fromYear=1972)) == ["Drums", "Läuft"]
    assert titles(fromYear=1972, toYear=1980) == ["Läuft"]
    assert titles(genre="Polka") == []


def test_sonic_matches_are_entries_with_a_similarity(ask: Ask, ids: dict[str, str]) -> None:
    answer = ask("getSonicSimilarTracks", id=ids["One & Two"])
    matches = answer["sonicMatch"]
    assert all(set(match) == {"entry", "similarity"} for match in matches)
    for match in matches:
        check_child(match["entry"])
        assert type(match["similarity"]) is float and 0.0 <= match["similarity"] <= 1.0
    similarities = [match["similarity"] for match in matches]
    assert similarities == sorted(similarities, reverse=True)
    assert [match["entry"]["title"] for match in matches][:3] == ["b-side", "Drums", "Läuft"]
    # Below 0 is 0: drums and bass at 150 degrees.
    assert {m["entry"]["title"]: m["similarity"] for m in matches}["Against"] == 0.0
    assert len(ask("getSonicSimilarTracks", id=ids["One & Two"], count=2)["sonicMatch"]) == 2


def test_parts_weigh_what_is_alike(ask: Ask, ids: dict[str, str]) -> None:
    def order(**params: Any) -> list[str]:
        matches = ask("getSonicSimilarTracks", id=ids["One & Two"], count=3, **params)["sonicMatch"]
        return [match["entry"]["title"] for match in matches]

    assert order(parts="drums") == ["Läuft", "b-side", "Drums"]
    assert order(parts="bass") == ["Drums", "b-side", "Läuft"]
    assert order(parts="drums=2,bass") == ["Läuft", "b-side", "Drums"]
    assert order(parts="") == order() == ["b-side", "Drums", "Läuft"]
    one = {"id": ids["One & Two"]}
    failed(ask("getSonicSimilarTracks", **one, parts="kazoo"), 0, "unknown part")
    failed(ask("getSonicSimilarTracks", **one, parts="guitar"), 0, "Guitar cannot be heard")


def test_xml_has_matches_as_elements(client: TestClient, ids: dict[str, str]) -> None:
    params = {**COMMON, "f": "xml", "id": ids["One & Two"], "count": 1}
    root = ElementTree.fromstring(
        client.get("/rest/getSonicSimilarTracks.view", params=params).content
    )
    (match,) = root.findall(f"{SPACE}sonicMatch")
    assert set(match.attrib) == {"similarity"}
    (entry,) = match
    assert entry.tag == f"{SPACE}entry"
    assert entry.attrib["title"] == "b-side" and entry.attrib["isDir"] == "false"


def test_a_sonic_path_begins_and_ends_where_it_is_told(ask: Ask, ids: dict[str, str]) -> None:
    ends = {"startSongId": ids["One & Two"], "endSongId": ids["Drums"]}
    matches = ask("findSonicPath", **ends, count=4, parts="drums")["sonicMatch"]
    titles = [match["entry"]["title"] for match in matches]
    assert titles == ["One & Two", "Läuft", "b-side", "Drums"]
    # To the start, as the specification has it: cosines of 0, 30, 60 and 90 degrees.
    similarities = [match["similarity"] for match in matches]
    assert similarities == pytest.approx([1.0, 0.866025, 0.5, 0.0], abs=1e-5)
    assert len(ask("findSonicPath", **ends, count=2)["sonicMatch"]) == 2
    assert len(ask("findSonicPath", **ends)["sonicMatch"]) == 5  # 25 by default: all that fit


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"startSongId": None}, 10, "startSongId"),
        ({"endSongId": None}, 10, "endSongId"),
        ({"endSongId": "nothing"}, 70, "no song"),
        ({"endSongId": "One & Two"}, 0, "would end where it starts"),
        ({"endSongId": "Piano"}, 0, "No part can be heard in both One & Two and Piano"),
        ({"count": 1}, 0, "count"),
        ({"count": "x"}, 0, "count"),
        ({"parts": "guitar"}, 0, "Guitar cannot be heard in One & Two"),
        ({"parts": "drums=-1"}, 0, "0 or more"),
    ],
)
def test_paths_that_cannot_be(
    ask: Ask, ids: dict[str, str], change: dict[str, Any], code: int, words: str
) -> None:
    params = {"startSongId": "One & Two", "endSongId": "Drums", **change}
    params = {key: ids.get(value, value) for key, value in params.items() if value is not None}
    failed(ask("findSonicPath", **params), code, words)


@pytest.mark.parametrize("name", ["similarSongs", "similarSongs2"])
def test_older_players_get_the_same_songs(ask: Ask, ids: dict[str, str], name: str) -> None:
    method = "get" + name[0].upper() + name[1:]
    songs = ask(method, id=ids["One & Two"], count=3)[name]["song"]
    assert [song["title"] for song in songs] == ["b-side", "Drums", "Läuft"]
    failed(ask(method, id="an artist"), 70, "no song")


# --- media


def test_a_stream_is_the_file_and_takes_ranges(client: TestClient, ids: dict[str, str]) -> None:
    params = {**COMMON, "id": ids["One & Two"], "maxBitRate": "128", "format": "raw"}
    whole = client.get("/rest/stream.view", params=params)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/flac")
    assert whole.content == b"stand-in 'Trio/01 One & Two.flac'"
    part = client.get("/rest/stream", params=params, headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, b"stand")
    saved = client.get("/rest/download", params=params)
    assert saved.content == whole.content
    assert saved.headers["content-disposition"].startswith("attachment")
    assert client.head("/rest/stream", params=params).status_code == 200


def test_only_songs_of_the_library_can_be_heard(ask: Ask) -> None:
    for song_id in ("nothing", "../../etc/passwd", "/etc/passwd", "upload-" + "0" * 32, "' OR 1=1"):
        for method in ("stream", "download", "getCoverArt"):
            failed(ask(method, id=song_id), 70, "")


def test_a_cover_is_an_image_or_not_there(
    client: TestClient, ask: Ask, ids: dict[str, str]
) -> None:
    answer = client.get("/rest/getCoverArt", params={**COMMON, "id": ids["Läuft"], "size": 64})
    assert (answer.headers["content-type"], answer.content) == ("image/jpeg", JPEG)
    failed(ask("getCoverArt", id=ids["Drums"]), 70, "no cover")


def test_a_file_that_has_changed_is_not_served(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path), base_url="http://127.0.0.1")
    songs = client.get("/rest/search3", params={**COMMON, "query": "b-side"}).json()
    song_id = songs["subsonic-response"]["searchResult3"]["song"][0]["id"]
    (tmp_path / "music" / "b-side.wav").write_bytes(b"something else")
    answer = client.get("/rest/stream", params={**COMMON, "id": song_id}).json()
    failed(answer["subsonic-response"], 70, "has changed since it was indexed")


# --- what is kept, browsed and encoded


def test_browsing_leads_from_artists_to_albums_to_songs(ask: Ask, ids: dict[str, str]) -> None:
    index = ask("getArtists")["artists"]["index"]
    names = {artist["name"]: artist["id"] for letter in index for artist in letter["artist"]}
    assert set(names) == {"Trio <Live>", "Solo", "[Unknown artist]"}
    (album,) = ask("getArtist", id=names["Trio <Live>"])["artist"]["album"]
    assert (album["name"], album["title"], album["songCount"]) == ("Sides", "Sides", 2)
    songs = ask("getAlbum", id=album["id"])["album"]["song"]
    assert [song["title"] for song in songs] == ["One & Two", "Läuft"]
    (folder,) = ask("getMusicDirectory", id=names["Trio <Live>"])["directory"]["child"]
    assert folder["isDir"] and folder["id"] == album["id"]
    assert folder["name"] == folder["title"] == folder["album"] == album["name"]
    inside = ask("getMusicDirectory", id=album["id"])["directory"]["child"]
    assert [song["id"] for song in inside] == [song["id"] for song in songs]
    kinds = ("random", "newest", "alphabeticalByName", "alphabeticalByArtist")
    for kind in kinds:
        assert len(ask("getAlbumList2", type=kind)["albumList2"]["album"]) == 3
    years = {"type": "byYear", "fromYear": 2000, "toYear": 1980}
    assert [one["artist"] for one in ask("getAlbumList2", **years)["albumList2"]["album"]] == [
        "Solo"
    ]
    for seed in (album["id"], names["Trio <Live>"]):
        similar = ask("getSimilarSongs2", id=seed)["similarSongs2"]["song"]
        assert similar and not {one["id"] for one in songs} & {one["id"] for one in similar}
    alike = ask("getArtistInfo2", id=names["Trio <Live>"])["artistInfo2"]["similarArtist"]
    assert "Solo" in {artist["name"] for artist in alike}
    failed(ask("getAlbum", id="al-nothing"), 70, "no album")
    failed(ask("getAlbumList2", type="best"), 0, "the lists are")


def test_playlists_stars_and_plays_are_kept(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    client = TestClient(app, base_url="http://127.0.0.1")

    def ask(method: str, **params: Any) -> dict[str, Any]:
        answer = client.get(f"/rest/{method}", params={**COMMON, **params})
        return answer.json()["subsonic-response"]

    songs = ask("search3", query="")["searchResult3"]["song"]
    one, two, three = (song["id"] for song in songs[:3])
    made = ask("createPlaylist", name="Mine", songId=[one, two, one])["playlist"]
    assert [song["id"] for song in made["entry"]] == [one, two, one]
    changed = {"songIndexToRemove": [0, 2], "songIdToAdd": [three], "comment": "good"}
    ask("updatePlaylist", playlistId=made["id"], name="Ours", **changed)
    ask("star", id=[one], albumId=songs[0]["albumId"], artistId=songs[0]["artistId"])
    ask("scrobble", id=[one, two], time=[1000, 2000])
    ask("scrobble", id=one, submission="false")

    app.state.server.marks.close()  # as another process would find it
    kept = ask("getPlaylist", id=made["id"])["playlist"]
    assert (kept["name"], kept["comment"], kept["songCount"]) == ("Ours", "good", 2)
    assert [song["id"] for song in kept["entry"]] == [two, three]
    starred = ask("getStarred2")["starred2"]
    assert [len(starred[kind]) for kind in ("artist", "album", "song")] == [1, 1, 1]
    song = ask("getSong", id=one)["song"]
    assert song["playCount"] == 1 and song["starred"] and song["played"] == "1970-01-01T00:00:01Z"
    ask("unstar", id=one)
    assert "starred" not in ask("getSong", id=one)["song"]
    failed(ask("createPlaylist", name="x", songId="nothing"), 70, "no song")
    failed(ask("updatePlaylist", playlistId=made["id"], songIndexToRemove=9), 70, "no song at")
    assert ask("deletePlaylist", id=made["id"])["status"] == "ok"
    failed(ask("getPlaylist", id=made["id"]), 70, "no playlist")


def test_web_players_may_ask_where_there_is_a_token(client: TestClient, tmp_path: Path) -> None:
    elsewhere = {"Origin": "https://player.example", "Sec-Fetch-Site": "cross-site"}
    before = client.options("/rest/ping", headers=elsewhere)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, "*")
    answer = client.post("/rest/ping", data=COMMON, headers=elsewhere)
    assert answer.json()["subsonic-response"]["status"] == "ok"
    assert answer.headers["access-control-allow-origin"] == "*"
    free = TestClient(make_app(tmp_path, token=None), base_url="http://127.0.0.1")
    for headers in (elsewhere, {"Sec-Fetch-Site": "cross-site"}):
        for method in ("GET", "POST", "OPTIONS"):
            refused = free.request(method, "/rest/star", params=COMMON, headers=headers)
            assert refused.status_code == 403
            assert "access-control-allow-origin" not in refused.headers
    assert free.get("/rest/ping", params=COMMON).status_code == 200
