"""Fewer hits, and what to take along: playlists and a link."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from demo_music import BANDS, FIRST_YEAR
from find_page import SONG, FindPage


def test_filters(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.show_rest()
    find.open_filters()
    with find.asking() as question:
        page.get_by_test_id("filter-text").fill(BANDS[2])
    assert question[0]["filter"]["text"] == BANDS[2]
    expect(find.hits).to_have_count(7)  # every fifth of the 35 pieces
    expect(find.hits.filter(has_text=BANDS[2])).to_have_count(7)
    with find.asking():
        page.get_by_test_id("filter-text").fill("")
    with find.asking():
        page.get_by_test_id("filter-year-from").fill(str(FIRST_YEAR + 30))
    expect(find.hits).to_have_count(5)


def test_max_per_artist(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.show_rest()
    find.open_filters()
    with find.asking() as question:
        page.get_by_test_id("max-per-artist").fill("1")
    assert question[0]["max_per_artist"] == 1
    for band in BANDS:
        expect(find.hits.filter(has_text=band)).to_have_count(1)


def test_playlists_hold_the_hits_in_order(page: Page, music: list[Path]) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.set_fader("drums", 0)
    shown = find.order()
    paths = {_title(path): path for path in music}
    with page.expect_download() as download:
        page.get_by_test_id("playlist-m3u8").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    assert listed == [str(paths[title]) for title in shown]
    assert download.value.suggested_filename.endswith(".m3u8")
    with page.expect_download() as download:
        page.get_by_test_id("playlist-xspf").click()
    titles = ElementTree.parse(download.value.path()).iterfind(".//{*}track/{*}title")
    assert [title.text for title in titles] == shown


def _title(path: Path) -> str:
    from mutagen.oggopus import OggOpus

    return OggOpus(path)["title"][0]


def test_link_asks_the_same_again(
    context: BrowserContext, page: Page, shot: Callable[..., Path]
) -> None:
    find = FindPage(page)
    find.ask(SONG)
    with find.asking():
        page.get_by_test_id("solo-bass").click()
    find.open_filters()
    with find.asking():
        page.get_by_test_id("max-per-artist").fill("2")
    expect(page.get_by_test_id("hits")).not_to_have_attribute("aria-busy", "true")
    shown = find.order()
    other = context.new_page()
    other.goto(page.url)
    again = FindPage(other)
    expect(again.hits).to_have_count(len(shown))
    assert again.order() == shown
    expect(other.get_by_test_id("solo-bass")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_test_id("max-per-artist")).to_have_value("2")
