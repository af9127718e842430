"""For who cannot see the page, or not well."""

import pytest
from playwright.sync_api import Page, expect

from find_page import SONG, FindPage
from page_checks import faint_texts, unnamed_controls
from page_guard import PageGuard


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/library", "/map", "/explore"])
def test_names_and_contrast(page: Page, path: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    if path == "/":
        FindPage(page).ask(SONG)
    else:
        page.goto(path)
    if path == "/map":
        expect(page.get_by_test_id("map-canvas")).to_have_attribute("data-part", "drums")
    if path == "/explore":
        expect(page.get_by_test_id("cluster").first).to_be_visible()
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert unnamed_controls(page) == []
    assert faint_texts(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_player_queue_and_keys(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    find = FindPage(page)
    find.ask(SONG)
    find.hits.first.get_by_test_id("hit-play").click()
    page.get_by_test_id("bar").get_by_test_id("reason").click()
    page.get_by_test_id("bar-queue").click()
    expect(page.get_by_test_id("queue-row").first).to_have_attribute("aria-current", "true")
    assert unnamed_controls(page) == []
    assert faint_texts(page) == []
    page.keyboard.press("Escape")
    page.get_by_test_id("keys-open").click()
    expect(page.get_by_test_id("keys")).to_be_visible()
    assert unnamed_controls(page) == []
    assert faint_texts(page) == []


def test_an_error_is_announced(page: Page, guard: PageGuard) -> None:
    guard.expect_refusal(415, 422)
    page.goto("/")
    page.get_by_test_id("file-input").set_input_files(
        {"name": "torn.mp3", "mimeType": "audio/mpeg", "buffer": b"not a recording"}
    )
    error = page.get_by_test_id("error").first
    expect(error).to_be_visible()
    live = error.locator("xpath=ancestor-or-self::*[@role='alert' or @aria-live]")
    assert live.count() >= 1


def test_checks_notice(page: Page) -> None:
    """What the checks above look for, they find."""
    page.goto("/")
    page.evaluate(
        """() => {
          const button = document.createElement("button");
          const faint = document.createElement("p");
          faint.textContent = "hardly to be read";
          faint.style.color = "rgb(120 120 120 / 60%)";
          document.body.append(button, faint);
        }"""
    )
    assert any(control.startswith("button") for control in unnamed_controls(page))
    assert any("hardly" in text for text in faint_texts(page))
