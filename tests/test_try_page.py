"""The page that asks the demo library in the browser: what is written for it.

How it answers is tested in tests/browser/test_try.py.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from partwise.demo.groups import DemoPiece, DemoPlayer, Groups
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.typical import beyond
from partwise.parts import PART_NAMES, PARTS, Part
from sounds import RATE_HZ, sound, write

pytest.importorskip("jinja2")
sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "website"))

import try_page

_PLACES = {"a": 0.2, "b": 0.5, "c": 0.8}


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Groups:
    """Three pieces; nobody plays the piano in the last one."""
    folder = tmp_path_factory.mktemp("pieces")
    pieces = []
    for number, (name, place) in enumerate(_PLACES.items()):
        players = {Part.DRUMS: "Ann", Part.PIANO: "Ben"} if name != "c" else {Part.DRUMS: "Ann"}
        write(folder / f"{name}.wav", sound(dict.fromkeys(players, place), 12 + number), RATE_HZ)
        pieces.append(DemoPiece(f"{name}.wav", name, "C major", 100, 12.0 + number, players))
    players = {part: {n: DemoPlayer(n, f"{n}'s", "") for n in ("Ann", "Ben")} for part in PARTS}
    return Groups(folder, tuple(pieces), players)


@pytest.fixture(scope="module")
def library(groups: Groups, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library(tmp_path_factory.mktemp("library"))
    library.index([groups.folder], jobs=1, model=tiny_model)
    return library


def test_songs_and_vectors_are_those_of_the_library(library: Library, groups: Groups) -> None:
    files = try_page.try_files(library, groups)
    content = files["songs.json"], files["vectors.bin"]
    assert isinstance(content[0], bytes) and isinstance(content[1], bytes)
    told = json.loads(content[0])
    assert [song["title"] for song in told["songs"]] == ["a", "b", "c"]
    vectors = np.frombuffer(content[1], "<f4").reshape(-1, len(PARTS), told["dim"])
    count = len(told["songs"])
    asked, whole, segments = vectors[:count], vectors[count : 2 * count], vectors[2 * count :]
    for number, song in enumerate(told["songs"]):
        query = library.query(song["id"])
        heard = query.seeds[0].segments
        np.testing.assert_allclose(whole[number], query.vector, atol=1e-6)
        np.testing.assert_array_equal(asked[number], beyond(query.vector, library.searcher.typical))
        assert song["start_s"] == heard.start_s.tolist()
        assert song["end_s"] == heard.end_s.tolist()
        assert len(song["gain_db"]) == len(heard)
        np.testing.assert_array_equal(segments[: len(heard)], heard.embeddings)
        segments = segments[len(heard) :]
        assert files[song["audio"]] == groups.folder / f"{song['title']}.wav"
    assert len(segments) == 0
    assert told["songs"][0]["players"]["piano"] == {"name": "Ben", "instrument": "Ben's"}
    assert told["songs"][2]["players"]["piano"] is None


def test_whatever_a_module_imports_is_published(library: Library, groups: Groups) -> None:
    files = try_page.try_files(library, groups)
    for name, file in files.items():
        if name.endswith(".js"):
            assert isinstance(file, Path)
            for imported in re.findall(r"from \"\./([\w.-]+)\"", file.read_text(encoding="utf-8")):
                assert imported in files, f"{name} imports {imported}"
    # The product's own modules, and one that stands in for the server.
    for name in ("rank.js", "faders.js", "parts.js", "player.js", "state.js", "theme.js"):
        assert files[name] == try_page.STATIC / name
    assert files["api.js"] == try_page.HERE / "api.js"


def test_the_stand_in_has_what_the_published_modules_ask_the_server_for() -> None:
    told = (try_page.HERE / "api.js").read_text(encoding="utf-8")
    offered = set(
        re.findall(r"^export (?:async function|function|const) (\w+)", told, re.MULTILINE)
    )
    for name in try_page.modules(try_page.ENTRY):
        script = try_page._script(name).read_text(encoding="utf-8")
        assert set(re.findall(r"\bapi\.(\w+)", script)) <= offered | {"js"}, name


def test_the_page_has_the_product_s_faders_and_nothing_inline() -> None:
    page = try_page.page(35)
    for part in PART_NAMES:
        assert f'data-testid="fader-{part}"' in page
    assert 'id="ab-audio-hit"' in page
    assert "35 pieces" in page
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?/", page)


def test_two_recordings_of_one_name_are_refused(
    groups: Groups, tiny_model: Path, tmp_path: Path
) -> None:
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "same.wav", sound({Part.BASS: 0.3 + number / 5}, 12), RATE_HZ)
    library = Library(tmp_path / "library")
    library.index([tmp_path / "one", tmp_path / "two"], jobs=1, model=tiny_model)
    with pytest.raises(PartwiseError, match=r"two recordings are called same\.wav"):
        try_page.contents(library, groups)


def test_a_module_that_is_nowhere_is_named() -> None:
    with pytest.raises(PartwiseError, match=r"needs gone\.js"):
        try_page.modules("gone.js")
