"""The library page in the browser: choosing, watching and forgetting folders, and the tables."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo_music import demo_music
from page_checks import faint_texts, too_wide, unnamed_controls
from page_guard import PageGuard
from server_process import served


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Folders of recordings, and what nobody should be shown."""
    with tempfile.TemporaryDirectory(prefix="my-music-") as name:
        demo_music(Path(name, "Albums"), 6)
        demo_music(Path(name, "Singles"), 2)
        for song in Path(name, "Singles").rglob("*.*"):
            song.write_bytes(song.read_bytes() + b"\0")  # contents of their own
        Path(name, "Albums", "torn.mp3").write_bytes(b"not a recording " * 500)
        Path(name, ".hidden").mkdir()
        yield Path(name)


@pytest.fixture(scope="module")
def site(browser: object, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    library = tmp_path_factory.mktemp("new") / "library"
    options = ("--library", library, "--music", folder)
    with served("serve", *options, ready="/api/v1/status") as url:
        yield url


def index(page: Page, folder: Path) -> None:
    """By way of the chooser."""
    page.goto("/library")
    page.wait_for_load_state()
    page.get_by_test_id("browse").click()
    chooser = page.get_by_test_id("chooser")
    expect(chooser).to_be_visible()
    chooser.get_by_role("button", name=str(folder)).click()
    expect(page.get_by_test_id("chooser-path")).to_have_text(str(folder))
    assert chooser.get_by_text("hidden").count() == 0
    page.get_by_test_id("chooser-text").fill("alb")
    expect(page.get_by_test_id("chooser-list").get_by_role("button")).to_have_count(1)
    page.get_by_role("button", name="Albums").click()
    expect(chooser).to_contain_text("recordings here")
    page.get_by_test_id("chooser-take").click()
    expect(page.get_by_test_id("index-progress")).to_contain_text("Done", timeout=90_000)
    # What was heard is read a while later.
    expect(page.get_by_test_id("track").first).to_be_visible(timeout=60_000)


def test_a_folder_is_chosen_watched_and_forgotten(
    page: Page, folder: Path, shot: Callable[..., Path]
) -> None:
    index(page, folder)
    row = page.get_by_test_id("folder")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("tracks")
    expect(row).to_contain_text("last run")
    table = page.get_by_test_id("track")
    first = table.count()
    assert first >= 6
    expect(page.get_by_test_id("index-failures")).to_contain_text("torn.mp3")

    row.get_by_test_id("watch").check()
    expect(row).to_contain_text("heard as it changes")
    song = next((folder / "Singles").rglob("*.*"))
    shutil.copy(song, folder / "Albums" / f"new{song.suffix}")
    expect(table).to_have_count(first + 1, timeout=90_000)
    shot(page, "library")
    page.get_by_test_id("watch").uncheck()
    expect(row).to_contain_text("last run")

    page.get_by_test_id("forget-folder").click()
    dialog = page.get_by_test_id("forget")
    expect(dialog).to_contain_text(f"{first + 1} tracks of {first + 2} files")
    assert unnamed_controls(page) == [] and faint_texts(page) == []
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    page.get_by_test_id("forget-folder").click()
    page.get_by_test_id("forget-yes").click()
    expect(page.get_by_test_id("index-progress")).to_contain_text("Forgotten")
    expect(page.get_by_test_id("folder")).to_have_count(0, timeout=60_000)
    expect(table).to_have_count(0, timeout=60_000)
    assert len(list((folder / "Albums").rglob("*.*"))) >= first


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tracks_are_sorted_searched_played_and_asked_with(
    page: Page, folder: Path, scheme: str, shot: Callable[..., Path]
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/library")
    if not page.get_by_test_id("folder").count():
        index(page, folder)
    rows = page.get_by_test_id("track")
    heading = page.get_by_role("columnheader", name="Length")
    heading.get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Length")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(page).to_have_url(re.compile("sort=duration_s"))
    page.reload()
    expect(page.get_by_role("columnheader", name="Length")).to_have_attribute(
        "aria-sort", "descending"
    )
    title = rows.first.get_by_role("rowheader").inner_text()
    page.get_by_test_id("tracks-text").fill(title.split()[0])
    expect(page.get_by_test_id("tracks-total")).to_contain_text("of")
    expect(rows.first.get_by_role("rowheader")).to_contain_text(title.split()[0])
    assert unnamed_controls(page) == [] and faint_texts(page) == [] and too_wide(page) == []
    play = rows.first.get_by_role("button", name="Play")
    with page.expect_request("**/audio"):
        play.click()
    page.get_by_test_id("failures-text").fill("recording torn")
    rows.first.get_by_role("link", name="Find like this").click()
    expect(page.get_by_test_id("hit").first).to_be_visible(timeout=20_000)


def test_on_a_phone(page: Page, folder: Path, shot: Callable[..., Path]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/library")
    if not page.get_by_test_id("folder").count():
        index(page, folder)
        page.goto("/library")
    assert too_wide(page) == []
    shot(page, "library-phone", height=1800)


def test_a_visitor_sees_and_changes_nothing(page: Page, guard: PageGuard) -> None:
    """What is not there any more is told in a sentence."""
    guard.expect_refusal(403, 404)
    page.goto("/library")
    answer = page.evaluate(
        "async () => (await fetch('api/v1/folders?path=%2Fnowhere', {method: 'DELETE'})).status"
    )
    assert answer in (403, 404)
