"""Recordings, covers, waves and presence over HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.parts import PARTS
from partwise.web import media
from partwise.web.arrival import Arrival
from partwise.web.hearing import Heard
from partwise.web.responses import NotHere
from partwise.web.server import Server
from sounds import encode, sound, tone, write

JPEG = b"\xff\xd8\xff\xe0" + b"jpeg" * 10

# How each file is answered.
TYPES = {
    "a.wav": "audio/wav",
    "b.flac": "audio/flac",
    "c.mp3": "audio/mpeg",
    "d.ogg": "audio/ogg",
    "e.opus": "audio/ogg",
    "f.m4a": "audio/mp4",
    "g.aiff": "audio/flac",
    "h.m4a": "audio/flac",  # ALAC
    "i.wma": "audio/flac",
    "j.wav": "audio/flac",  # 32 bit float
    "k.wav": "audio/mpeg",  # an MP3 under a false name
}
# What RFC 9110 (14.2) has ignored.
ODD_RANGES = (
    *("bytes=5-2", "bytes=500-100", "bytes=-", "bytes=", "bytes", "pages=1-2", "items=0-1", ""),
    *("bytes=a-b", "bytes=abc", "bytes=0-1,abc", "bytes=0-1,5-2", "bytes=--5", "bytes=+1-5"),
    *("bytes=1_0-20", "bytes=0-1-2", "bytes=,", "0-1", "bytes=-1_0", f"bytes={'9' * 5000}-"),
)
COPIED = ("g.aiff", "h.m4a", "i.wma", "j.wav")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Server:
    folder = tmp_path_factory.mktemp("served")
    music = folder / "music"
    for number, name in enumerate(TYPES):
        samples = sound({PARTS[number % 5]: 0.5}, 2.0 + number / 10, 44100)
        path = music / name
        if name == "e.opus":
            encode(path, samples[: 48000 * 2], 48000, codec="libopus", container="ogg")
        elif name == "f.m4a":
            encode(path, samples, 44100, codec="aac")
        elif name == "h.m4a":
            encode(path, np.stack([samples, -0.5 * samples], axis=1), 44100, codec="alac")
        elif name == "i.wma":
            encode(path, samples, 44100, codec="wmav2", container="asf", bit_rate=128000)
        elif name == "j.wav":
            write(path, samples, 44100, "FLOAT")
        elif name == "k.wav":
            write(music / "k.mp3", samples, 44100).rename(path)
        else:
            write(path, samples, 44100)
    (music / "cover.jpg").write_bytes(JPEG)
    library = Library(folder / "library")
    library.index(music, model=tiny_model, jobs=1)
    return Server(Library.open(folder / "library"))


@pytest.fixture(scope="module")
def client(server: Server) -> TestClient:
    return TestClient(served(server))


def served(server: Server) -> FastAPI:
    app = FastAPI()
    app.state.server = server
    app.include_router(media.router)
    app.add_middleware(Arrival)

    @app.exception_handler(NotHere)
    def not_here(_: Request, error: NotHere) -> JSONResponse:
        return JSONResponse({"error": f"{error}."}, 404)

    return app


def song_id(server: Server, name: str) -> str:
    found = server.library.find(server.library.path.parent / "music" / name)
    assert found is not None
    return found


def address(server: Server, name: str, what: str) -> str:
    return f"/api/v1/tracks/{song_id(server, name)}/{what}"


# --- audio


@pytest.mark.parametrize("name", TYPES)
def test_every_format_is_answered_in_one_that_browsers_play(
    server: Server, client: TestClient, name: str
) -> None:
    answer = client.get(address(server, name, "audio"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TYPES[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline"
    original = (server.library.path.parent / "music" / name).read_bytes()
    assert (answer.content == original) == (name not in COPIED)


def test_a_copy_sounds_like_its_original(server: Server, client: TestClient) -> None:
    client.get(address(server, "h.m4a", "audio"))
    copy = server.library.path / "cache" / "audio" / f"{song_id(server, 'h.m4a')}.flac"
    samples, rate_hz = soundfile.read(copy)
    expected = sound({PARTS[7 % 5]: 0.5}, 2.7, 44100)
    assert rate_hz == 44100 and samples.shape == (len(expected), 2)
    np.testing.assert_allclose(samples[:, 0], expected, atol=2e-4)
    np.testing.assert_allclose(samples[:, 1], -0.5 * expected, atol=2e-4)


@pytest.mark.parametrize("name", ["c.mp3", "g.aiff"])
def test_ranges(server: Server, client: TestClient, name: str) -> None:
    url = address(server, name, "audio")
    whole = client.get(url).content

    def part(asked: str, **more: str):
        return client.get(url, headers={"range": asked, **more})

    for asked, expected in (
        ("bytes=0-99", whole[:100]),
        ("bytes=100-", whole[100:]),
        ("bytes=-50", whole[-50:]),
        (f"bytes=10-{10 * len(whole)}", whole[10:]),
    ):
        answer = part(asked)
        assert answer.status_code == 206 and answer.content == expected
        first = len(whole) - 50 if asked == "bytes=-50" else int(asked[6:].split("-")[0])
        last = first + len(expected) - 1
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
        assert int(answer.headers["content-length"]) == len(expected)
    for asked in (f"bytes={len(whole)}-", "bytes=-0"):
        beyond = part(asked)
        assert beyond.status_code == 416 and "error" in beyond.json()
        assert beyond.headers["content-range"] == f"bytes */{len(whole)}"
    for asked in ODD_RANGES:
        answer = part(asked)
        assert answer.status_code == 200 and answer.content == whole
    several = part("bytes=0-1,5-6")
    assert several.status_code == 206 and "byteranges" in several.headers["content-type"]
    etag = client.head(url).headers["etag"]
    assert part("bytes=0-9", **{"if-range": etag}).status_code == 206
    assert part("bytes=0-9", **{"if-range": '"another"'}).status_code == 200


def test_head_tells_the_same_without_the_bytes(server: Server, client: TestClient) -> None:
    url = address(server, "b.flac", "audio")
    whole, head = client.get(url), client.head(url)
    assert head.status_code == 200 and not head.content
    assert head.headers["accept-ranges"] == "bytes"
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == whole.headers[name]
    part = client.head(url, headers={"range": "bytes=0-9"})
    assert part.status_code == 206 and part.headers["content-length"] == "10" and not part.content


def test_what_the_client_has_is_not_sent_again(server: Server, client: TestClient) -> None:
    for what in ("audio", "cover"):
        url = address(server, "b.flac", what)
        etag = client.get(url).headers["etag"]
        again = client.get(url, headers={"if-none-match": f"W/{etag}"})
        assert again.status_code == 304 and not again.content


@pytest.mark.parametrize("what", ["audio", "cover", "peaks", "presence"])
@pytest.mark.parametrize("name", ["0" * 32, "upload-1234", "..%2f..%2fetc%2fpasswd", "' OR '1'='1"])
def test_what_is_no_song_is_not_found(client: TestClient, what: str, name: str) -> None:
    answer = client.get(f"/api/v1/tracks/{name}/{what}")
    assert answer.status_code == 404


def test_a_file_that_changed_is_not_given(server: Server, client: TestClient) -> None:
    url = address(server, "d.ogg", "audio")
    path = server.library.path.parent / "music" / "d.ogg"
    status = path.stat()
    os.utime(path, (1, 1))
    try:
        assert client.get(url).status_code == 404
    finally:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert client.get(url).status_code == 200


# --- cover, wave, presence


def test_cover(server: Server, client: TestClient) -> None:
    answer = client.get(address(server, "a.wav", "cover"))
    assert answer.content == JPEG and answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    picture = server.library.path.parent / "music" / "cover.jpg"
    picture.rename(picture.with_suffix(".away"))
    try:
        absent = client.get(address(server, "a.wav", "cover"))
        assert absent.status_code == 404 and absent.json() == {"error": "this song has no cover."}
    finally:
        picture.with_suffix(".away").rename(picture)


def test_peaks_are_kept_on_disk(server: Server, client: TestClient) -> None:
    url = address(server, "b.flac", "peaks")
    wave = client.get(f"{url}?points=50").json()
    assert wave["points"] == len(wave["peaks"]) == 50
    assert all(0.1 < peak < 0.2 for peak in wave["peaks"])
    assert wave["duration_s"] == pytest.approx(2.1, abs=0.1)
    assert wave["rms_dbfs"] == pytest.approx(20 * np.log10(0.15 / np.sqrt(2)), abs=0.1)
    assert wave["gain_db"] == pytest.approx(-23 - wave["rms_dbfs"], abs=0.011)
    kept = server.library.path / "cache" / "peaks" / f"{song_id(server, 'b.flac')}.npy"
    assert kept.stat().st_size < 1000
    for wrong in ("points=0", "points=4001", "start_s=-1", "end_s=nan", "start_s=x"):
        assert client.get(f"{url}?{wrong}").status_code == 422
    for odd in ("start_s=100", "start_s=2&end_s=1", "end_s=0"):
        assert client.get(f"{url}?{odd}").status_code == 200


def test_a_passage_has_its_own_gain(tmp_path: Path, server: Server) -> None:
    samples = np.concatenate([tone(2.0, amplitude=0.02), tone(2.0, amplitude=0.4)])
    path = write(tmp_path / "upload.wav", samples)
    own = Server(server.library)
    heard = Heard(server.segments(song_id(server, "a.wav")), Tags(), "digest", "WAV", "hash")
    song = own.uploads.keep(path, heard, "t").song
    url = f"/api/v1/tracks/{song.song_id}/peaks"
    with TestClient(served(own)) as client:
        quiet = client.get(f"{url}?start_s=0&end_s=2").json()
        loud = client.get(f"{url}?start_s=2&end_s=4").json()
    assert quiet["gain_db"] - loud["gain_db"] == pytest.approx(20 * np.log10(20), abs=0.1)
    assert quiet["peaks"] == loud["peaks"]
    assert not list((server.library.path / "cache").rglob("upload-*"))


def test_presence(server: Server, client: TestClient) -> None:
    told = client.get(address(server, "b.flac", "presence")).json()
    heard = server.segments(song_id(server, "b.flac"))
    assert told["start_s"] == heard.start_s.tolist() and told["end_s"] == heard.end_s.tolist()
    assert list(told["presence"]) == list(PARTS)
    np.testing.assert_allclose(
        np.array([told["presence"][part] for part in PARTS]).T, heard.presence, atol=1e-4
    )
