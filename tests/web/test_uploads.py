"""Recordings from strangers: what is refused and how, what is kept and for how long."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.requests import Request

from partwise.hearing.process import Hearer
from partwise.library.library import Library
from partwise.parts import Part
from partwise.web import hearing, security
from partwise.web.app import Settings, create_app
from partwise.web.hearing import Ears
from partwise.web.responses import NotHere, Refused
from partwise.web.server import Server
from partwise.web.uploads import Uploads, received, shown_name
from served import client_of, live
from sounds import sound, write

UPLOADS = "/api/v1/uploads"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for number in range(3):
        places = {Part.DRUMS: number / 3, Part.BASS: 0.5}
        write(folder / "in" / f"track {number}.wav", sound(places, 6.0 + number))
    write(folder / "one.flac", sound({Part.DRUMS: 0.3}, 6.2))
    write(folder / "two.flac", sound({Part.BASS: 0.5}, 7.2))
    return folder


@pytest.fixture(scope="module")
def client(music: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("library")
    Library(folder).index(music / "in", model=tiny_model, jobs=1)
    app = create_app(Server(Library(folder, resident=True), tiny_model), Settings())
    with client_of(app) as client:
        yield client


def send(client, data: bytes | Path, name: str = "song.wav"):
    content = data.read_bytes() if isinstance(data, Path) else data
    return client.post(UPLOADS, files={"file": (name, content)})


def folder_of(client) -> Path:
    return client.app.state.server.uploads.folder


def test_an_upload_is_a_song(client, music: Path):
    answer = send(client, music / "one.flac", "../../etc/My <b>song.flac")
    assert answer.status_code == 201, answer.text
    track = answer.json()
    assert track["title"] == "My <b>song"
    assert track["parts"] == ["drums"] and track["paths"] == []
    assert track["duration_s"] == pytest.approx(6.2)
    song_id = track["track_id"]
    assert client.get(f"/api/v1/tracks/{song_id}").json() == track
    hits = client.post("/api/v1/search", json={"songs": [song_id]}).json()["hits"]
    assert hits[0]["title"] == "track 1"
    assert hits[0]["moments"][0]["query"][0]["song_id"] == song_id
    assert client.post("/api/v1/embed", json={"song_id": song_id}).json()["dim"] == 16
    # Its file has a name of the server's own.
    assert [path.suffix for path in folder_of(client).iterdir()] == [".flac"]
    assert client.delete(f"{UPLOADS}/{song_id}").status_code == 204
    assert list(folder_of(client).iterdir()) == []
    assert client.delete(f"{UPLOADS}/{song_id}").status_code == 404
    assert client.post("/api/v1/search", json={"songs": [song_id]}).status_code == 404


def test_two_uploads_of_the_same_name_stay_apart(client, music: Path):
    one = send(client, music / "one.flac", "same.flac").json()["track_id"]
    two = send(client, music / "two.flac", "same.flac").json()["track_id"]
    asked = {"per_part_of": {"drums": one, "bass": two}}
    answer = client.post("/api/v1/search", json=asked).json()
    assert [song["name"] for song in answer["query"]["songs"]] == ["same", "same (2)"]
    sides = answer["hits"][0]["moments"][0]["query"]
    assert {side["song_id"]: side["parts"] for side in sides} == {one: ["drums"], two: ["bass"]}


def test_an_upload_of_a_track_does_not_find_itself(client, music: Path):
    song_id = send(client, music / "in" / "track 1.wav").json()["track_id"]
    asked = {"songs": [song_id], "include_duplicates": True}
    hits = client.post("/api/v1/search", json=asked).json()["hits"]
    assert sorted(hit["title"] for hit in hits) == ["track 0", "track 2"]


def test_embeddings_of_a_file_are_not_kept(client, music: Path):
    before = len(list(folder_of(client).iterdir()))
    with (music / "one.flac").open("rb") as file:
        answer = client.post("/api/v1/embed", files={"file": ("x", file)})
    assert answer.status_code == 200
    assert np.linalg.norm(answer.json()["embedding"]["drums"]) == pytest.approx(1, abs=1e-4)
    assert len(list(folder_of(client).iterdir())) == before


def wav_head_only() -> bytes:
    return b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"this is text and no audio at all\n" * 20, 415),
        (b"PK\x03\x04" + b"\0" * 500, 415),
        (b"%PDF-1.7" + b"\1" * 500, 415),
        (wav_head_only(), 415),
        (b"fLaC" + os.urandom(2000), 415),
        (b"\0" * 5000, 415),
    ],
)
def test_what_is_not_audio_gets_a_sentence(client, data: bytes, status: int):
    before = len(list(folder_of(client).iterdir()))
    answer = send(client, data)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert "Traceback" not in answer.text and str(folder_of(client)) not in answer.text
    assert len(list(folder_of(client).iterdir())) == before


def test_silent_and_short_recordings_get_a_sentence(client, tmp_path: Path):
    silent = write(tmp_path / "silent.wav", np.zeros(50_000, np.float32))
    short = write(tmp_path / "short.wav", sound({Part.DRUMS: 0.5}, 0.2))
    for path, word in ((silent, "silent"), (short, "short")):
        answer = send(client, path)
        assert answer.status_code == 422 and word in answer.json()["error"]


def test_a_small_file_that_is_an_hour_long_is_refused_soon(client, tmp_path: Path):
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(str(path), "w", 22050, 1) as file:
        for _ in range(60):
            file.write(np.zeros(22050 * 60, np.int16))
    assert path.stat().st_size < 500_000
    answer = send(client, path)
    assert answer.status_code == 413
    assert "longer than 30 minutes" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": "audio/wav"}, b"RIFF", 415),
        ({}, b"", 415),
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"nonsense", 400),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
            422,
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--b--\r\n',
            422,
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n' * 3
            + b"--b--\r\n",
            400,
        ),
    ],
)
def test_malformed_bodies_get_a_sentence(client, headers, body, status):
    answer = client.post(UPLOADS, headers=headers, content=body)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(security.BodyLimits.__init__, "__defaults__", (100_000, 0.6, 2.0))
    return 100_000


@pytest.fixture
def address(small_limit: int, tmp_path: Path, tiny_model: Path):
    app = create_app(Server(Library(tmp_path / "none", resident=True), tiny_model))
    with live(app) as url:
        yield "127.0.0.1", int(url.rsplit(":", 1)[1])


def talk(address: tuple[str, int], head: str, blocks: list[bytes], pause_s: float = 0.0) -> bytes:
    """Send a request by hand, and read what comes back until the server closes."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(f"POST {UPLOADS} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        try:
            for block in blocks:
                connection.sendall(block)
                time.sleep(pause_s)
        except OSError:  # it has answered and closed already
            pass
        received = b""
        try:
            while block := connection.recv(65536):
                received += block
                if b'"}' in received:
                    break
        except OSError:
            pass
        return received


MULTIPART = "Content-Type: multipart/form-data; boundary=b"
START = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def test_a_declared_size_that_is_too_large_is_refused_at_once(address):
    answer = talk(address, f"{MULTIPART}\r\nContent-Length: 300000000", [START])
    assert b" 413 " in answer.splitlines()[0] and b"too large" in answer


def test_a_chunked_body_is_counted(address):
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    answer = talk(
        address,
        f"{MULTIPART}\r\nTransfer-Encoding: chunked",
        [b"%x\r\n" % len(START) + START + b"\r\n", *[chunk] * 20],
    )
    assert b" 413 " in answer.splitlines()[0] and b"too large" in answer


def test_a_body_that_pauses_too_long_is_given_up(address):
    started = time.monotonic()
    answer = talk(address, f"{MULTIPART}\r\nContent-Length: 50000", [START])
    assert b" 408 " in answer.splitlines()[0]
    assert time.monotonic() - started < 5


def test_a_body_that_trickles_is_given_up(address):
    blocks = [START, *[b"x"] * 40]
    answer = talk(address, f"{MULTIPART}\r\nContent-Length: 50000", blocks, pause_s=0.1)
    assert b" 408 " in answer.splitlines()[0]


def test_a_client_that_vanishes_leaves_nothing(address):
    with socket.create_connection(address) as connection:
        head = f"POST {UPLOADS} HTTP/1.1\r\nHost: localhost\r\n{MULTIPART}\r\nContent-Length: 9999"
        connection.sendall(head.encode() + b"\r\n\r\n" + START)
    answer = talk(address, "Content-Length: 0", [])
    assert b" 415 " in answer.splitlines()[0]  # it goes on answering


# --- the child process


def ears_with(program: str, tmp_path: Path, **limits_: float) -> Ears:
    """Ears that run another program than the one that hears."""
    ears = Ears(Library(tmp_path / "none"), **limits_)  # type: ignore[arg-type]
    ears._hearer = partial(Hearer, program=program)  # type: ignore[method-assign]
    return ears


LIMITED = "from partwise.hearing.child import Limits, take; take(Limits(1, 3 << 30, 256 << 20))\n"
# Takes part in the conversation, up to the outcome.
ANSWERS = """
import numpy as n
from partwise.hearing.child import Parent
parent = Parent()
parent.receive()
parent.answer(digest="m")
parent.receive()
parent.answer(hashed="c")
parent.receive()
says = dict(path="p", size=1, mtime_ns=1, tags=[None] * 4, container="", seconds=0.0)
heard = dict(heard_embeddings=n.ones((1, 5, 4), "f4"), heard_presence=n.ones((1, 5), "f4"),
    heard_start_s=n.zeros(1), heard_end_s=n.ones(1), heard_seconds=1.0, heard_notes=[],
    heard_presence_threshold=n.zeros(5, "f4"))
"""


def answers(change: str) -> str:
    return f"{ANSWERS}parent.answer(**(says | heard | {change}))\nparent.receive()"


def test_a_child_that_plays_by_the_rules_is_believed(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    heard = ears_with(answers("{}"), tmp_path).hear(path, threading.Event())
    assert heard.embeddings.embeddings.shape == (1, 5, 4)
    assert (heard.digest, heard.kind, heard.tags.title) == ("m", "", None)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("import os; os.abort()", 422),
        (f"import os; os.kill(os.getpid(), {signal.SIGKILL})", 422),
        ("raise SystemExit(3)", 422),
        (LIMITED + "while True: pass", 422),
        (LIMITED + "x = bytearray(8 << 30)", 422),
        (LIMITED + "import tempfile; tempfile.TemporaryFile().truncate(1 << 30)", 422),
        ("import os; os.write(1, b'no message')", 422),
        ("import os; os.write(1, (1 << 40).to_bytes(8, 'little') + b'x' * 100)", 422),
        ("import os; os.write(1, (9).to_bytes(8, 'little') + b'x' * 9)", 422),
        ("import os; os.write(1, (4).to_bytes(8, 'little') + b'\\x80\\4N.')", 422),  # a pickle
        ("pass", 422),
        ("import time; time.sleep(60)", 413),
        (answers("{'heard_embeddings': n.zeros(3)}"), 422),
        (answers("{'heard_presence': n.ones((2, 5), 'f4')}"), 422),
        (answers("{'heard_start_s': n.array([n.nan])}"), 422),
        (answers("{'tags': 7}"), 422),
        (answers("{'failure': '/root/secret', 'fault': 'other'}"), 422),
        (ANSWERS + "import time; time.sleep(60)", 413),
    ],
)
def test_whatever_the_child_does_becomes_a_sentence(program: str, status: int, tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    ears = ears_with(program, tmp_path, wall_s=4.0 if status == 413 else 30.0)
    with pytest.raises(Refused) as error:
        ears.hear(path, threading.Event())
    assert error.value.status == status, error.value
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_client_that_has_gone_ends_the_child(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    gone = threading.Event()
    threading.Timer(0.3, gone.set).start()
    started = time.monotonic()
    with pytest.raises(Refused):
        ears_with("import time; time.sleep(60)", tmp_path).hear(path, gone)
    assert time.monotonic() - started < 5


def test_too_many_at_a_time_are_told_to_come_back(tmp_path: Path):
    ears = ears_with("import time; time.sleep(60)", tmp_path, at_a_time=1, wait_s=0.3)
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"x")
    gone = threading.Event()

    def first() -> None:
        with pytest.raises(Refused):
            ears.hear(paths[0], gone)

    thread = threading.Thread(target=first)
    thread.start()
    time.sleep(0.3)
    with pytest.raises(Refused) as error:
        ears.hear(paths[1], threading.Event())
    assert error.value.status == 429
    gone.set()
    thread.join(10)


def test_the_childs_limits_hold_the_shipped_model():
    assert hearing.LIMITS.memory_bytes >= 2 << 30 and hearing.WALL_S == 60


def test_the_oldest_uploads_make_room(client, music: Path, tmp_path: Path):
    server = Server(Library(tmp_path / "none"))
    uploads = server.uploads = Uploads(most_kept=2)
    heard = client.app.state.server.uploads.get(
        send(client, music / "one.flac").json()["track_id"]
    ).heard
    kept = []
    for _ in range(3):
        path = uploads.new_path()
        path.write_bytes(b"12345")
        kept.append(uploads.keep(path, heard, "name").song)
    with pytest.raises(NotHere):
        server.song(kept[0].song_id)
    assert not kept[0].path.exists()
    assert server.song(kept[2].song_id) == kept[2]
    uploads._most_bytes = 7
    path = uploads.new_path()
    path.write_bytes(b"12345")
    last = uploads.keep(path, heard, "name").song
    assert [file.name for file in uploads.folder.iterdir()] == [last.path.name]
    uploads.close()
    assert not uploads.folder.exists()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("a/b\\c.mp3", "c"),
        ("../..", "upload"),
        ("", "upload"),
        ("\0\n.wav", "wav"),
        ("x" * 900 + ".mp3", "x" * 200),
        ("\u202eevil.mp3", "evil"),
    ],
)
def test_a_clients_name_is_only_shown(name: str, title: str):
    assert shown_name(name) == title


def arriving() -> Request:
    body = START + b"x\r\n--b--\r\n"

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    return Request({"type": "http", "headers": headers}, receive)


def test_no_body_waits_for_a_place_for_ever():
    async def receive_twice() -> int:
        uploads = Uploads(most_arriving=1)
        async with received(arriving(), uploads) as file:
            assert file.path.read_bytes() == b"x"
            with pytest.raises(Refused) as error:
                async with received(arriving(), uploads):
                    pass
        async with received(arriving(), uploads):
            return error.value.status

    assert asyncio.run(receive_twice()) == 429
