"""Makes the moving picture on the README's first screen: the page, asked for part after part.

usage: python scripts/make_moving_picture.py [--out docs/page.webp]

Serves the demo library, uses the page as the browser tests do (by its test ids, so that a new
layout needs no new script), and puts the browser's own pictures together as an animated WebP.
Needs Chromium, Playwright and Pillow. It plays three times and rests on its last picture.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from chromium import NOT_FOUND, chromium, find_chromium
from find_page import SONG, FindPage, to_the_middle
from partwise.demo.asking import hear
from partwise.demo.groups import load_groups
from partwise.library.library import Library
from partwise.parts import PART_NAMES
from server_process import served

ROOT = Path(__file__).resolve().parents[1]
SIZE = ViewportSize(width=1280, height=800)
STEPS = 7  # pictures of a fader on its way
STEP_MS, REST_MS = 80, 1700
PLAYS = 3
QUALITY = 74
MOST_BYTES = 2_000_000


class Film:
    """Pictures of a page, each with the time that it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pictures: list[Image.Image] = []
        self.durations_ms: list[int] = []

    def shoot(self, duration_ms: int) -> None:
        """Take what is seen now; the same picture again only lasts longer."""
        png = self.page.screenshot(animations="disabled", caret="hide")
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        if self.pictures and self.pictures[-1].tobytes() == picture.tobytes():
            self.durations_ms[-1] += duration_ms
            return
        self.pictures.append(picture)
        self.durations_ms.append(duration_ms)

    def save(self, out: Path) -> int:
        """Write the film; returns its bytes."""
        first, *others = self.pictures
        first.save(
            out,
            save_all=True,
            append_images=others,
            duration=self.durations_ms,
            loop=PLAYS,
            quality=QUALITY,
            method=6,
        )
        return out.stat().st_size


def record(page: Page) -> Film:
    """One song: all parts, its drums alone, its guitar alone, and the moment that matches."""
    find, film = FindPage(page), Film(page)
    find.ask(SONG)
    to_the_middle(find.faders["drums"])  # nothing moves where all of it is in view
    page.mouse.move(0, 0)
    _settle(page)
    film.shoot(REST_MS)
    level = dict.fromkeys(PART_NAMES, 1.0)
    for wanted in ("drums", "guitar"):
        goal = {part: float(part == wanted) for part in PART_NAMES}
        for step in range(1, STEPS + 1):
            for part, fader in find.faders.items():
                if level[part] != goal[part]:
                    share = step / STEPS
                    value = level[part] + share * (goal[part] - level[part])
                    fader.fill(f"{value:.2f}")
            _settle(page)
            film.shoot(STEP_MS)
        level = goal
        film.shoot(REST_MS)
    find.hits.first.get_by_test_id("ab-button").click()
    for key, audio in (("a", "ab-audio-query"), ("b", "ab-audio-hit")):
        page.keyboard.press(key)
        expect(page.get_by_test_id(audio)).to_have_js_property("paused", False)
        film.shoot(REST_MS)
    page.keyboard.press("Escape")
    _settle(page)
    film.shoot(REST_MS)
    return film


def _settle(page: Page) -> None:
    """Wait until the list has its order: the server's answer may be on its way."""
    expect(page.get_by_test_id("hits")).not_to_have_attribute("aria-busy", "true")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))")


@contextmanager
def the_page(library: Path) -> Iterator[Page]:
    """The page over a library, in a browser that moves nothing by itself."""
    program = find_chromium()
    if program is None:
        sys.exit(NOT_FOUND)
    with (
        served("serve", "--library", library, ready="/api/v1/status") as url,
        chromium(program) as browser,
    ):
        context = browser.new_context(
            base_url=url, viewport=SIZE, color_scheme="light", reduced_motion="reduce"
        )
        yield context.new_page()
        context.close()


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=ROOT / "docs" / "page.webp")
    out = options.parse_args().out
    library = ROOT / ".demo-library"
    hear(Library(library), load_groups())
    with the_page(library) as page:
        film = record(page)
    size = film.save(out)
    seconds = sum(film.durations_ms) / 1000
    print(f"wrote {out}: {len(film.pictures)} pictures, {seconds:.0f} s, {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        sys.exit(f"{out} has {size} bytes, more than the {MOST_BYTES} that a first screen may take")


if __name__ == "__main__":
    main()
