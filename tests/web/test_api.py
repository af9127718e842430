"""Search, tracks and playlists over HTTP, on a library whose vectors are written by hand."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from partwise.library.library import Library
from partwise.library.search.options import SearchOptions
from partwise.parts import PARTS
from partwise.web import schemas
from partwise.web.app import Settings, create_app
from partwise.web.server import Server
from served import SCRIPT, client_of, ids_of, make_app


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    with client_of(make_app(tmp_path_factory.mktemp("served"))) as client:
        yield client


@pytest.fixture(scope="module")
def ids(client) -> dict[str, str]:
    return ids_of(client)


def test_status(client):
    status = client.get("/api/v1/status").json()
    assert (status["tracks"], status["segments"], status["files_indexed"]) == (6, 18, 6)
    assert status["parts"] == [str(part) for part in PARTS]
    assert status["job"] is None and status["can_index"] is True


def test_tracks_by_text(client):
    assert client.get("/api/v1/tracks").json()["total"] == 6
    counts = (("ARTIST 1", 3), ("song 2", 1), ("3 file", 1), ("it's", 6), ("%", 0), ("albun", 6))
    for text, count in counts:
        assert client.get("/api/v1/tracks", params={"text": text}).json()["total"] == count, text
    best = client.get("/api/v1/tracks", params={"text": "1 artist"}).json()["tracks"]
    assert [track["title"] for track in best] == [SCRIPT, "Song 1", "Song 3"]
    page = client.get("/api/v1/tracks", params={"limit": 2, "offset": 5}).json()
    assert page["total"] == 6 and len(page["tracks"]) == 1


def test_a_track(client, ids):
    track = client.get(f"/api/v1/tracks/{ids['Song 3']}").json()
    assert (track["title"], track["artist"], track["year"]) == ("Song 3", "Artist 1", 1993)
    assert track["parts"] == ["bass"] and set(track["presence"]) == set(PARTS)
    assert track["paths"][0].endswith("3 file.mp3") and track["has_cover"] is False


def search(client, **asked):
    answer = client.post("/api/v1/search", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_search_ranks_as_the_library_does(client, ids):
    found = search(client, songs=[ids["Song 1"]], weights={"drums": 2, "bass": 1}, top=500)
    library = Library.open(client.app.state.server.library.path)
    hits = library.search(ids["Song 1"], "drums=2,bass", top=500)
    assert [hit["track_id"] for hit in found["hits"]] == [hit.track_id for hit in hits]
    assert [hit["score"] for hit in found["hits"]] == pytest.approx([hit.score for hit in hits])
    # The rule that the page re-ranks with.
    for hit in found["hits"]:
        same = hit["similarities"]
        expected = (2 * (same["drums"] or 0) + (same["bass"] or 0)) / 3
        assert hit["score"] == pytest.approx(expected)
    assert found["hits"][-1]["title"] == "Song 3"  # it has no drums
    assert found["hits"][-1]["similarities"]["drums"] is None
    assert found["query"]["songs"][0]["song_id"] == ids["Song 1"]
    assert set(found["weights"]) == set(PARTS)


def test_answers_have_the_fields_of_their_schemas(client, ids):
    hit = search(client, songs=[ids["Song 1"]])["hits"][0]
    assert set(hit) == set(schemas.Hit.model_fields)
    moment = hit["moments"][0]
    assert set(moment) == set(schemas.Moment.model_fields)
    assert set(moment["query"][0]) == set(schemas.QueryMoment.model_fields)
    track = client.get(f"/api/v1/tracks/{ids['Song 1']}").json()
    assert set(track) == set(schemas.Track.model_fields)


def test_every_option_of_a_search_is_asked_for_by_its_name():
    names = {field.name for field in fields(SearchOptions)} - {"among"}  # a filter's text
    assert names <= set(schemas.SearchAsked.model_fields)


def test_only_the_first_hits_carry_moments(client, ids):
    hits = search(client, songs=[ids["Song 1"]], moments=2)["hits"]
    assert [bool(hit["moments"]) for hit in hits] == [True, True] + [False] * (len(hits) - 2)
    asked = {"songs": [ids["Song 1"]], "track_id": hits[4]["track_id"], "count": 2}
    moments = client.post("/api/v1/moments", json=asked).json()["moments"]
    assert 1 <= len(moments) <= 2
    assert moments[0]["query"][0]["song_id"] == ids["Song 1"]


def test_drums_of_one_song_and_bass_of_another(client, ids):
    of = {"drums": ids["Song 1"], "bass": ids["Song 4"]}
    found = search(client, per_part_of=of)
    assert found["weights"]["drums"] == found["weights"]["bass"] == 1
    sides = found["hits"][0]["moments"][0]["query"]
    assert {(side["song_id"], *side["parts"]) for side in sides} == {
        (of["drums"], "drums"),
        (of["bass"], "bass"),
    }


def test_less_like_a_song(client, ids):
    asked = {"songs": [ids["Song 2"]], "weights": {"drums": 1}, "include_duplicates": True}
    plain = {hit["title"]: hit["score"] for hit in search(client, **asked)["hits"]}
    for parts in (None, ["drums"]):
        found = search(client, **asked, less_like=[{"song": ids["Song 1"], "parts": parts}])
        scores = {hit["title"]: hit["score"] for hit in found["hits"]}
        assert "Song 1" not in scores and scores["Song 0"] < plain["Song 0"] - 0.1
        assert scores["Song 4"] >= plain["Song 4"]
        [less] = found["query"]["less_like"]
        assert (less["song_id"], less["name"]) == (ids["Song 1"], "Song 1")
        assert less["parts"][0] == "drums" and len(less["parts"]) == (5 if parts is None else 1)
    wrong = {**asked, "less_like": [{"song": ids["Song 3"], "parts": ["drums"]}]}
    answer = client.post("/api/v1/search", json=wrong)
    assert answer.status_code == 422 and "drums cannot be heard in Song 3" in answer.json()["error"]


def test_a_passage(client, ids):
    found = search(client, songs=[ids["Song 1"]], range=[0, 12])
    assert found["query"]["range"] == [0, 12]


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"text": "SONG 2"}, ["Song 2"]),
        ({"text": "4 fil"}, ["Song 4"]),
        ({"text": "1 ARTÍST so"}, ["Song 3"]),
        ({"text": "artist 0", "year_from": 1991}, ["Song 2", "Song 4"]),
        ({"text": "music"}, []),  # the folder's name is no file's
        ({"artist": "artist 0", "year_from": 1991}, ["Song 2", "Song 4"]),
        ({"album": "it's an", "year_to": 1990}, ["Song 0"]),
        ({"duration_from_s": 1000}, []),
        ({"has": ["drums"], "year_from": 1992}, [SCRIPT, "Song 2", "Song 4"]),
        ({"has": ["bass"], "has_not": ["drums"]}, ["Song 3"]),
        ({"enters_after_s": {"drums": 0}, "artist": "0"}, ["Song 0", "Song 2", "Song 4"]),
        ({"enters_after_s": {"drums": 1.5}}, []),
        ({"genre": "dub"}, ["Song 4"]),
        ({"text": "' OR 1=1 --"}, []),
        ({"text": "%"}, []),
        ({"artist": "\\"}, []),
    ],
)
def test_filters(client, ids, wanted, titles):
    found = search(client, songs=[ids["Song 1"]], filter=wanted, include_duplicates=True)
    assert sorted(hit["title"] for hit in found["hits"]) == titles


def test_artists_and_albums(client, ids):
    asked = {"songs": [ids["Song 1"]], "include_duplicates": True}

    def titles(**more):
        return [hit["title"] for hit in search(client, **asked, **more)["hits"]]

    assert titles(artists=["ARTIST 0"]) == ["Song 0", "Song 2", "Song 4"]
    assert sorted(titles(not_artists=["artist 0"])) == [SCRIPT, "Song 3"]
    assert len(titles(max_per_album=2)) == 2
    answer = client.post("/api/v1/search", json={**asked, "max_per_album": 0})
    assert answer.status_code == 422


def test_filter_and_where_together(client, ids):
    found = search(
        client, songs=[ids["Song 1"]], filter={"artist": "0"}, where="year > 1992 OR year < 1991"
    )
    assert {hit["title"] for hit in found["hits"]} == {"Song 0", "Song 4"}


def test_script_in_tags_is_data(client, ids):
    answer = client.get(f"/api/v1/tracks/{ids[SCRIPT]}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["title"] == SCRIPT
    asked = {"track_ids": [ids[SCRIPT]], "format": "xspf", "title": SCRIPT + "\u202e"}
    answer = client.post("/api/v1/playlists", json=asked)
    names = {"x": "http://xspf.org/ns/0/"}
    assert (
        ElementTree.fromstring(answer.content).findtext(".//x:track/x:title", "", names) == SCRIPT
    )
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "<script>" not in client.get("/api/docs").text


def test_playlists_hold_absolute_paths(client, ids):
    asked = {"track_ids": [ids["Song 2"], ids["Song 0"]], "format": "m3u8", "title": 'a/"b"; c'}
    answer = client.post("/api/v1/playlists", json=asked)
    lines = answer.text.splitlines()
    assert lines.pop(1) == '#PLAYLIST:a/"b"; c'
    assert [Path(line).name for line in lines[2::2]] == ["2 file.mp3", "0 file.mp3"]
    assert all(Path(line).is_file() for line in lines[2::2])
    disposition = answer.headers["content-disposition"]
    assert 'filename="a-_b__ c.m3u8"' in disposition


SECRETS = [
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "..\\..\\windows",
    "/etc/passwd",
    "%00",
    "a" * 5000,
    "upload-../../etc/passwd",
    "upload-" + "0" * 32,
    "' OR '1'='1",
    "0" * 32,
]


def test_playlists_are_named_after_the_question(client, ids):
    asked = {
        "track_ids": [ids["Song 2"]],
        "format": "m3u8",
        "question": {"songs": ["Song 1", "Song 4"], "weights": "drums=2,bass"},
    }
    answer = client.post("/api/v1/playlists", json=asked)
    title = "like Song 1 and Song 4, by drums=2, bass=1"
    assert answer.text.splitlines()[:2] == ["#EXTM3U", f"#PLAYLIST:{title}"]
    assert f'filename="{title}.m3u8"' in answer.headers["content-disposition"]
    long = {**asked, "title": "x" * 300}
    disposition = client.post("/api/v1/playlists", json=long).headers["content-disposition"]
    assert f'filename="{"x" * 120}.m3u8"' in disposition


def test_playlists_with_paths_from_the_folder_of_all_music(client, ids):
    asked = {"track_ids": [ids["Song 2"]], "format": "m3u8", "paths": "relative"}
    assert client.post("/api/v1/playlists", json=asked).text.splitlines()[-1] == "2 file.mp3"
    asked["format"] = "xspf"
    assert "<location>2%20file.mp3</location>" in client.post("/api/v1/playlists", json=asked).text


def test_songs_by_name_and_weights_as_text(client, ids):
    expected = search(client, songs=[ids["Song 1"]], weights={"drums": 2, "bass": 1})
    found = search(client, songs=["song 1"], weights="drums=2,bass")
    for answer in (expected, found):
        answer.pop("took_ms")
    assert found == expected
    of = search(client, per_part_of={"drums": "Song 4"})
    assert of["query"]["songs"][0]["song_id"] == ids["Song 4"]
    # Said in two ways it is one song.
    assert len(search(client, songs=["Song 1", ids["Song 1"]])["query"]["songs"]) == 2


def test_names_that_mean_several_or_none(client):
    answer = client.post("/api/v1/search", json={"songs": ["Artist 0"]})
    assert answer.status_code == 422
    assert "could be any of 3 tracks: " in answer.json()["error"]
    assert "0 file.mp3 (Song 0)" in answer.json()["error"]
    answer = client.post("/api/v1/search", json={"songs": ["nothing like it"]})
    assert answer.status_code == 404 and "no track of the server's library" in answer.text


def test_many_searches_are_answered_as_each_alone(client, ids):
    searches = [
        {"songs": [ids["Song 0"]], "weights": {"drums": 1}, "top": 3},
        {"songs": ["Song 4"], "range": [0, 12]},
        {"per_part_of": {"bass": "Song 0"}, "moments": 0},
    ]
    answer = client.post("/api/v1/search/many", json={"searches": searches})
    assert answer.status_code == 200
    for one, found in zip(searches, answer.json()["answers"], strict=True):
        alone = search(client, **one)["hits"]
        assert [hit["track_id"] for hit in found["hits"]] == [hit["track_id"] for hit in alone]
        for hit, other in zip(found["hits"], alone, strict=True):
            assert hit["score"] == pytest.approx(other["score"], abs=1e-6)
            assert len(hit["moments"]) == len(other["moments"])
    searches[1]["weights"] = "piano"
    answer = client.post("/api/v1/search/many", json={"searches": searches})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("search 2: piano cannot be heard in Song 4")


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("what", ["", "/audio", "/cover", "/peaks", "/presence"])
def test_no_id_is_a_path(client, path: str, what: str):
    answer = client.get(f"/api/v1/tracks/{path}{what}")
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize("path", SECRETS)
def test_no_id_in_a_body_is_a_path(client, ids, path: str):
    for address, asked in (
        ("search", {"songs": [path]}),
        ("search", {"per_part_of": {"drums": path}}),
        ("moments", {"songs": [ids["Song 1"]], "track_id": path}),
        ("playlists", {"track_ids": [path], "format": "m3u8"}),
        ("embed", {"song_id": path}),
    ):
        answer = client.post(f"/api/v1/{address}", json=asked)
        assert answer.status_code in (404, 422), (address, answer.text)
    assert client.delete(f"/api/v1/uploads/{path}").status_code in (404, 405, 422)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "name a song"),
        ({"songs": [], "weights": {"drums": 1}}, "name a song"),
        ({"songs": ["ID"], "weights": {"drums": 0}}, "every part weight is 0"),
        ({"songs": ["ID"], "weights": {"drums": 1e-300}}, "every part weight is 0"),
        ({"songs": ["ID"], "weights": {"drums": -1}}, "greater than or equal to 0"),
        ({"songs": ["ID"], "weights": {"piano": 1}}, "piano cannot be heard in Song 1"),
        ({"songs": ["ID"], "weights": {"voice": 1}}, "weights.voice"),
        ({"songs": ["ID"], "weights": "voice"}, "weights: unknown part 'voice'"),
        ({"songs": ["ID"], "weights": "drums=5000"}, "less than or equal to 1000"),
        ({"songs": ["ID"], "range": [5, 5]}, "must end after it starts"),
        ({"songs": ["ID", "ID"], "range": [0, 5]}, "one song"),
        ({"songs": ["ID"], "range": [500, 600]}, "past its end"),
        ({"songs": ["ID"], "top": 501}, "top"),
        ({"songs": ["ID"], "top": True}, "top"),
        ({"songs": ["ID"], "unknown": 1}, "unknown"),
        ({"songs": ["ID"], "where": "drop table"}, "not a condition"),
        ({"songs": ["ID"], "where": "((" * 400}, "not a condition"),
        ({"songs": ["ID"], "where": "duration_s > 4:00"}, "what is ':00'?"),
        ({"songs": ["ID"], "where": "year > 1; x", "filter": {"year_to": 2000}}, "found: ;"),
        (
            {"songs": ["ID"], "where": "true) OR (true", "filter": {"year_to": 1900}},
            "what is ') OR (true'?",
        ),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(client, ids, asked, said):
    text = json.dumps(asked).replace("ID", ids["Song 1"])
    answer = client.post(
        "/api/v1/search", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"top": NaN}', b"\xff\xfe", b"[" * 100_000, b"1" * 9000]
)
def test_broken_json_gets_a_sentence(client, body: bytes):
    answer = client.post(
        "/api/v1/search", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error"}


def test_a_body_too_large_for_a_question(client):
    answer = client.post("/api/v1/search", json={"where": "x" * 2_000_000})
    assert answer.status_code == 413


def test_unknown_addresses_and_methods(client):
    assert client.get("/api/v1/songs").json() == {"error": "there is nothing at this address"}
    assert client.put("/api/v1/status").status_code == 405
    for address, allowed in (
        ("/api/v1/index", "DELETE, GET, POST"),
        ("/api/v1/folders", "DELETE, GET"),
        ("/rest/ping", "GET, HEAD, POST"),
        ("/static/partwise.css", "GET, HEAD"),
    ):
        refused = client.options(address)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    assert client.get("/static/../server.py").status_code == 404
    assert client.get("/static/%2e%2e/server.py").status_code == 404


def test_embeddings_of_a_song(client, ids):
    answer = client.post("/api/v1/embed", json={"song_id": ids["Song 1"]}).json()
    assert answer["dim"] == 8 and len(answer["segments"]) == 3
    assert np.linalg.norm(answer["embedding"]["drums"]) == pytest.approx(1, abs=1e-5)
    assert not np.any(answer["embedding"]["piano"])


def test_the_page_of_the_api_lists_every_address(client):
    page = client.get("/api/docs").text
    for path in client.get("/api/v1/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page
    assert "//" not in page.replace("<!doctype", "")  # nothing from elsewhere


def test_a_server_before_there_is_a_library(tmp_path: Path):
    app = create_app(Server(Library(tmp_path / "none", resident=True)), Settings(music=()))
    with client_of(app) as client:
        status = client.get("/api/v1/status").json()
        assert (status["tracks"], status["model"], status["can_index"]) == (0, None, False)
        assert client.get("/api/v1/tracks").json() == {"total": 0, "tracks": []}
        assert client.get("/api/v1/failures").json() == {"total": 0, "failures": []}
        answer = client.post("/api/v1/search", json={"songs": ["0" * 32]})
        assert answer.status_code == 422 and "index a folder first" in answer.json()["error"]
        assert client.get(f"/api/v1/tracks/{'0' * 32}").status_code == 404
        assert client.post("/api/v1/embed", json={"song_id": "0" * 32}).status_code in (404, 422)
        assert client.post("/api/v1/index", json={"folders": ["/"]}).status_code == 403
    assert not (tmp_path / "none").exists()
