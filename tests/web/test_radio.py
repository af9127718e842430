"""Part radio over HTTP: stateless, by the rules of the library, and validated."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.library.library import Library
from partwise.web import schemas
from partwise.web.client import Client
from served import client_of, ids_of, live, make_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    return make_app(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def client(app):
    with client_of(app) as client:
        yield client


@pytest.fixture(scope="module")
def ids(client) -> dict[str, str]:
    return ids_of(client)


def following(client, **asked):
    answer = client.post("/api/v1/radio/next", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_session_is_what_the_client_says_it_is(client, ids):
    asked = {"songs": [ids["Song 1"]], "weights": {"drums": 1}, "top": 1}
    played: list[str] = []
    while hits := following(client, **asked, played=played)["hits"]:
        assert set(hits[0]) == set(schemas.Hit.model_fields)
        played.append(hits[0]["track_id"])
    # All that have drums, once; the artists take turns as long as there are two.
    assert sorted(played) == sorted({*ids.values()} - {ids["Song 1"], ids["Song 3"]})
    library = Library.open(client.app.state.server.library.path)
    again = library.radio(ids["Song 1"], "drums", top=10)
    assert [hit.track_id for hit in again] == played


def test_three_at_a_time_and_what_was_skipped_stays_away(client, ids):
    asked = {"songs": [ids["Song 1"]], "weights": {"drums": 1}}
    first = following(client, **asked)["hits"]
    assert len(first) == 3
    skipped = first[0]["track_id"]
    later = following(client, **asked, skipped=[skipped], top=50)["hits"]
    assert skipped not in {hit["track_id"] for hit in later}


def test_filters_and_parts_of_other_songs_hold(client, ids):
    of = {"drums": ids["Song 1"], "bass": ids["Song 4"]}
    found = following(client, per_part_of=of, filter={"year_from": 1995})
    assert found["weights"]["drums"] == found["weights"]["bass"] == 1
    assert [hit["year"] for hit in found["hits"]] == [1995]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"weights": {"piano": 1}}, 422),
        ({"top": 51}, 422),
        ({"moments": 3}, 422),
        ({"played": ["../etc/passwd"]}, 422),
        ({"skipped": ["0" * 16] * 501}, 422),
        ({"songs": ["0" * 16]}, 404),
    ],
)
def test_what_makes_no_sense(client, ids, asked, status):
    answer = client.post("/api/v1/radio/next", json={"songs": [ids["Song 1"]]} | asked)
    assert answer.status_code == status and answer.json()["error"]


def test_the_client_has_it_as_the_library_has(tmp_path: Path):
    app = make_app(tmp_path)
    library = Library.open(app.state.server.library.path)
    song = next(one for one, track in library.catalogue.items() if track.tags.title == "Song 1")
    with live(app) as url:
        over_http = Client(url).radio(song, "drums=2,bass", top=4, skipped=[], max_per_artist=9)
    here = library.radio(song, "drums=2,bass", top=4)
    assert [hit.track_id for hit in over_http] == [hit.track_id for hit in here]
    assert len(here) == 4
