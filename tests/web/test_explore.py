"""Exploring over HTTP: paths from track to track, and the clusters of each part."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.web import api_explore
from partwise.web.app import create_app
from partwise.web.client import Client
from partwise.web.server import Server
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


@pytest.fixture(scope="module")
def library(app) -> Library:
    return Library.open(app.state.server.library.path)


@pytest.fixture(scope="module")
def over_http(app):
    with live(create_app(Server(Library(app.state.server.library.path, resident=True)))) as url:
        yield Client(url)


# --- paths


@pytest.mark.parametrize("weights", ["drums=2", {"drums": 2}])
def test_a_path_is_that_of_the_library(client, ids, library: Library, weights):
    asked = {"start": ids["Song 0"], "end": "song 4", "weights": weights, "count": 4}
    answer = client.post("/api/v1/path", json=asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    expected = library.journey("song 0", "song 4", 4, "drums=2")
    assert (found["start"], found["end"]) == (ids["Song 0"], ids["Song 4"])
    assert found["model"] == library.store.digest and found["took_ms"] >= 0
    assert len(expected) == len(found["steps"]) == 4
    for step, other in zip(found["steps"], expected, strict=True):
        assert set(step) == set(api_explore.PathStep.model_fields)
        assert (step["track_id"], step["title"]) == (other.track_id, other.tags.title)
        for name in ("progress", "similarity", "step_similarity"):
            assert step[name] == pytest.approx(getattr(other, name), abs=1e-6)
    assert found["steps"][0]["step_similarity"] is None
    assert "Song 3" not in {step["title"] for step in found["steps"]}  # it has no drums


def test_a_path_by_default_and_by_all_parts_that_both_have(client, ids, library: Library):
    found = client.post("/api/v1/path", json={"start": "song 1", "end": "song 3"}).json()
    assert [step["track_id"] for step in found["steps"]] == [
        step.track_id for step in library.journey("song 1", "song 3")
    ]


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"start": "0" * 16}, 404, "no such song"),
        ({"end": "nobody"}, 404, "no track of the server's library has nobody in its names"),
        ({"end": "song"}, 422, "could be any of"),
        ({"end": "song 0"}, 422, "would end where it starts"),
        ({"start": "upload-" + "0" * 32}, 422, "is not in the library: a path leads"),
        ({"weights": "piano"}, 422, "piano cannot be heard in Song 0"),
        ({"weights": "vocals"}, 422, "unknown part 'vocals'"),
        ({"weights": {"drums": 0}}, 422, "every part weight is 0"),
        ({"count": 1}, 422, "count: "),
        ({"count": 101}, 422, "count: "),
        ({"steps": 5}, 422, "steps: "),
        ({"start": ""}, 422, "start: "),
    ],
)
def test_what_makes_no_path(client, asked, status, sentence):
    answer = client.post("/api/v1/path", json={"start": "song 0", "end": "song 4"} | asked)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_an_empty_library_has_no_path(tmp_path: Path):
    with client_of(create_app(Server(Library(tmp_path / "absent")))) as client:
        answer = client.post("/api/v1/path", json={"start": "a", "end": "b"})
    assert answer.status_code == 422 and "index a folder" in answer.json()["error"]


def test_the_client_leads_as_the_library_does(over_http: Client, library: Library):
    expected = library.journey("song 0", "song 4", 4, "drums=2,bass")
    for start in ("song 0", library.path.parent / "music" / "0 file.mp3"):
        found = over_http.path(start, "song 4", 4, {"drums": 2, "bass": 1})
        assert [step.path for step in found] == [step.path for step in expected]
        assert [step.tags for step in found] == [step.tags for step in expected]
        for step, other in zip(found, expected, strict=True):
            assert step.progress == pytest.approx(other.progress, abs=1e-6)
            assert step.step_similarity == pytest.approx(other.step_similarity, abs=1e-6)
    assert not over_http._sent  # a file of the library is known by its content
    with pytest.raises(PartwiseError, match="could be any of"):
        over_http.journey("song", "song 4")


# --- clusters


def test_clusters_are_those_of_the_library(client, library: Library):
    answer = client.get("/api/v1/clusters/drums?count=2")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["part"], found["tracks"]) == ("drums", 5)
    expected = library.clusters("drums", 2)
    for cluster, other in zip(found["clusters"], expected, strict=True):
        assert set(cluster) == set(api_explore.Cluster.model_fields)
        assert (cluster["name"], cluster["size"]) == (other.name, other.size)
        assert [one["track_id"] for one in cluster["members"]] == [
            member.track.track_id for member in other.members
        ]
        for member in cluster["members"]:
            assert set(member) == set(api_explore.ClusterMember.model_fields)
        assert cluster["typical"][0]["track_id"] == other.medoid.track_id


def test_few_members_are_told_where_few_are_asked_for(client):
    found = client.get("/api/v1/clusters/bass?count=1&members=2").json()["clusters"]
    assert (found[0]["size"], len(found[0]["members"]), len(found[0]["typical"])) == (6, 2, 3)
    assert client.get("/api/v1/clusters/guitar").json()["clusters"] == []


def test_clusters_are_made_once_while_the_library_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = []
    library = Library(make_app(tmp_path).state.server.library.path)

    def counted(self: Library, *asked):
        made.append(asked)
        return real(self, *asked)

    real = Library.clusters
    monkeypatch.setattr(Library, "clusters", counted)
    with client_of(create_app(Server(library))) as client:
        first = client.get("/api/v1/clusters/drums").json()
        assert client.get("/api/v1/clusters/drums?members=1").status_code == 200
        assert made == [("drums", None)]
        client.get("/api/v1/clusters/drums?count=1")
        client.get("/api/v1/clusters/bass?count=1")
        assert len(made) == 3
        library.store.ledger_table.delete("path LIKE '%/0 file.mp3'")
        later = client.get("/api/v1/clusters/drums?count=1").json()
        assert len(made) == 4 and later["tracks"] == first["tracks"] - 1


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("vocals", "part: "), ("drums?count=0", "count: "), ("drums?members=-1", "members: ")],
)
def test_what_makes_no_clusters(client, address: str, sentence: str):
    answer = client.get(f"/api/v1/clusters/{address}")
    assert answer.status_code == 422 and answer.json()["error"].startswith(sentence)


def test_an_empty_library_has_no_clusters(tmp_path: Path):
    with client_of(create_app(Server(Library(tmp_path / "absent")))) as client:
        answer = client.get("/api/v1/clusters/drums")
    assert answer.status_code == 422 and "index a folder" in answer.json()["error"]


def test_the_client_has_clusters_as_the_library_has(over_http: Client, library: Library):
    found, expected = over_http.clusters("Drums", 2), library.clusters("drums", 2)
    for cluster, other in zip(found, expected, strict=True):
        assert (cluster.part, cluster.name, cluster.size) == (other.part, other.name, other.size)
        assert cluster.typical == other.typical
        for member, same in zip(cluster.members, other.members, strict=True):
            assert member.track == same.track
            assert member.typicality == pytest.approx(same.typicality, abs=1e-6)
    few = over_http.clusters("drums", 1, members=1)
    assert (few[0].size, len(few[0].members)) == (5, 1)
    with pytest.raises(PartwiseError, match="unknown part 'vocals'"):
        over_http.clusters("vocals")


# --- the page


def test_the_page_holds_no_script_and_no_style_of_its_own(client):
    page = client.get("/explore")
    assert page.status_code == 200
    hooks = ("clusters", "cluster-count", "from-search", "to-search", "journey", "bar-audio")
    for hook in hooks:
        assert f'data-testid="{hook}"' in page.text
    assert " style=" not in page.text and " onclick=" not in page.text
    for file in ("explore.js", "explore.css", "clusters.js", "journey.js", "song-rows.js"):
        assert client.get(f"/static/{file}").status_code == 200


def test_the_page_of_an_empty_library_leads_to_indexing(tmp_path: Path):
    with client_of(create_app(Server(Library(tmp_path / "absent")))) as client:
        page = client.get("/explore").text
    assert 'data-testid="explore-empty"' in page and "explore.js" not in page
