"""How long the page takes from a click to sound: a hit that is played, and a part let through.

    python benchmarks/play.py                   # 8 songs, medians
    python benchmarks/play.py --times 20 --json

A real browser shows the real page of a real server. "Play": from the click on a hit's play button
until the player's clock moves. "Only bass": from the click until the first passage through the mask
is started, of songs that were not filtered before; the first of them also starts the process that
filters, and is told apart. "Again": another part of the same passage, whose masks are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Page

from chromium import NOT_FOUND, chromium, find_chromium
from demo_music import demo_music
from find_page import SONG, FindPage
from page_waits import wait_until
from partwise.library.library import Library
from server_process import served

_WATCH = """() => {
  const audio = document.getElementById("bar-audio");
  const start = AudioBufferSourceNode.prototype.start;
  window.began = window.sounded = window.through = null;
  addEventListener("click", () => { window.began = performance.now(); }, true);
  AudioBufferSourceNode.prototype.start = function (...times) {
    window.through ??= performance.now();
    return start.apply(this, times);
  };
  let before = [audio.currentSrc, audio.currentTime];
  const look = () => {
    const now = [audio.currentSrc, audio.currentTime];
    const moves = !audio.paused && now[0] === before[0] && now[1] > before[1];
    if (moves && window.began !== null) window.sounded ??= performance.now();
    before = now;
    requestAnimationFrame(look);
  };
  look();
}"""
_RESET = "() => { window.began = window.sounded = window.through = null; }"


def timed(page: Page, click: str, until: str) -> float:
    """Milliseconds from a click on a button of the player until something has happened."""
    page.evaluate(_RESET)
    page.get_by_test_id("bar").get_by_test_id(click).click()
    wait_until(page, f"() => window.{until} !== null")
    return page.evaluate(f"() => window.{until} - window.began")


def measure(page: Page, times: int) -> dict[str, list[float]]:
    """Milliseconds of each of the ways."""
    FindPage(page).ask(SONG)
    page.evaluate(_WATCH)
    found: dict[str, list[float]] = {"play": [], "only_first": [], "only": [], "again": []}
    for number in range(times):
        row = page.get_by_test_id("hit-play").nth(number)
        page.evaluate(_RESET)
        row.click()
        wait_until(page, "() => window.sounded !== null")
        found["play"].append(page.evaluate("() => window.sounded - window.began"))
        bar = page.get_by_test_id("bar")
        bar.get_by_test_id("reason-part").select_option("bass")
        found["only" if number else "only_first"].append(timed(page, "reason", "through"))
        bar.get_by_test_id("reason").click()
        bar.get_by_test_id("reason-part").select_option("drums")
        found["again"].append(timed(page, "reason", "through"))
        bar.get_by_test_id("reason").click()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=8, help="songs, 2 to 30 (default: 8)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit(NOT_FOUND)
    with tempfile.TemporaryDirectory(prefix="partwise-play-") as folder:
        music, library = Path(folder, "music"), Path(folder, "library")
        demo_music(music)
        Library(library).index(music)
        with (
            served("serve", "--library", library, ready="/api/v1/status") as url,
            chromium(program) as browser,
        ):
            page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
            found = measure(page, options.times)
    told = {name: round(float(np.median(values)), 1) for name, values in found.items()}
    told |= {f"{name}_max": round(max(found[name]), 1) for name in ("play", "only")}
    if options.json:
        print(json.dumps(told))
    else:
        print(", ".join(f"{name} {value} ms" for name, value in told.items()))


if __name__ == "__main__":
    main()
