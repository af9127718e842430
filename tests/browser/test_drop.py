"""A recording from the visitor's own disk."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from find_page import FindPage
from page_guard import PageGuard

_DROP = """(target, {name, content}) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, {type: "audio/flac"}));
  for (const type of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer}));
  }
}"""


@pytest.fixture(scope="module")
def recording(music: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of a piece of the library, as another file."""
    samples, rate_hz = soundfile.read(music[0], stop=12 * 48_000)
    path = tmp_path_factory.mktemp("mine") / "My <i>own<b> song.flac"
    soundfile.write(path, 0.5 * np.asarray(samples), rate_hz)
    return path


def test_choose_a_file(page: Page, recording: Path, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.open()
    with find.asking():
        page.get_by_test_id("file-input").set_input_files(recording)
    expect(find.hits.first).to_be_visible()
    assert find.order()[0] == "Amber Meadow"
    expect(page.get_by_text("My <i>own<b> song").first).to_be_visible()
    shot(page, "drop", width=1440, height=900)


def test_drop_a_file(page: Page, recording: Path) -> None:
    find = FindPage(page)
    find.open()
    content = base64.b64encode(recording.read_bytes()).decode()
    with find.asking():
        page.get_by_test_id("file-drop").evaluate(_DROP, {"name": "mine.flac", "content": content})
    expect(find.hits.first).to_be_visible()
    assert find.order()[0] == "Amber Meadow"


def test_broken_file_gets_a_sentence(page: Page, guard: PageGuard, tmp_path: Path) -> None:
    guard.expect_refusal(415, 422)
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"not a recording " * 500)
    page.goto("/")
    page.get_by_test_id("file-input").set_input_files(broken)
    error = page.get_by_test_id("error").first
    expect(error).to_contain_text("”: the file cannot be used: not audio")
