"""Passages through a mask, over HTTP and in the child that renders them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from partwise.audio.tags import NO_TAGS
from partwise.library.library import Library
from partwise.parts import Part
from partwise.web.app import create_app
from partwise.web.auditions import Auditions
from partwise.web.responses import ClientGone, NotHere, Refused
from partwise.web.server import Server
from partwise.web.uploads import Song
from served import client_of
from sounds import RATE_HZ, sound, write
from tiny_model import write_tiny_masks, write_tiny_model

PLACES = {Part.DRUMS: 0.5, Part.BASS: 0.5}
NEVER = threading.Event()
# A child that says what it was asked for, and dies of some of it.
STAND_IN = """
import numpy as np
import os
from partwise.hearing.child import Parent
parent = Parent()
parent.receive()
parent.answer(ready=True)
number = 0
while True:
    asked = parent.receive()
    number += 1
    if asked["start_s"] == 9.0 or (asked["start_s"] == 8.0 and number > 1):
        os._exit(3)
    parent.answer(samples=np.full((100, 1), os.getpid() % 30000, np.int16), rate_hz=8000)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_tiny_model(tmp_path_factory.mktemp("model"))
    write_tiny_masks(path)
    return path


@pytest.fixture(scope="module")
def library(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("music")
    write(folder / "a.wav", sound(PLACES, 24.0))
    library = Library(folder / "library")
    library.index(folder, model=model, jobs=1)
    return library


@pytest.fixture(scope="module")
def client(library: Library, model: Path) -> Iterator[TestClient]:
    with client_of(create_app(Server(Library(library.path, resident=True), model))) as client:
        yield client


@pytest.fixture
def make(tmp_path: Path, model: Path) -> Iterator:
    made: list[Auditions] = []

    def make(**options) -> Auditions:
        made.append(Auditions(tmp_path / "cache", model, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def address(client: TestClient, asked: str) -> str:
    track_id = client.get("/api/v1/tracks").json()["tracks"][0]["track_id"]
    return f"/api/v1/tracks/{track_id}/audition?{asked}"


def song(tmp_path: Path, song_id: str = "0" * 16) -> Song:
    path = tmp_path / f"{song_id}.wav"
    if not path.exists():
        write(path, sound(PLACES, 12.0))
    return Song(song_id, path, "A", NO_TAGS, 12.0, not song_id.startswith("upload-"))


def render(auditions: Auditions, one: Song, start_s: float = 0.0) -> int:
    """The first sample: of the stand-in, which process rendered it."""
    name = auditions.name(one, [Part.BASS], start_s, start_s + 1)
    path = auditions.render(one, [Part.BASS], start_s, start_s + 1, name, NEVER)
    assert auditions.find(one, name) == path
    return int(soundfile.read(path, dtype="int16")[0][0])


# --- over HTTP


def test_a_passage_through_the_mask_of_its_part(client: TestClient) -> None:
    answer = client.get(address(client, "part=bass&start_s=10&end_s=15"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/flac")
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    wanted = sound({Part.BASS: 0.5}, 24.0)[10 * RATE_HZ : 15 * RATE_HZ]
    assert (rate_hz, samples.shape) == (RATE_HZ, wanted.shape)
    assert np.std(samples - wanted) < 0.01 * np.std(wanted)


def test_all_parts_are_the_recording(client: TestClient) -> None:
    every = "&".join(f"part={part}" for part in Part)
    answer = client.get(address(client, f"{every}&start_s=3&end_s=7.5"))
    samples, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    wanted = sound(PLACES, 24.0)[3 * RATE_HZ : round(7.5 * RATE_HZ)]
    np.testing.assert_allclose(samples, wanted, atol=2e-4)


def test_a_passage_that_was_rendered_is_kept(client: TestClient, monkeypatch) -> None:
    asked = address(client, "part=drums&start_s=0&end_s=5")
    first = client.get(asked)
    server = client.app.state.server  # type: ignore[attr-defined]
    monkeypatch.setattr(server.auditions, "render", None)
    again = client.get(asked)
    assert again.content == first.content
    known = client.get(asked, headers={"if-none-match": first.headers["etag"]})
    assert known.status_code == 304


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ("part=bass&start_s=5&end_s=5", 422, "ends after it starts"),
        ("part=bass&start_s=0&end_s=31", 422, "within 30 s"),
        ("part=voice&start_s=0&end_s=5", 422, "part"),
        ("start_s=0&end_s=5", 422, "part"),
        ("part=bass&start_s=100&end_s=105", 416, "past the end"),
    ],
)
def test_what_cannot_be_had(client: TestClient, asked: str, status: int, says: str) -> None:
    answer = client.get(address(client, asked))
    assert answer.status_code == status and says in answer.json()["error"]


def test_a_song_that_is_not_there(client: TestClient) -> None:
    answer = client.get(f"/api/v1/tracks/{'0' * 16}/audition?part=bass&start_s=0&end_s=5")
    assert answer.status_code == 404


# --- the child


def test_a_model_without_masks(tmp_path: Path) -> None:
    auditions = Auditions(tmp_path, write_tiny_model(tmp_path))
    with pytest.raises(NotHere, match="has no masks"):
        auditions.name(song(tmp_path), [Part.BASS], 0, 1)


def test_one_child_serves_passage_after_passage(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN)
    assert not auditions.is_awake
    assert render(auditions, song(tmp_path), 1.0) == render(auditions, song(tmp_path), 2.0)
    auditions.close()
    assert not auditions.is_awake


def test_who_has_read_an_upload_reads_no_other_song(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN)
    uploads = [song(tmp_path, f"upload-{n * 32}") for n in "12"]
    first = render(auditions, uploads[0], 1.0)
    assert render(auditions, uploads[0], 2.0) == first
    second = render(auditions, uploads[1], 1.0)
    third = render(auditions, song(tmp_path), 1.0)
    assert len({first, second, third}) == 3
    assert not list((tmp_path / "cache").glob("upload-*"))  # they go when the server ends


def test_a_child_that_has_used_up_its_time_is_replaced(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN)
    first = render(auditions, song(tmp_path), 1.0)
    assert render(auditions, song(tmp_path), 8.0) != first


def test_a_passage_that_no_child_survives(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN)
    with pytest.raises(Refused, match="takes too much") as refused:
        render(auditions, song(tmp_path), 9.0)
    assert refused.value.status == 422 and not auditions.is_awake


def test_what_does_not_fit_is_not_believed(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN.replace("rate_hz=8000", "rate_hz=8e9"))
    with pytest.raises(Refused, match="could not be heard"):
        render(auditions, song(tmp_path))


def test_masks_that_cannot_be_read(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path)
    (tmp_path / "masks.onnx").write_bytes(b"none")
    auditions = Auditions(tmp_path / "cache", model)
    with pytest.raises(Refused, match="masks cannot be read"):
        render(auditions, song(tmp_path))


def test_an_idle_child_ends(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN, idle_s=0.2)
    render(auditions, song(tmp_path))
    until_s = time.monotonic() + 20
    while auditions.is_awake:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    render(auditions, song(tmp_path), 3.0)  # and another one is started


def test_nobody_waits_any_more(tmp_path: Path, make) -> None:
    auditions = make(program=STAND_IN)
    gone = threading.Event()
    gone.set()
    with pytest.raises(ClientGone):
        auditions.render(song(tmp_path), [Part.BASS], 0.0, 1.0, "name", gone)
    assert not auditions.is_awake
