"""What client libraries once said is said again; and said anew where they are installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from subsonic_conversation import CLIENTS, RECORDED, listening, make_app, normal

CONVERSATIONS = json.loads(RECORDED.read_text(encoding="utf-8"))
IMPORTED_AS = {"knuckles": "knuckles", "py-sonic": "libsonic"}


@pytest.mark.parametrize("number", range(len(CONVERSATIONS)))
def test_recorded_requests_are_answered_as_they_were(number: int, tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path), base_url="http://127.0.0.1")
    for exchange in CONVERSATIONS[number]["said"]:
        asked = exchange["request"]
        answer = client.request(
            asked["method"],
            asked["path"] + (f"?{asked['query']}" if asked["query"] else ""),
            content=asked["form"] or None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if asked["form"] else {},
        )
        heard = normal(answer.status_code, answer.headers["content-type"], answer.content, tmp_path)
        assert heard == exchange["response"], asked["path"]


def test_the_record_holds_what_a_player_needs() -> None:
    said = {
        exchange["request"]["path"].removesuffix(".view")
        for conversation in CONVERSATIONS
        for exchange in conversation["said"]
    }
    assert said >= {
        f"/rest/{method}"
        for method in (
            "ping",
            "search3",
            "stream",
            "getSimilarSongs2",
            "getOpenSubsonicExtensions",
            "getSonicSimilarTracks",
            "findSonicPath",
        )
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_library_is_content(client: str, tmp_path: Path) -> None:
    pytest.importorskip(IMPORTED_AS[client])
    with listening(make_app(tmp_path)) as port:
        CLIENTS[client](port)
