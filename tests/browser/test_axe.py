"""axe, the checker that most audits begin with, finds nothing in any view."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from find_page import SONG, FindPage

# All rules of WCAG 2.2 and good practice, and the one that knows names that are said aloud.
_OPTIONS = {
    "runOnly": [
        *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"),
        "experimental",
    ]
}


def violations(page: Page) -> list[str]:
    """What axe complains about, each with the elements."""
    page.wait_for_timeout(400)  # colours fade
    found: dict[str, Any] = Axe().run(page, options=_OPTIONS).response
    return [
        f"{broken['id']} x{len(broken['nodes'])}: {broken['nodes'][0]['html'][:200]}"
        f" {broken['nodes'][0].get('failureSummary', '')[:300]}"
        for broken in found["violations"]
    ]


@pytest.fixture(params=["light", "dark"])
def find(request: pytest.FixtureRequest, page: Page) -> FindPage:
    """The page in both themes."""
    page.emulate_media(color_scheme=request.param)
    return FindPage(page)


def test_first_screen(find: FindPage) -> None:
    find.open()
    expect(find.page.get_by_test_id("start")).to_be_visible()
    assert violations(find.page) == []


def test_a_question(find: FindPage) -> None:
    page, hits = find.page, find.hits
    asked = find.ask(SONG)["hits"]
    with find.asking():
        hits.first.get_by_test_id("seed-menu").select_option("drums")
    expect(page.get_by_test_id("seed-drums")).to_contain_text(asked[0]["title"])
    with find.asking():
        page.get_by_test_id("mute-bass").click()
    with find.asking():
        hits.nth(2).get_by_test_id("seed-menu").select_option("less")
    find.open_filters()
    find.show_rest()
    hits.first.get_by_test_id("hit-choose").check()
    hits.nth(1).locator(".hit-name").click()
    expect(hits.nth(1).get_by_test_id("moment").first).to_be_visible()
    assert violations(page) == []


def test_a_comparison(find: FindPage) -> None:
    find.ask(SONG)
    find.hits.first.get_by_test_id("ab-button").click()
    expect(find.page.get_by_label("A/B comparison")).to_be_visible()
    assert violations(find.page) == []


@pytest.mark.parametrize("path", ["/explore", "/library", "/map", "/api/docs"])
def test_other_pages(find: FindPage, path: str) -> None:
    page = find.page
    page.goto(path)
    if path == "/map":
        expect(page.get_by_test_id("map-canvas")).to_have_attribute("data-part", "drums")
    assert violations(page) == []


def test_it_notices(page: Page) -> None:
    FindPage(page).open()
    page.evaluate("document.querySelector('#song-search').labels[0].remove()")
    page.evaluate("document.querySelector('#song-search').placeholder = ''")
    assert any(found.startswith("label") for found in violations(page))
