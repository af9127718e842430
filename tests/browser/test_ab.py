"""A/B: the matching moments of query and hit in turn."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from find_page import SONG, FindPage

_MOVES = """element => new Promise((done) => {
  const from = element.currentTime;
  const look = () => element.currentTime > from ? done() : requestAnimationFrame(look);
  look();
})"""


def test_moments_in_turn(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    hit = find.ask(SONG)["hits"][0]
    moment = hit["moments"][0]
    query, other = page.get_by_test_id("ab-audio-query"), page.get_by_test_id("ab-audio-hit")
    button = find.hits.first.get_by_test_id("ab-button")
    button.click()
    _playing(query)
    query.evaluate(_MOVES)
    assert not _heard(other)
    assert hit["track_id"] in other.evaluate("element => element.currentSrc")
    starts = [place["start_s"] for place in moment["query"]]
    assert min(abs(_time(query) - start_s) for start_s in starts) < 2.0

    page.keyboard.press("b")
    _playing(other)
    other.evaluate(_MOVES)
    assert abs(_time(other) - moment["start_s"]) < 2.0
    expect_silent(query)
    shot(page, "ab", height=1150)

    page.keyboard.press("a")
    _playing(query)
    expect_silent(other)

    page.keyboard.press("Space")
    expect_silent(query)
    expect_silent(other)


def _time(audio: Locator) -> float:
    return audio.evaluate("element => element.currentTime")


def _heard(audio: Locator) -> bool:
    return audio.evaluate("element => !element.paused && !element.muted && element.volume > 0")


def _playing(audio: Locator) -> None:
    expect(audio).to_have_js_property("paused", False)


def expect_silent(audio: Locator) -> None:
    """Wait until the element is paused."""
    expect(audio).to_have_js_property("paused", True)
