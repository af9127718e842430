"""The pages and their fragments: they answer, and what stands in tags stays text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from html_page import Page
from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.library.search.query import clock
from partwise.parts import PARTS, Part
from partwise.web.app import Settings, create_app
from partwise.web.security import CONTENT_SECURITY_POLICY
from partwise.web.server import Server
from small_library import Piece, make_library

STATIC = Path(__file__).parents[2] / "src" / "partwise" / "web" / "static"
SCRIPT = "<script>alert('t')</script>"
BREAK_OUT = '"><img src=x onerror=alert(1)>'

PIECES = [
    Piece("plain.wav", {Part.DRUMS: 0}, tags=Tags("Plain", "Somebody", "First", 1999)),
    Piece("odd.wav", {Part.BASS: 10}, tags=Tags(SCRIPT, BREAK_OUT, "Second", 2001)),
    Piece("untagged <b>.wav", {Part.PIANO: 20}),
]


def client_of(library: Library, settings: Settings | None = None) -> TestClient:
    return TestClient(create_app(Server(library), settings), base_url="http://localhost")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    library = make_library(tmp_path_factory.mktemp("pages"), PIECES)
    with client_of(library) as client:
        yield client


@pytest.mark.parametrize(
    "address", ["/", "/explore", "/library", "/library/holdings", "/find/songs"]
)
def test_answers_with_a_page(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("address", ["/", "/explore", "/library"])
def test_keeps_to_the_policy(client: TestClient, address: str) -> None:
    page = client.get(address).text
    read = Page(page)  # what stands in tags may look like anything
    names = {name for _, attributes in read.elements for name in attributes}
    assert not [name for name in names if name == "style" or name.startswith("on")]
    assert not read.all("style")
    assert not [target for target in read.addresses if target.startswith("javascript:")]
    assert all("src" in attributes for attributes in read.all("script"))
    assert not re.search(r"(src|href|hx-get)=\"(/|[a-z]+:)", page)  # works under a prefix too


@pytest.mark.parametrize("address", ["/", "/explore", "/library"])
def test_every_file_of_a_page_is_there(client: TestClient, address: str) -> None:
    files = re.findall(r"(?:src|href)=\"(static/[^\"]+)\"", client.get(address).text)
    assert files
    assert {client.get(file).status_code for file in files} == {200}


def test_modules_import_what_is_there() -> None:
    for module in STATIC.glob("*.js"):
        for name in re.findall(r"from \"(\./[^\"]+)\"", module.read_text("utf-8")):
            assert (STATIC / name).is_file(), f"{module.name} imports {name}"


def test_each_part_has_a_fader_with_buttons(client: TestClient) -> None:
    page = client.get("/").text
    for part in PARTS:
        for hook in ("fader", "solo", "mute", "seed"):
            assert f'data-testid="{hook}-{part}"' in page
        assert f'<label for="fader-{part}">' in page


def test_songs_are_found_by_title_artist_album_and_file_name(client: TestClient) -> None:
    def titles(text: str) -> list[str]:
        fragment = client.get("/find/songs", params={"text": text}).text
        return re.findall(r"song-title\">([^<]*)<", fragment)

    assert titles("PLAIN") == titles("somebody") == titles("first") == titles(".wav")[1:2]
    assert titles("untagged") == ["untagged &lt;b&gt;"]
    assert titles("no such thing") == []


def test_what_is_typed_and_what_is_tagged_is_escaped(client: TestClient) -> None:
    for text in ("script", SCRIPT, BREAK_OUT, "<b>"):
        fragment = client.get("/find/songs", params={"text": text}).text
        assert "<script" not in fragment
        assert "<img" not in fragment
        assert "<b>" not in fragment
    found = client.get("/find/songs", params={"text": "script"}).text
    assert "&lt;script&gt;" in found
    assert "&#34;&gt;&lt;img src=x onerror=alert(1)&gt;" in found


def test_first_run_leads_to_the_library(tmp_path: Path) -> None:
    with client_of(Library(tmp_path / "none")) as client:
        assert 'data-testid="first-run"' in client.get("/").text
        assert "Nothing has been indexed yet" in client.get("/library").text
        assert "no songs yet" in client.get("/find/songs").text


def test_a_library_of_songs_needs_no_first_run(client: TestClient) -> None:
    assert 'data-testid="first-run"' not in client.get("/").text


def test_no_form_where_visitors_may_not_index(tmp_path: Path) -> None:
    library = make_library(tmp_path, PIECES[:1])
    with client_of(library, Settings(music=())) as client:
        page = client.get("/library").text
    assert 'data-testid="index-folder"' not in page
    assert "does not let visitors index" in page


def test_the_policy_allows_the_style_of_the_vendored_wavesurfer() -> None:
    source = (STATIC / "vendor" / "wavesurfer.esm.js").read_text("utf-8")
    height = re.search(r"const HEIGHT = (\d+);", (STATIC / "wave.js").read_text("utf-8"))
    sheet = re.search(r"<style\$\{[^`]*`[^`]*`[^`]*\}>(.*?)</style>", source, re.DOTALL)
    assert height is not None
    assert sheet is not None
    style = re.sub(r"\$\{this\.getHeight\([^}]*\)\}", height[1], sheet[1].replace("\\n", "\n"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in CONTENT_SECURITY_POLICY


def test_lengths_for_people() -> None:
    assert [clock(0), clock(187.6), clock(3725)] == ["0:00", "3:07", "1:02:05"]
