"""The main page, as someone uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Error, Locator, Page, Response, expect

from page_waits import wait_until

SONG = "Open Viaduct"  # in which all five parts are heard
SEARCH = re.compile(r"/api/v1/search$")
# An answer comes in two, then what is usual in the library; moved rows slide to their new place.
_ANSWERED = """() => {
  const list = document.getElementById("hits");
  return !list.hasAttribute("aria-busy") && !list.hasAttribute("data-levels-due")
    && !list.getAnimations({subtree: true}).some((one) => one.playState === "running");
}"""
_ORDER = """() => [...document.querySelectorAll("[data-testid=hit-title]")]
  .map((title) => title.textContent.trim()).join("\\n")"""


class FindPage:
    """What is on the main page and what can be done there."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hits = page.get_by_test_id("hit")
        self.faders = {
            part: page.get_by_test_id(f"fader-{part}")
            for part in ("drums", "bass", "piano", "guitar", "other")
        }

    def open(self, path: str = "/") -> None:
        """Open the page, and wait for what it asks of itself: a song by chance."""
        self.page.goto(path)
        expect(self.hits.first).to_be_visible()
        self.wait_until_answered()

    def wait_until_answered(self) -> None:
        """Wait until the question at hand is answered, and every row is where it belongs.

        Only then do rows stay under the mouse, and does the order belong to the question.
        """
        wait_until(self.page, _ANSWERED)

    def ask(self, title: str) -> dict[str, Any]:
        """Pick a song of the library and wait for what is like it; gives the server's answer."""
        if self.page.url == "about:blank":
            self.open()
        with self.asking() as both:
            self.page.get_by_test_id("song-search").fill(title)
            self.page.get_by_test_id("song-result").filter(has_text=title).first.click()
        self.wait_until_shown()
        return both[1]

    def wait_until_shown(self) -> None:
        """Wait until the hits are there, and the wave of the query unless it is folded away."""
        expect(self.hits.first).to_be_visible()
        self.wait_until_answered()
        if self.page.get_by_test_id("wave").is_visible():
            expect(self.page.get_by_test_id("wave").locator("canvas").first).to_be_visible()

    @contextmanager
    def asking(self) -> Iterator[list[dict[str, Any]]]:
        """In the block the page asks the server once more, and is answered.

        Gives a list that holds the question's JSON and the answer's after the block. A new question
        is answered twice, the first hits alone before all of them: then it is the second that
        counts.
        """
        both: list[dict[str, Any]] = []
        answers: list[Response] = []

        def note(answer: Response) -> None:
            if SEARCH.search(answer.url):
                answers.append(answer)

        self.page.on("response", note)
        with self.page.expect_response(SEARCH):
            yield both
        self.wait_until_answered()
        self.page.remove_listener("response", note)
        last = answers[-1]
        question = last.request.post_data_json or {}
        try:
            answer = last.json()
        except Error:  # Chromium has dropped the body already: the same question again
            answer = self.page.request.post(last.url, data=question).json()
        both += [question, answer]

    def show_rest(self) -> None:
        """Show the hits that are no more alike than any two songs, if some are left out."""
        self.wait_until_answered()
        rest = self.page.get_by_test_id("hits-rest")
        if rest.is_visible():
            rest.click()
            expect(rest).to_be_hidden()

    def order(self) -> list[str]:
        """The titles of the hits as they are shown now."""
        return self.page.evaluate(_ORDER).split("\n")

    def wait_for_other_order(self, than: list[str]) -> list[str]:
        """Wait until the hits are in another order; gives it."""
        wait_until(self.page, f"before => ({_ORDER})() !== before", "\n".join(than))
        return self.order()

    def open_filters(self) -> None:
        """Show the filters, which are folded away at first."""
        self.page.locator("summary", has_text="Filters").click()
        expect(self.page.get_by_test_id("filter-text")).to_be_visible()

    def set_fader(self, part: str, value: float) -> None:
        """Move a fader to a value, and let it go."""
        fader = self.faders[part]
        with self.asking():
            fader.fill(str(value))
            fader.dispatch_event("change")

    def hold(self, fader: Locator, share: float) -> None:
        """Press the mouse on a fader's handle and move it to a share of its way, without letting
        go."""
        to_the_middle(fader)
        box = fader.bounding_box()
        assert box is not None
        along = [float(fader.input_value()), *(float(fader.get_attribute(a) or d) for a, d in _WAY)]
        value, low, high = along
        upright = box["height"] > box["width"]
        length = box["height"] if upright else box["width"]

        def place(at: float) -> tuple[float, float]:
            near = 8 + at * (length - 16)  # the handle's middle never reaches the ends
            if upright:
                return box["x"] + box["width"] / 2, box["y"] + length - near
            return box["x"] + near, box["y"] + box["height"] / 2

        self.page.mouse.move(*place((value - low) / (high - low)))
        self.page.mouse.down()
        self.page.mouse.move(*place(share), steps=5)


def to_the_middle(element: Locator) -> None:
    """Scroll an element to the middle of the window."""
    element.evaluate("element => element.scrollIntoView({block: 'center', behavior: 'instant'})")


_WAY = (("min", "0"), ("max", "100"))
