"""How long the page takes from a moved fader to hits in their new order.

    python benchmarks/fader.py                  # 500 hits, 200 moves of the mouse
    python benchmarks/fader.py --hits 100 --json

A real browser shows the real page of a real server; only the answer to the search is made up, so
that it holds as many hits as wanted. The mouse drags the fader to and fro. A time runs from the
fader's input event, before the page hears of it, until the list has another order and the browser
has laid it out; moves that change no order are not counted.
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

from playwright.sync_api import Page, Route

from chromium import NOT_FOUND, chromium, find_chromium
from demo_music import demo_music
from find_page import SEARCH, SONG, FindPage, to_the_middle
from partwise.library.library import Library
from partwise.parts import PARTS
from server_process import served

MEASURE = "fader to order"
_WATCH = """(name) => {
  const titles = () => [...document.querySelectorAll("[data-testid=hit-title]")];
  const order = () => titles().map((title) => title.textContent).join("\\n");
  let began = null, before = order();
  addEventListener("input", () => { began ??= performance.now(); }, true);
  new MutationObserver(() => {
    if (began === null) return;
    titles()[0]?.getBoundingClientRect();
    const end = performance.now();
    const now = order();
    if (now !== before) performance.measure(name, {start: began, end});
    before = now;
    began = null;
  }).observe(document.querySelector("[data-testid=hits]"),
    {childList: true, subtree: true, characterData: true, attributes: true});
}"""
_TIMES = "(name) => performance.getEntriesByName(name).map((entry) => entry.duration)"


def made_up_hits(count: int) -> list[dict[str, Any]]:
    """Hits as the API answers them, best first."""
    rng = np.random.default_rng(0)
    similarities = np.clip(rng.normal(0.5, 0.2, (count, len(PARTS))), -1, 1)
    scores = similarities.mean(axis=1)
    return [
        {
            "rank": rank,
            "score": float(scores[row]),
            "track_id": f"{row:032x}",
            "title": f"Song {row}",
            "artist": f"Band {row % 50}",
            "album": None,
            "year": 1970 + row % 50,
            "duration_s": 180.0,
            "similarities": dict(zip(map(str, PARTS), similarities[row].tolist(), strict=True)),
            "presence": {str(part): 1.0 for part in PARTS},
            "parts": [str(part) for part in PARTS],
            "moments": [],
            "alike": [],
            "has_cover": False,
        }
        for rank, row in enumerate(np.argsort(-scores).tolist(), start=1)
    ]


def answer_with_made_up_hits(page: Page, count: int) -> None:
    """From now on searches are answered with ``count`` hits that no library has."""
    hits = made_up_hits(count)

    def answer(route: Route) -> None:
        real = route.fetch()
        route.fulfill(response=real, json=real.json() | {"hits": hits})

    page.route(SEARCH, answer)


def drag_and_time(page: Page, part: str, moves: int) -> list[float]:
    """Milliseconds from fader to order, for each of ``moves`` that changed the order.

    The page shows hits; the fader is let go at the end.
    """
    find = FindPage(page)
    fader = find.faders[part]
    to_the_middle(fader)
    box = fader.bounding_box()
    assert box is not None
    upright = box["height"] > box["width"]
    length = box["height"] if upright else box["width"]
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def go(share: float) -> None:
        along = (share - 0.5) * (length - 16)
        page.mouse.move(middle[0] + (0 if upright else along), middle[1] - along * upright)

    page.evaluate(_WATCH, MEASURE)
    go(0.5)
    page.mouse.down()
    for number in range(moves):
        go(0.5 + 0.5 * float(np.sin(number / 4)))
        page.evaluate("() => new Promise(requestAnimationFrame)")
    with find.asking():  # as when anybody lets go
        page.mouse.up()
    return page.evaluate(_TIMES, MEASURE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hits", type=int, default=500, help="1 to 500 (default: 500)")
    parser.add_argument("--moves", type=int, default=200, help="of the mouse (default: 200)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit(NOT_FOUND)
    with tempfile.TemporaryDirectory(prefix="partwise-fader-") as folder:
        music, library = Path(folder, "music"), Path(folder, "library")
        demo_music(music, 12)
        Library(library).index(music)
        with (
            served("serve", "--library", library, ready="/api/v1/status") as url,
            chromium(program) as browser,
        ):
            page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
            answer_with_made_up_hits(page, options.hits)
            FindPage(page).ask(SONG)
            times_ms = np.asarray(drag_and_time(page, "drums", options.moves))
            version = browser.version
    found = {
        "hits": options.hits,
        "moves_counted": len(times_ms),
        "median_ms": round(float(np.median(times_ms)), 2),
        "p95_ms": round(float(np.percentile(times_ms, 95)), 2),
        "max_ms": round(float(times_ms.max()), 2),
        "browser": f"Chromium {version}, headless, without GPU",
    }
    if options.json:
        print(json.dumps(found))
    else:
        print(", ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
