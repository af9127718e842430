"""The map: points to be seen, and to be heard."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from page_waits import wait_until

_PLANE = 0.47  # what one unit of the plane is, of the canvas's shorter side


def _points(page: Page, part: str) -> tuple[list[str], np.ndarray]:
    """Track ids, and where they lie: [n, 2], NaN where the part is absent."""
    track_ids = page.request.get("/api/v1/map/tracks").json()["track_ids"]
    data = page.request.get(f"/api/v1/map/{part}").body()
    return track_ids, np.reshape(struct.unpack(f"<{len(data) // 4}f", data), (-1, 2))


def _loneliest(points: np.ndarray) -> int:
    """The point that is furthest from all others: no other can be meant by a click on it."""
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(apart, np.nan)
    lonely = np.nanmin(np.where(np.isnan(apart), np.inf, apart), axis=1)
    lonely[np.isnan(points[:, 0])] = -1
    return int(lonely.argmax())


def _colours(page: Page) -> int:
    picture = Image.open(io.BytesIO(page.get_by_test_id("map-canvas").screenshot()))
    return len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))


def test_click_plays(page: Page, shot: Callable[..., Path]) -> None:
    page.goto("/map?part=drums")
    canvas = page.get_by_test_id("map-canvas")
    expect(canvas).to_have_attribute("data-part", "drums")
    assert _colours(page) > 5
    track_ids, points = _points(page, "drums")
    chosen = _loneliest(points)
    box = canvas.bounding_box()
    assert box is not None
    x, y = points[chosen] * _PLANE * min(box["width"], box["height"])
    canvas.click(position={"x": box["width"] / 2 + x, "y": box["height"] / 2 + y})
    audio = page.get_by_test_id("bar-audio")
    expect(audio).to_have_js_property("paused", False)
    assert track_ids[chosen] in audio.evaluate("element => element.currentSrc")
    wait_until(page, "() => document.querySelector('[data-testid=bar-audio]').currentTime > 0")
    expect(page.get_by_test_id("map-title")).not_to_be_empty()
    shot(page, "map")
    page.get_by_test_id("map-like").click()
    expect(page.get_by_test_id("hit").first).to_be_visible()


def test_parts_have_maps_of_their_own(page: Page) -> None:
    page.goto("/map?part=drums")
    canvas, tabs = page.get_by_test_id("map-canvas"), page.get_by_test_id("map-part")
    expect(canvas).to_have_attribute("data-part", "drums")
    drums = canvas.screenshot()
    tabs.filter(has_text="guitar").click()
    expect(canvas).to_have_attribute("data-part", "guitar")
    page.wait_for_url("**/map?part=guitar")
    points = _points(page, "guitar")[1]
    shown = int(np.isfinite(points[:, 0]).sum())
    expect(canvas).to_have_attribute("data-points", str(shown))
    assert canvas.screenshot() != drums
    tabs.filter(has_text="guitar").press("ArrowRight")
    expect(canvas).to_have_attribute("data-part", "other")


def test_keys_play_the_one_at_the_centre(page: Page) -> None:
    page.goto("/map?part=bass")
    canvas = page.get_by_test_id("map-canvas")
    expect(canvas).to_have_attribute("data-part", "bass")
    canvas.press("Enter")
    expect(page.get_by_test_id("bar-audio")).to_have_js_property("paused", False)
