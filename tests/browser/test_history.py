"""Every question is an address: back and forth, the trail, and questions that begin anew."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from find_page import SONG, FindPage
from page_waits import wait_until


def _chosen(page: Page, text: str) -> None:
    expect(page.get_by_label("Songs of the query")).to_have_text(text)


def test_back_and_forward_walk_through_questions(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    first = find.order()
    with find.asking():
        page.get_by_test_id("solo-drums").click()
    find.wait_for_other_order(first)
    by_drums, address = find.order(), page.url
    hit = find.hits.nth(2)
    title = hit.get_by_test_id("hit-title").inner_text()
    with find.asking() as question:
        hit.get_by_test_id("like-button").click()
    assert [part for part, weight in question[0]["weights"].items() if weight] == ["drums"]
    _chosen(page, f"{title}×")
    second = find.order()
    with find.asking():
        page.go_back()
    # Moving faders was no other question: one step back is the question before, as it was left.
    _chosen(page, f"{SONG}×")
    assert page.url == address
    expect(page.get_by_test_id("solo-drums")).to_have_attribute("aria-pressed", "true")
    assert find.wait_for_other_order(second) == by_drums
    with find.asking():
        page.go_forward()
    _chosen(page, f"{title}×")
    assert find.order() == second


def test_reload_restores_seeds_passage_and_filters(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    with find.asking():
        page.get_by_test_id("range-start").fill("5")
        page.get_by_test_id("range-end").fill("15")
        page.get_by_test_id("range-end").blur()
    find.open_filters()
    with find.asking():
        page.get_by_test_id("max-per-artist").fill("1")
    find.set_fader("bass", 0.25)
    shown = find.order()
    with find.asking() as question:
        page.reload()
    assert question[0]["range"] == [5, 15]
    assert question[0]["max_per_artist"] == 1 and question[0]["weights"]["bass"] == 0.25
    _chosen(page, f"{SONG}×")
    assert find.order() == shown
    with find.asking():
        find.hits.first.get_by_test_id("seed-menu").select_option("drums")
    given = page.get_by_test_id("seed-drums").inner_text()
    with find.asking() as question:
        page.reload()
    assert set(question[0]["per_part_of"]) == {"drums"}
    expect(page.get_by_test_id("seed-drums")).to_have_text(given)


def test_like_this_begins_anew_and_also_like_this_adds(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    with find.asking():
        find.hits.first.get_by_test_id("seed-menu").select_option("bass")
    hit = find.hits.nth(1)
    one = hit.get_by_test_id("hit-title").inner_text()
    with find.asking() as question:
        hit.get_by_test_id("like-button").click()
    assert question[0]["per_part_of"] == {} and len(question[0]["songs"]) == 1
    other = find.hits.first.get_by_test_id("hit-title").inner_text()
    with find.asking() as question:
        find.hits.first.get_by_test_id("seed-menu").select_option("query")
    assert len(question[0]["songs"]) == 2
    _chosen(page, f"{one}×{other}×")


def test_the_trail_leads_back(context: BrowserContext, page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.set_fader("drums", 0.5)
    find.ask("Amber Meadow")
    earlier = page.get_by_test_id("trail").get_by_role("link", name=SONG, exact=True)
    with find.asking() as question:
        earlier.click()
    assert question[0]["weights"]["drums"] == 0.5
    _chosen(page, f"{SONG}×")
    expect(page.get_by_test_id("trail").get_by_role("link").first).to_have_text("Amber Meadow")
    page.reload()
    expect(page.get_by_test_id("trail").get_by_role("link").first).to_have_text("Amber Meadow")


def test_skip_links_keep_the_question(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    address = page.url
    with find.asking():
        page.reload()  # the focus is where it is at first
    focused = "document.activeElement.closest('[data-testid=hit]') !== null"
    presses = 0
    while not page.evaluate(focused):
        presses += 1
        assert presses <= 10, "the first hit is more than ten tabs away"
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "skip-to-hits":
            page.keyboard.press("Enter")
    assert page.url == address
    wait_until(page, "() => document.querySelectorAll('[data-testid=hit]').length > 5")
