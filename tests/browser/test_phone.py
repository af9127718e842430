"""On a phone, held upright."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from find_page import SONG, FindPage
from page_checks import too_wide


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    """A browser of 390 by 844 points with a touch screen, instead of the desk's."""
    context = browser.new_context(
        base_url=site, viewport=ViewportSize(width=390, height=844), has_touch=True, is_mobile=True
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


def test_find_fits(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.open()
    assert too_wide(page) == []
    find.ask(SONG)
    assert too_wide(page) == []
    for part in find.faders:
        for control in (f"fader-{part}", f"solo-{part}", f"mute-{part}"):
            _reachable(page, control)
    for control in (
        "filter-text",
        "filter-enters-drums",
        "max-per-artist",
        "playlist-m3u8",
        "share-link",
    ):
        _reachable(page, control)
    find.hits.last.get_by_test_id("ab-button").tap(trial=True)
    page.locator("#filters summary").tap()  # folded away again
    page.evaluate("scrollTo(0, 0)")
    shot(page, "phone")


def test_the_player_fits(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.hits.first.get_by_test_id("hit-play").tap()
    expect(page.get_by_test_id("bar-title")).not_to_be_empty()
    assert too_wide(page) == []
    for control in ("bar-play", "bar-next", "bar-seek", "bar-radio", "bar-queue"):
        page.get_by_test_id(control).tap(trial=True)
    bar = page.get_by_test_id("bar").bounding_box()
    assert bar is not None and bar["height"] < 150 and bar["y"] + bar["height"] <= 844.5
    shot(page, "phone-player")
    page.get_by_test_id("bar-queue").tap()
    expect(page.get_by_test_id("queue-row").first).to_be_visible()
    assert too_wide(page) == []
    page.get_by_test_id("queue-close").tap()
    find.hits.last.get_by_test_id("ab-button").tap(trial=True)


@pytest.mark.parametrize("path", ["/library", "/map", "/explore"])
def test_other_pages_fit(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("h1")).to_be_visible()
    assert too_wide(page) == []


def _reachable(page: Page, control: str) -> None:
    """Open what hides it, if anything does, scroll to it, and see whether a finger would hit it."""
    element = page.get_by_test_id(control).first
    closed = page.locator("details:not([open])", has=element)
    if closed.count():
        closed.locator("summary").first.tap()
    element.tap(trial=True)
