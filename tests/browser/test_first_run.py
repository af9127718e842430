"""From an empty library to the first answer, all in the browser."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo_music import demo_music
from find_page import FindPage
from page_guard import PageGuard
from server_process import served


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A few recordings, and a file that is none; its name is short, for the picture."""
    with tempfile.TemporaryDirectory(prefix="my-music-") as name:
        demo_music(Path(name), 4)
        Path(name, "torn.mp3").write_bytes(b"not a recording " * 500)
        yield Path(name)


@pytest.fixture(scope="module")
def site(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A library that nobody has put anything to."""
    folder = tmp_path_factory.mktemp("new") / "library"
    with served("serve", "--library", folder, ready="/api/v1/status") as url:
        yield url


def test_index_and_ask(
    page: Page, guard: PageGuard, folder: Path, shot: Callable[..., Path]
) -> None:
    guard.expect_refusal(422)  # of a folder that does not exist
    page.goto("/")
    expect(page.get_by_test_id("first-run")).to_contain_text("Index a folder")
    expect(page.get_by_test_id("hits")).to_be_hidden()  # there is nothing to search in
    page.get_by_role("link", name="Library").first.click()
    expect(page).to_have_url("/library")
    page.wait_for_load_state()  # a click before its script is there asks nobody

    page.get_by_test_id("index-folder").fill(str(folder / "nowhere"))
    page.get_by_test_id("index-start").click()
    expect(page.get_by_test_id("error").first).to_contain_text("nowhere")

    page.get_by_test_id("index-folder").fill(str(folder))
    page.get_by_test_id("index-start").click()
    progress = page.get_by_test_id("index-progress")
    expect(progress).to_be_visible()
    expect(progress).to_contain_text("5")  # files in all
    failures = page.get_by_test_id("index-failures")
    expect(failures).to_contain_text("torn.mp3", timeout=60_000)
    expect(failures.get_by_text("torn.mp3").first).to_be_visible()
    expect(progress).to_contain_text("done", ignore_case=True)
    shot(page, "library")

    find = FindPage(page)
    find.open()
    find.ask("Amber Meadow")
    expect(find.hits).to_have_count(3)
