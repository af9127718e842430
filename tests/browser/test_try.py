"""The page that asks the demo library without a server, from a plain file server."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from demo_music import HOSTILE_TITLE
from page_checks import faint_texts, too_wide, unnamed_controls
from page_guard import PageGuard
from page_waits import wait_until
from partwise.demo.groups import load_groups
from partwise.library.library import Library
from partwise.parts import PartWeights

_PREFIX = "some/where"  # as a project's pages lie on a host that many projects share
_WEIGHTINGS = (
    {"drums": 1.0, "bass": 1.0, "piano": 1.0, "guitar": 1.0, "other": 1.0},
    {"drums": 1.0},
    {"piano": 1.0},
    {"bass": 0.35, "guitar": 1.0},
    {"drums": 0.05, "piano": 0.8, "other": 0.61},
)
_RANKED = """async (weightings) => {
  const from = (name) => import(new URL(name, location.href));
  const [{library, hitsOf, momentOf}, {rank, tableOf}] =
    await Promise.all([from("try-answers.js"), from("rank.js")]);
  return library().songs.map((query) => {
    const hits = hitsOf(query);
    return weightings.map((asked) => {
      const weights = Object.fromEntries(query.parts.map((part) => [part, asked[part] ?? 0]));
      const ranked = rank(tableOf(hits), weights);
      if (!ranked) return null;
      return {
        id: query.id,
        weights,
        hits: ranked.order.map((at) => hits[at].song.id),
        scores: ranked.order.map((at) => ranked.scores[at]),
        moment: momentOf(query, hits[ranked.order[0]].song, weights),
      };
    });
  }).flat();
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def try_folder(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, with the page below a prefix."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "website"))
    from try_page import try_files

    folder = tmp_path_factory.mktemp("published")
    icon = folder / _PREFIX / "icon.svg"
    icon.parent.mkdir(parents=True)
    icon.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    for name, content in try_files(Library.open(library), load_groups()).items():
        path = folder / _PREFIX / "try" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    return folder


@pytest.fixture(scope="module")
def address(try_folder: Path) -> Iterator[str]:
    """Where a server that knows only files has it."""
    handler = functools.partial(_Quiet, directory=str(try_folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=address, viewport=ViewportSize(width=1440, height=900), reduced_motion="reduce"
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The page, with its hits. It must ask for nothing beyond its folder."""
    guard = PageGuard(context, address)
    page = context.new_page()
    page.goto(f"/{_PREFIX}/try/")
    expect(page.get_by_test_id("hit").first).to_be_visible()
    yield page
    guard.check()
    assert all(made.split()[1].startswith(f"/{_PREFIX}/") for made in guard.requests)


def test_it_ranks_as_the_library_does(page: Page, library: Path) -> None:
    """Every song, under several weightings: the same order, scores and moment."""
    opened = Library.open(library)
    ranked = [one for one in page.evaluate(_RANKED, _WEIGHTINGS) if one is not None]
    assert len(ranked) > 4 * len(opened.catalogue)
    for found in ranked:
        query = opened.query(found["id"])
        hits = opened.search(query, weights=PartWeights.of(found["weights"]), top=100)
        assert found["hits"] == [hit.track_id for hit in hits]
        assert found["scores"] == pytest.approx([hit.score for hit in hits], abs=1e-5)
        [first, *_] = hits[0].moments
        moment = found["moment"]
        assert (moment["start_s"], moment["end_s"]) == (first.start_s, first.end_s)
        assert moment["query"]["start_s"] == first.query[0].start_s
        assert moment["score"] == pytest.approx(first.score, abs=1e-5)


def test_faders_reorder_at_once(page: Page, shot: Callable[..., Path]) -> None:
    """It opens with the drums alone; a moved fader is followed before it is let go."""
    drums = _order(page)
    expect(page.get_by_test_id("solo-drums")).to_have_attribute("aria-pressed", "true")
    same = page.get_by_test_id("hit").first.get_by_test_id("hit-same")
    expect(same).to_contain_text("same drums")
    shot(page, "try", height=860)
    page.get_by_test_id("solo-drums").click()
    equal = _order(page)
    assert equal != drums and sorted(equal) == sorted(drums)
    for part in ("bass", "piano", "guitar", "other"):
        fader = page.get_by_test_id(f"fader-{part}")
        fader.fill("0")  # an input event; the change comes with another element's focus
    assert _order(page) == drums
    page.get_by_test_id("mute-drums").click()
    expect(page.get_by_text("Every part is at zero: raise a fader.")).to_be_visible()


def test_another_song_and_a_link_to_it(page: Page) -> None:
    title = page.get_by_test_id("hit-title").nth(2).inner_text()
    page.get_by_test_id("hit").nth(2).get_by_test_id("like-button").click()
    chooser = page.get_by_test_id("try-song")
    assert chooser.evaluate("element => element.selectedOptions[0].textContent") == title
    assert title not in _order(page)
    before = _order(page)
    page.reload()
    expect(page.get_by_test_id("hit").first).to_be_visible()
    assert _order(page) == before
    chooser.select_option(label=HOSTILE_TITLE)  # text, in the list as well
    assert HOSTILE_TITLE not in _order(page)
    assert page.get_by_test_id("hits").locator("script").count() == 0


def test_a_song_and_the_moments_in_turn(page: Page) -> None:
    row = page.get_by_test_id("hit").first
    row.get_by_test_id("play-button").click()
    _playing(page.get_by_test_id("try-listen"))
    query, hit = page.get_by_test_id("ab-audio-query"), page.get_by_test_id("ab-audio-hit")
    row.get_by_test_id("ab-button").click()
    _playing(query)
    expect(page.get_by_test_id("try-listen")).to_have_js_property("paused", True)
    expect(page.locator("#ab-a")).to_have_attribute("aria-pressed", "true")  # keys count from here
    page.keyboard.press("b")
    _playing(hit)
    page.keyboard.press("Escape")
    expect(hit).to_have_js_property("paused", True)
    expect(page.get_by_label("A/B comparison")).to_be_hidden()
    expect(row.get_by_test_id("ab-button")).to_have_attribute("aria-pressed", "false")


def test_by_keys_alone(page: Page) -> None:
    """The faders come after the song, and a fader's keys move it."""
    before = _order(page)
    page.get_by_test_id("try-song").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.testid") == "fader-drums":
            break
    else:
        pytest.fail("the drums' fader cannot be reached by Tab")
    page.get_by_test_id("solo-drums").press("Enter")
    page.get_by_test_id("fader-drums").press("Home")
    wait_until(page, f"before => ({_TITLES})().join() !== before", ",".join(before))
    page.get_by_test_id("hit").first.get_by_test_id("like-button").press("Enter")
    assert _order(page) != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_names_contrast_and_width(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    assert page.locator("h1").count() == 1
    assert unnamed_controls(page) == []
    assert faint_texts(page) == []
    assert too_wide(page) == []


@pytest.mark.parametrize(("width", "height", "hits"), [(1440, 900, 6), (390, 844, 1)])
def test_hits_are_in_the_first_screen(page: Page, width: int, height: int, hits: int) -> None:
    """Whatever the product's own page looks like, whose style sheets it shares."""
    page.set_viewport_size({"width": width, "height": height})
    row = page.get_by_test_id("hit").nth(hits - 1)
    box = row.bounding_box()
    title = row.get_by_test_id("hit-title").bounding_box()
    fader = page.get_by_test_id("fader-drums").bounding_box()
    assert box and title and fader
    assert title["y"] + title["height"] <= height
    assert box["width"] >= min(700, 0.9 * width)
    assert max(fader["width"], fader["height"]) >= 90


def test_from_a_file_it_says_what_is_missing(context: BrowserContext, try_folder: Path) -> None:
    page = context.new_page()
    page.goto((try_folder / _PREFIX / "try" / "index.html").as_uri())
    expect(page.get_by_test_id("error")).to_contain_text("only when it is served")


_TITLES = """() => [...document.querySelectorAll("[data-testid=hit-title]")]
  .map((title) => title.textContent)"""


def _order(page: Page) -> list[str]:
    return page.evaluate(_TITLES)


def _playing(audio: Locator) -> None:
    expect(audio).to_have_js_property("paused", False)
