"""The player bar: from a row, through a queue, from page to page; part radio; through a mask."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from find_page import SONG, FindPage
from page_waits import wait_until

_MOVES = """() => {
  const audio = document.querySelector("[data-testid=bar-audio]");
  return !audio.paused && audio.currentTime > 0.1;
}"""


def _audio(page: Page) -> Locator:
    return page.get_by_test_id("bar-audio")


def _playing(page: Page, title: str | None = None) -> None:
    """Wait until the bar's song sounds."""
    if title is not None:
        expect(page.get_by_test_id("bar-title")).to_have_text(title)
    wait_until(page, _MOVES)


def _titles(page: Page) -> list[str]:
    return page.locator(".queue-name").all_text_contents()


@pytest.fixture
def find(page: Page) -> FindPage:
    find = FindPage(page)
    find.ask(SONG)
    return find


def test_a_row_plays_and_the_next_ones_follow(page: Page, find: FindPage) -> None:
    order = find.order()
    row = find.hits.nth(1).get_by_test_id("hit-play")
    row.click()
    _playing(page, order[1])
    expect(row).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("bar-next").click()
    _playing(page, order[2])
    expect(row).to_have_attribute("aria-pressed", "false")
    page.get_by_test_id("bar-previous").click()
    _playing(page, order[1])
    _audio(page).evaluate("element => { element.currentTime = element.duration - 0.3; }")
    _playing(page, order[2])  # by itself
    page.get_by_test_id("bar-play").click()
    expect(_audio(page)).to_have_js_property("paused", True)
    seek = page.get_by_test_id("bar-seek")
    seek.fill("12")
    seek.dispatch_event("change")
    wait_until(page, "() => document.getElementById('bar-audio').currentTime >= 12")
    page.get_by_test_id("bar-volume").fill("0.4")
    expect(_audio(page)).to_have_js_property("volume", 0.4)


def test_the_query_plays_in_the_bar_and_one_thing_sounds(page: Page, find: FindPage) -> None:
    play = page.get_by_test_id("query-play")
    play.click()
    _playing(page, SONG)
    expect(play).to_have_text("Pause")
    find.hits.first.get_by_test_id("ab-button").click()
    expect(page.get_by_test_id("ab-audio-query")).to_have_js_property("paused", False)
    expect(_audio(page)).to_have_js_property("paused", True)
    expect(play).to_have_text("Play")
    find.hits.first.get_by_test_id("hit-play").click()
    _playing(page, find.order()[0])
    expect(page.get_by_label("A/B comparison")).to_be_hidden()


def test_the_queue_is_edited(page: Page, find: FindPage, shot: Callable[..., Path]) -> None:
    order = find.order()
    find.hits.first.get_by_test_id("hit-play").click()
    find.hits.nth(4).get_by_test_id("seed-menu").select_option("next")
    page.get_by_test_id("bar-queue").click()
    expect(page.locator(".queue-name").nth(1)).to_have_text(order[4])
    assert _titles(page)[:3] == [order[0], order[4], order[1]]
    rows = page.get_by_test_id("queue-row")
    rows.nth(2).get_by_test_id("queue-up").click()
    assert _titles(page)[:3] == [order[0], order[1], order[4]]
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == f"Move {order[1]} up"
    rows.nth(1).drag_to(rows.nth(3))
    assert _titles(page)[:4] == [order[0], order[4], order[2], order[1]]
    rows.nth(1).get_by_test_id("queue-remove").click()
    assert _titles(page)[:3] == [order[0], order[2], order[1]]
    shot(page, "queue", width=1440, height=900)
    page.get_by_test_id("queue-clear").click()
    assert _titles(page) == [order[0]]
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("queue")).to_be_hidden()
    expect(page.get_by_test_id("bar-queue")).to_be_focused()
    # What a hand has added outlasts another list.
    find.hits.nth(4).get_by_test_id("seed-menu").select_option("later")
    page.get_by_test_id("play-all").click()
    page.get_by_test_id("bar-queue").click()
    page.get_by_test_id("bar-queue").click()
    expect(_audio(page)).to_have_js_property("paused", False)
    page.get_by_test_id("bar-next").click()
    _playing(page, order[4])


def test_keys(page: Page, find: FindPage) -> None:
    order = find.order()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    expect(find.hits.first.locator(".hit-name")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("p")
    _playing(page, order[1])
    page.keyboard.press("J")
    _playing(page, order[2])
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    expect(_audio(page)).to_have_js_property("paused", True)
    before = _audio(page).evaluate("element => element.currentTime")
    page.keyboard.press("ArrowRight")
    after = _audio(page).evaluate("element => element.currentTime")
    assert after == pytest.approx(before + 5, abs=0.2)
    page.keyboard.press("?")
    keys = page.get_by_test_id("keys")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("next or previous song")
    page.get_by_test_id("keys-letters").uncheck()
    page.get_by_test_id("keys-close").click()
    page.keyboard.press("K")
    page.keyboard.press(" ")  # which is no letter
    _playing(page, order[2])
    page.get_by_test_id("song-search").focus()
    page.keyboard.type("j? k")  # what is typed is typed
    expect(page.get_by_test_id("song-search")).to_have_value("j? k")
    expect(keys).to_be_hidden()


def test_it_plays_on_from_page_to_page(page: Page, find: FindPage) -> None:
    order = find.order()
    find.hits.first.get_by_test_id("hit-play").click()
    _playing(page, order[0])
    page.get_by_test_id("bar-volume").fill("0.3")
    _audio(page).evaluate("element => { element.currentTime = 10; }")
    for name in ("Library", "Map"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        _playing(page, order[0])
        assert _audio(page).evaluate("element => element.currentTime") >= 9.5
        expect(_audio(page)).to_have_js_property("volume", 0.3)
    page.get_by_test_id("bar-next").click()
    _playing(page, order[1])
    page.get_by_test_id("bar-play").click()
    page.get_by_role("link", name="Find", exact=True).click()
    expect(page.get_by_test_id("bar-title")).to_have_text(order[1])
    expect(_audio(page)).to_have_js_property("paused", True)


def test_the_system_knows_what_plays(page: Page, find: FindPage) -> None:
    find.hits.first.get_by_test_id("hit-play").click()
    _playing(page)
    told = page.evaluate(
        "() => [navigator.mediaSession.metadata.title, navigator.mediaSession.playbackState]"
    )
    assert told == [find.order()[0], "playing"]


# --- part radio


def _artist(page: Page) -> str:
    return page.locator("#bar-artist").inner_text()


def test_radio_keeps_to_its_rules(page: Page, find: FindPage) -> None:
    page.get_by_test_id("solo-drums").click()
    find.wait_until_shown()
    page.get_by_test_id("find-radio").click()
    _playing(page, SONG)
    radio = page.get_by_test_id("bar-radio")
    expect(radio).to_have_attribute("aria-pressed", "true")
    expect(radio).to_have_attribute("title", "Radio plays on: keeps drums")
    coming = page.locator("#bar-coming")
    heard, artists = [SONG], [_artist(page)]
    for _ in range(6):
        expect(coming).to_have_text("3")
        page.get_by_test_id("bar-next").click()
        expect(page.get_by_test_id("bar-title")).not_to_have_text(heard[-1])
        heard.append(page.get_by_test_id("bar-title").inner_text())
        artists.append(_artist(page))
    assert len(set(heard)) == len(heard)
    assert all(one != other for one, other in pairwise(artists)), artists


def test_faders_and_skips_change_what_comes(page: Page, find: FindPage) -> None:
    page.get_by_test_id("find-radio").click()
    _playing(page, SONG)
    expect(page.locator("#bar-coming")).to_have_text("3")
    with page.expect_request("**/radio/next") as asked:
        page.get_by_test_id("solo-bass").click()
    sent = asked.value.post_data_json or {}
    assert {part for part, weight in sent["weights"].items() if weight} == {"bass"}
    assert len(sent["played"]) == 1 and sent["top"] == 3  # what was to come is chosen anew
    expect(page.locator("#bar-coming")).to_have_text("3")
    page.get_by_test_id("bar-next").click()
    expect(page.get_by_test_id("bar-title")).not_to_have_text(SONG)
    _playing(page)
    with page.expect_request(
        lambda request: "radio/next" in request.url and 'skipped":["' in (request.post_data or "")
    ) as asked:
        page.get_by_test_id("bar-next").click()
    sent = asked.value.post_data_json or {}
    assert sent["skipped"][0] in sent["played"]
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.get_by_test_id("bar-radio")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#bar-coming")).to_have_text("3")
    page.get_by_test_id("bar-radio").click()
    expect(page.locator("#bar-coming")).to_have_text("0")


# --- through a mask

# When passages were started: [seconds of the passage, time, place in it].
_KEEP_STARTS = """
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...times) {
  (window.starts ??= []).push([this.buffer.duration, ...times]);
  return start.apply(this, times);
};
"""


def test_a_part_is_let_through(page: Page, shot: Callable[..., Path]) -> None:
    page.add_init_script(_KEEP_STARTS)
    find = FindPage(page)
    find.ask(SONG)
    page.get_by_test_id("query-play").click()
    _playing(page, SONG)
    bar = page.get_by_test_id("bar")
    bar.get_by_test_id("reason-part").select_option("bass")
    button = bar.get_by_test_id("reason")
    expect(button).to_have_text("Only bass")
    with page.expect_response("**/audition?**") as got:
        button.click()
    assert "part=bass" in got.value.url and got.value.status == 200
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(bar.locator("[data-reason]")).to_have_attribute("data-state", "through")
    expect(page.get_by_test_id("reason-note").first).to_contain_text("no separated stem")
    wait_until(page, "() => window.starts.length >= 2")  # and the next passage after it
    began = sorted(at - late for _, at, late in page.evaluate("window.starts.slice(-2)"))
    assert began[1] - began[0] == pytest.approx(5, abs=0.001)  # without a gap
    shot(page, "reason", width=1440, height=900)
    expect(_audio(page)).to_have_js_property("paused", False)  # at the same place all the time
    button.click()
    expect(bar.locator("[data-reason]")).to_have_attribute("data-state", "off")


def test_both_sides_of_a_comparison_through_the_mask(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.hits.first.get_by_test_id("ab-button").click()
    comparison = page.get_by_label("A/B comparison")
    expect(page.get_by_test_id("ab-audio-query")).to_have_js_property("paused", False)
    comparison.get_by_test_id("reason").click()
    state = comparison.locator("[data-reason]")
    expect(state).to_have_attribute("data-state", "through")
    page.keyboard.press("b")
    expect(page.get_by_test_id("ab-audio-hit")).to_have_js_property("paused", False)
    expect(state).to_have_attribute("data-state", "through")
    page.keyboard.press("Escape")
    expect(comparison).to_be_hidden()
