"""A/B: the matching moments of query and hit in turn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from find_page import SONG, FindPage
from page_waits import wait_until

_KEEP_GAINS = """
const make = AudioContext.prototype.createGain;
AudioContext.prototype.createGain = function () {
  const node = make.call(this);
  (window.gains ??= []).push(node.gain);
  return node;
};
"""
_HAVE_GAINS = """(wanted) => window.gains?.length === 2 &&
  wanted.every((value, side) => Math.abs(window.gains[side].value - value) < 0.01)"""
_MOVES = """element => new Promise((done) => {
  const from = element.currentTime;
  const look = () => element.currentTime > from ? done() : requestAnimationFrame(look);
  look();
})"""


def test_moments_in_turn(page: Page, shot: Callable[..., Path]) -> None:
    page.add_init_script(_KEEP_GAINS)
    find = FindPage(page)
    hit = find.ask(SONG)["hits"][0]
    moment = hit["moments"][0]
    gain_a, gain_b = _gain(page, moment["query"][0]), _gain(page, moment | hit)
    query, other = page.get_by_test_id("ab-audio-query"), page.get_by_test_id("ab-audio-hit")
    button = find.hits.first.get_by_test_id("ab-button")
    button.click()
    _playing(query)
    query.evaluate(_MOVES)
    assert not _heard(other)
    assert hit["track_id"] in other.evaluate("element => element.currentSrc")
    assert abs(_time(query) - moment["query"][0]["start_s"]) < 2.0
    wait_until(page, _HAVE_GAINS, [gain_a, 0])

    page.keyboard.press("b")
    _playing(other)
    other.evaluate(_MOVES)
    assert abs(_time(other) - moment["start_s"]) < 2.0
    wait_until(page, _HAVE_GAINS, [0, gain_b])
    _silent(query)
    shot(page, "ab", width=1440, height=900)

    page.keyboard.press("a")
    _playing(query)
    _silent(other)

    page.keyboard.press("Escape")
    expect(page.get_by_label("A/B comparison")).to_be_hidden()
    _silent(query)
    _silent(other)


def test_the_comparison_stands_above_the_player(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.hits.first.get_by_test_id("hit-play").click()
    expect(page.get_by_test_id("bar-title")).not_to_be_empty()
    find.hits.first.get_by_test_id("ab-button").click()
    comparison = page.get_by_label("A/B comparison")
    expect(comparison).to_be_visible()
    above, below = comparison.bounding_box(), page.get_by_test_id("bar").bounding_box()
    assert above is not None and below is not None
    assert above["y"] + above["height"] <= below["y"]


def _gain(page: Page, place: dict[str, Any]) -> float:
    """What a passage has to be multiplied by to be as loud as all others."""
    song_id = place.get("song_id") or place["track_id"]
    asked = f"points=1&start_s={place['start_s']}&end_s={place['end_s']}"
    told = page.request.get(f"/api/v1/tracks/{song_id}/peaks?{asked}").json()
    return 10 ** (told["gain_db"] / 20)


def _time(audio: Locator) -> float:
    return audio.evaluate("element => element.currentTime")


def _heard(audio: Locator) -> bool:
    return audio.evaluate("element => !element.paused && !element.muted && element.volume > 0")


def _playing(audio: Locator) -> None:
    expect(audio).to_have_js_property("paused", False)


def _silent(audio: Locator) -> None:
    """Wait until the element is paused."""
    expect(audio).to_have_js_property("paused", True)
