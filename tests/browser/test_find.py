"""Picking a song, and the faders."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from find_page import SONG, FindPage
from page_guard import PageGuard

SEARCH = "POST /api/v1/search"


def test_hits_appear(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.ask(SONG)
    expect(find.hits.nth(9)).to_be_attached()
    assert SONG not in find.order()
    bars = find.hits.first.get_by_test_id("hit-why")
    expect(bars).to_be_visible()
    find.set_fader("bass", 0.3)
    shot(page, "find", width=1440, height=900)


def test_order_follows_a_held_fader(page: Page, guard: PageGuard) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.show_rest()
    before, asked = find.order(), guard.asked(SEARCH)
    drums = find.faders["drums"]
    find.hold(drums, 0.0)
    while_held = find.wait_for_other_order(before)
    assert guard.asked(SEARCH) == asked
    assert sorted(while_held) == sorted(before)
    with find.asking() as question:
        page.mouse.up()
    assert question[0]["weights"]["drums"] == 0
    expect(page.get_by_test_id("hits")).not_to_have_attribute("aria-busy", "true")
    assert guard.asked(SEARCH) == asked + 1
    assert find.order() == while_held  # the page had the server's order before the server


def test_keys_move_a_fader(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    before = find.order()
    find.faders["bass"].focus()
    with find.asking() as question:
        page.keyboard.press("Home")
    assert question[0]["weights"]["bass"] == 0
    find.wait_for_other_order(before)


def test_solo_and_mute(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    mixed = find.order()
    solo = page.get_by_test_id("solo-drums")
    with find.asking() as question:
        solo.click()
    assert [part for part, weight in question[0]["weights"].items() if weight] == ["drums"]
    expect(solo).to_have_attribute("aria-pressed", "true")
    alone = find.wait_for_other_order(mixed)
    with find.asking():
        solo.click()
    expect(solo).to_have_attribute("aria-pressed", "false")
    assert find.wait_for_other_order(alone) == mixed

    with find.asking() as question:
        page.get_by_test_id("mute-drums").click()
    assert question[0]["weights"].get("drums", 0) == 0
    assert question[0]["weights"]["bass"] > 0


def test_why_says_the_similarities(page: Page) -> None:
    """The bars have the values of the answer, and a name that can be read out."""
    find = FindPage(page)
    find.ask(SONG)
    why = find.hits.first.get_by_test_id("hit-why")
    text = why.get_attribute("aria-label") or why.inner_text()
    assert "drums" in text.lower()


def test_absent_part_cannot_be_asked_for(page: Page) -> None:
    find = FindPage(page)
    find.open()
    tracks = page.request.get("/api/v1/tracks?limit=100").json()["tracks"]
    track = next(track for track in tracks if len(track["parts"]) < 5)
    find.ask(track["title"])
    for part, fader in find.faders.items():
        if part in track["parts"]:
            expect(fader).to_be_enabled()
        else:
            expect(fader).to_be_disabled()


def test_script_in_tags_is_text(page: Page) -> None:
    find = FindPage(page)
    find.ask("<script>")
    expect(page.get_by_label("Songs of the query")).to_contain_text("<script>alert(1)</script>")
    find.ask(SONG)
    find.show_rest()
    expect(find.hits.filter(has_text="<img src=x onerror=alert(2)>")).to_have_count(1)
    expect(page.locator("img[src=x]")).to_have_count(0)
