"""``partwise.Client`` against a server on a real port: what ``Library`` answers, it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import partwise
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import Part, PartWeights
from partwise.web.app import Settings, create_app
from partwise.web.client import Client
from partwise.web.server import Server
from served import live
from sounds import sound, write


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for number in range(4):
        places = {Part.DRUMS: number / 4, Part.BASS: 0.3 + number / 10}
        write(folder / "in" / f"track {number}.wav", sound(places, 20.0 + number))
    write(folder / 'a "new" söng.flac', sound({Part.DRUMS: 0.25, Part.BASS: 0.9}, 9.0))
    return folder


@pytest.fixture(scope="module")
def library(music: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library(tmp_path_factory.mktemp("library"))
    library.index(music / "in", model=tiny_model, jobs=1)
    return library


@pytest.fixture(scope="module")
def client(library: Library, tiny_model: Path):
    server = Server(Library(library.path, resident=True), tiny_model)
    with live(create_app(server)) as url:
        yield Client(url)


def test_it_is_part_of_the_package():
    assert partwise.Client is Client


def test_a_search_gives_the_hits_of_the_library(client: Client, library: Library):
    questions: tuple[dict[str, Any], ...] = (
        {"weights": "drums=2,bass"},
        {"weights": PartWeights.one(Part.BASS), "top": 2},
        {"weights": {"bass": 2}},
        {"at": "0:02-0:14"},
        {"at": (2.0, 14.0), "include_duplicates": True},
        {"where": "path LIKE '%3.wav'"},
        {"max_per_artist": 1},
    )
    for asked in questions:
        over_http = client.search("track 1", **asked)
        expected = library.search("track 1", **asked)
        assert [hit.path for hit in over_http] == [hit.path for hit in expected]
        for one, other in zip(over_http, expected, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-6)
            assert one.similarities == pytest.approx(other.similarities, abs=1e-6)
            assert one.parts == other.parts and one.tags == other.tags
            assert (one.paths, one.alike, one.rank) == (other.paths, other.alike, other.rank)
            assert len(one.moments) == len(other.moments)
            assert one.moments[0].start_s == other.moments[0].start_s


def test_many_queries(client: Client, library: Library, monkeypatch):
    monkeypatch.setattr("partwise.web.client._AT_ONCE", 2)
    queries = ["track 0", ["track 1", "track 2"], "track 3"]
    answers = client.search_many(queries, {"drums": 1}, top=2)
    expected = library.search_many(queries, {"drums": 1}, top=2)
    for found, hits in zip(answers, expected, strict=True):
        assert [hit.path for hit in found] == [hit.path for hit in hits]
        assert [h.score for h in found] == pytest.approx([h.score for h in hits], abs=1e-6)


def test_a_local_file_is_sent_once(client: Client, music: Path, library: Library, tiny_model: Path):
    path = music / 'a "new" söng.flac'
    hits = client.search(path, "drums")
    assert [hit.path for hit in hits] == [
        hit.path for hit in library.search(path, "drums", model=tiny_model)
    ]
    assert hits[0].path.name == "track 1.wav"
    assert hits[0].moments[0].query[0].name.endswith("söng")
    sent = dict(client._sent)
    client.search(path, "bass")
    assert client._sent == sent
    song_id = next(iter(sent.values()))
    assert client.track(song_id)["duration_s"] == pytest.approx(9.0)
    client.forget(song_id)
    assert client.search(path, "drums")[0].path.name == "track 1.wav"  # it is sent again


def test_songs_for_single_parts(client: Client, library: Library):
    of = {Part.DRUMS: "track 0", Part.BASS: "track 3"}
    hits = client.search(per_part_of=of)
    assert [hit.path for hit in hits] == [hit.path for hit in library.search(per_part_of=of)]
    assert client.moments(hits[0].track_id, per_part_of=of, count=1)


def test_embeddings(client: Client, music: Path, tiny_model: Path):
    path = music / 'a "new" söng.flac'
    expected = partwise.load_encoder(tiny_model).embed_file(path)
    found = client.embed(path)
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-6)
    np.testing.assert_allclose(found.presence, expected.presence, atol=1e-6)
    assert found.parts_present() == expected.parts_present()
    track_id = client.tracks("track 2")[0]["track_id"]
    assert len(client.embed(track_id)) >= 2


def test_playlists(client: Client):
    hits = client.search("track 1", top=2)
    lines = client.playlist(hits).decode().splitlines()
    assert lines.pop(1) == "#PLAYLIST:partwise"
    assert lines[0] == "#EXTM3U" and [Path(line) for line in lines[2::2]] == [h.path for h in hits]
    assert b"<playlist" in client.playlist([hits[0].track_id], "xspf", "Drums")


def test_errors_are_the_servers_sentences(client: Client, tmp_path: Path):
    text = tmp_path / "text.wav"
    text.write_text("nothing to hear here")
    with pytest.raises(PartwiseError, match="not audio: it holds text"):
        client.search(text)
    with pytest.raises(PartwiseError, match="piano cannot be heard"):
        client.search("track 1", "piano")
    with pytest.raises(PartwiseError, match="could be any of 4 tracks"):
        client.search("track")
    with pytest.raises(PartwiseError, match="no track of the server"):
        client.search("nothing like it")
    with pytest.raises(PartwiseError, match="no such song"):
        client.track("0" * 32)
    with pytest.raises(PartwiseError, match="cannot be read"):
        client.upload(tmp_path / "none.wav")


def test_no_server_and_no_address():
    with pytest.raises(PartwiseError, match="does not answer"):
        Client("http://127.0.0.1:9").status()
    with pytest.raises(PartwiseError, match="not the address"):
        Client("file:///etc")


def test_with_a_token(library: Library):
    app = create_app(
        Server(Library(library.path, resident=True)), Settings(token="abc", hosts=None)
    )
    with live(app) as url:
        assert Client(url, token="abc").status()["tracks"] == 4
        with pytest.raises(PartwiseError, match="token"):
            Client(url, token="wrong").status()
