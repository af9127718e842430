"""What the first screen offers."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.library.tables.catalogue import Track
from partwise.parts import Part
from partwise.web.start import FirstScreen, examples
from served import client_of, ids_of, make_app
from small_library import Piece, make_library


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    with client_of(make_app(tmp_path_factory.mktemp("start"))) as client:
        yield client


class Links(HTMLParser):
    """The questions of a page's links, and its song by chance."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.chance = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (given.get("href") or "").startswith("#"):
            self.asked.append(given["href"] or "")
        self.chance = given.get("data-song-id") or self.chance


def test_songs_of_the_library_are_offered(client) -> None:
    known = set(ids_of(client).values())
    for path in ("/", "/find/start"):
        links = Links(client.get(path).text)
        assert links.chance in known
        recent = [a.removeprefix("#songs=") for a in links.asked if "songs=" in a and "&" not in a]
        assert set(recent) & known == set(recent) and len(recent) >= 5


def test_chance_is_chance(client) -> None:
    assert len({Links(client.get("/find/start").text).chance for _ in range(40)}) > 1


def test_every_example_can_be_answered(client) -> None:
    for _ in range(5):
        for ask in Links(client.get("/find/start").text).asked:
            fields = dict(pair.split("=") for pair in ask.removeprefix("#").split("&"))
            given = {part: fields[part] for part in ("drums", "bass") if part in fields}
            songs = [fields["songs"]] if "songs" in fields else []
            body = {"songs": songs, "per_part_of": given}
            assert client.post("/api/v1/search", json=body).status_code == 200, ask


def test_examples_have_the_parts_they_need() -> None:
    tracks = [Track(name * 32, ("/x",), Tags(name), 60.0) for name in "abc"]
    parts = {
        tracks[0].track_id: (Part.BASS,),
        tracks[1].track_id: (Part.DRUMS, Part.BASS),
        tracks[2].track_id: (Part.PIANO,),
    }
    addresses = [example.address for example in examples(tracks, parts)]
    b, c, a = "b" * 32, "c" * 32, "a" * 32
    assert addresses == [f"songs={b}&solo=drums", f"songs={c}&mute=drums", f"drums={b}&bass={a}"]
    assert examples([], {}) == []


def test_what_was_added_last_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [Piece("old", {Part.DRUMS: 0}), Piece("new", {Part.DRUMS: 9})]
    library = make_library(tmp_path, pieces)
    rows = {
        path: replace(row, updated_at=row.updated_at - 1000 * path.endswith("old"))
        for path, row in library.store.ledger().items()
    }
    monkeypatch.setattr(library.store, "ledger", lambda: rows)
    recent = FirstScreen(library).draw().recent
    assert [Path(track.paths[0]).name for track in recent] == ["new", "old"]


def test_no_library_offers_nothing(tmp_path: Path) -> None:
    start = FirstScreen(Library(tmp_path / "none")).draw()
    assert start.chance is None and start.recent == [] and start.examples == []
