"""The pages under a prefix, as a proxy shows them that takes nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from find_page import SONG, FindPage
from page_guard import PageGuard
from server_process import served


@pytest.fixture(scope="module")
def site(library: Path) -> Iterator[str]:
    options = ("--library", library, "--root-path", "/partwise")
    with served("serve", *options, ready="/partwise/api/v1/status") as url:
        yield url


def test_every_page_works_and_asks_for_nothing_outside(page: Page, guard: PageGuard) -> None:
    find = FindPage(page)
    find.open("/partwise/")
    find.ask(SONG)
    expect(find.hits.nth(9)).to_be_attached()
    find.hits.first.get_by_test_id("ab-button").click()
    expect(find.hits.first.get_by_test_id("ab-button")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_test_id("map-canvas")).to_have_attribute("data-points", "35")
    page.get_by_test_id("map-near").get_by_role("button").first.click()
    page.get_by_test_id("map-like").click()
    find.wait_until_shown()
    with page.expect_request("**/partwise/api/v1/index/events"):
        page.get_by_role("link", name="Library").click()
    expect(page.get_by_text("What it holds")).to_be_visible()
    asked = {request.split(" ", 1)[1] for request in guard.requests}
    assert all(address.startswith("/partwise/") for address in asked), asked
