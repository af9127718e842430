"""Dark and light: as the system has it, or as one says."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from find_page import SONG, FindPage
from page_waits import wait_until

_PAPER = "() => getComputedStyle(document.body).backgroundColor"


def _brightness(page: Page) -> float:
    numbers = page.evaluate(_PAPER).strip("rgba()").split(",")
    return sum(map(float, numbers[:3])) / 3


def test_follows_the_system_and_the_toggle(page: Page, shot: Callable[..., Path]) -> None:
    page.emulate_media(color_scheme="light")
    FindPage(page).ask(SONG)
    assert _brightness(page) > 200
    page.emulate_media(color_scheme="dark")
    assert _brightness(page) < 60
    shot(page, "find-dark", width=1440, height=900)
    toggle = page.get_by_test_id("theme-toggle")
    toggle.click()
    wait_until(page, f"() => ({_PAPER})().match(/\\d+/)[0] > 200")
    page.goto("/library")
    expect(page.get_by_test_id("theme-toggle")).to_be_visible()
    assert _brightness(page) > 200  # remembered from page to page
