"""A passage of the song instead of all of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from find_page import SONG, FindPage


def test_drag_a_range(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    length_s = find.ask(SONG)["query"]["songs"][0]["duration_s"]
    whole, address = find.order(), page.url
    wave = page.get_by_test_id("wave")
    box = wave.bounding_box()
    assert box is not None
    across = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], across)
    with find.asking() as question:
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], across, steps=5)
        page.mouse.up()
    start_s, end_s = question[0]["range"]
    assert start_s == pytest.approx(0.25 * length_s, abs=1.0)
    assert end_s == pytest.approx(0.6 * length_s, abs=1.0)
    find.wait_for_other_order(whole)
    assert page.url != address
    expect(page.get_by_test_id("presence")).to_be_visible()
    shot(page, "range", width=1440, height=900)

    with find.asking() as question:
        page.get_by_test_id("range-clear").click()
    assert question[0].get("range") is None
    expect(page.get_by_test_id("hit-title").first).to_have_text(whole[0])
    assert find.order() == whole
