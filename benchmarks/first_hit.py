"""How long the page takes from a click that asks a new question to its first new hit.

    python benchmarks/first_hit.py                            # 100,000 segments, 40 clicks
    python benchmarks/first_hit.py --segments 20000 --json
    python benchmarks/first_hit.py --library FOLDER           # made before, by this or serving.py

A real browser shows the real page of a real server over a library of made-up vectors (5,000 tracks
with stand-in files). "Like this" is clicked on one hit after the other. A time runs from the click
until the list shows another first hit and the browser has laid it out; a second one until all of
the answer is there. What the server says of its own searches stands beside them. The stand-in
files have no sound: waves are made up here, as if the server had measured them before.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Page, Response, expect

from chromium import NOT_FOUND, chromium, find_chromium
from find_page import SEARCH, FindPage
from page_waits import wait_until
from server_process import served
from serving import make_library

FIRST = "click to first new hit"
ALL = "click to all hits"
_WAVES = """{
  const wave = {points: 400, duration_s: 105, gain_db: 0, peaks: Array(400).fill(0.5)};
  const fetched = window.fetch;
  window.fetch = (address, ...rest) => String(address).includes("/peaks?")
    ? Promise.resolve(new Response(JSON.stringify(wave))) : fetched(address, ...rest);
}"""
_WATCH = """([first, all]) => {
  const list = document.querySelector("[data-testid=hits]");
  const top = () => list.querySelector("[data-testid=hit]")?.dataset.trackId;
  let began = null, before = top();
  addEventListener("click", (event) => {
    if (event.target.closest("[data-testid=like-button]")) began = performance.now();
  }, true);
  let seen = true;
  addEventListener("click", () => { seen = false; before = top(); }, true);
  new MutationObserver(() => {
    if (began === null || seen || top() === before) return;
    seen = true;
    list.firstElementChild.getBoundingClientRect();
    performance.measure(first, {start: began, end: performance.now()});
  }).observe(list, {childList: true, subtree: true, characterData: true, attributes: true});
  new MutationObserver(() => {
    if (began === null || list.hasAttribute("aria-busy")) return;
    performance.measure(all, {start: began, end: performance.now()});
    began = null;
  }).observe(list, {attributes: true, attributeFilter: ["aria-busy"]});
}"""
_TIMES = "(name) => performance.getEntriesByName(name).map((entry) => entry.duration)"
_COUNTED = "([name, count]) => performance.getEntriesByName(name).length >= count"


def click_and_time(page: Page, clicks: int) -> dict[str, list[float]]:
    """Milliseconds by what is measured; the page shows hits."""
    find = FindPage(page)
    page.evaluate(_WATCH, [FIRST, ALL])
    for number in range(clicks):
        find.hits.nth(number % 5).get_by_test_id("like-button").click()
        wait_until(page, _COUNTED, [ALL, number + 1])
        page.wait_for_timeout(300)  # the wave arrives meanwhile
    return {name: page.evaluate(_TIMES, name) for name in (FIRST, ALL)}


def note(answer: Response, took_ms: dict[int, list[float]]) -> None:
    """Keep what the server says of a search's time, by the number of hits asked for."""
    if SEARCH.search(answer.url):
        asked = answer.request.post_data_json or {}
        took_ms.setdefault(asked["top"], []).append(answer.json()["took_ms"])


def measure(library: Path, clicks: int) -> dict[str, Any]:
    """Serve a library and click."""
    program = find_chromium()
    if program is None:
        sys.exit(NOT_FOUND)
    took_ms: dict[int, list[float]] = {}
    with (
        served("serve", "--library", library, ready="/api/v1/status") as url,
        chromium(program) as browser,
    ):
        page = browser.new_page(base_url=url, viewport={"width": 1440, "height": 900})
        page.add_init_script(_WAVES)  # a route of Playwright's would delay every request
        song = page.request.get("/api/v1/tracks?limit=1").json()["tracks"][0]
        page.goto(f"/#songs={song['track_id']}")
        expect(page.get_by_test_id("hit").first).to_be_visible()
        expect(page.get_by_test_id("hits")).not_to_have_attribute("aria-busy", "true")
        click_and_time(page, 3)  # what is kept in memory is there from now on
        page.evaluate("() => performance.clearMeasures()")
        page.on("response", lambda answer: note(answer, took_ms))
        found = click_and_time(page, clicks)
        version = browser.version
    numbers: dict[str, Any] = {"clicks": clicks}
    for name, times in found.items():
        counted = np.asarray(times)
        numbers[f"{name}, median ms"] = round(float(np.median(counted)), 1)
        numbers[f"{name}, p95 ms"] = round(float(np.percentile(counted, 95)), 1)
    for top, times in sorted(took_ms.items()):
        name = f"the server's own search for {top} hits, median ms"
        numbers[name] = round(float(np.median(times)), 1)
    numbers["browser"] = f"Chromium {version}, headless, without GPU"
    return numbers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--segments", type=int, default=100_000, help="default: 100,000")
    parser.add_argument("--library", type=Path, help="of an earlier run, instead of a new one")
    parser.add_argument("--clicks", type=int, default=40, help="default: 40")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="partwise-first-hit-") as name:
        library = options.library
        if library is None:
            make_library(Path(name, "made"), options.segments)
            library = Path(name, "made", "library")
        found = measure(library, options.clicks)
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
