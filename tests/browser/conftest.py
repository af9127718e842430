"""A browser, the served demo music, and pages that are watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from chromium import NOT_FOUND, chromium, find_chromium
from demo_music import demo_music
from page_guard import PageGuard
from server_process import served

_DESKTOP = ViewportSize(width=1280, height=800)
_PATIENCE_MS = 15_000  # an upper limit for what usually takes a moment: machines can be busy
_PICTURES = Path(__file__).parents[2] / "docs" / "pages"
expect.set_options(timeout=_PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


# One browser for this folder: its event loop must not run on while other folders' tests do.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium; what needs it is skipped where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip(NOT_FOUND)
    with chromium(program) as browser:
        yield browser


@pytest.fixture(scope="package")
def music(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The recordings that the library is made of."""
    return demo_music(tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="package")
def library(browser: Browser, music: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of all of ``music``; not made where there is no browser to show it."""
    from partwise.library.library import Library

    folder = tmp_path_factory.mktemp("library") / "library"
    summary = Library(folder).index(os.path.commonpath(music))
    assert summary.indexed == len(music)
    return folder


@pytest.fixture(scope="package")
def site(library: Path) -> Iterator[str]:
    """Where that library is served: ``http://127.0.0.1:N``."""
    with served("serve", "--library", library, ready="/api/v1/status") as url:
        yield url


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    """A fresh browser profile on a desk."""
    context = browser.new_context(base_url=site, viewport=_DESKTOP, accept_downloads=True)
    context.set_default_timeout(_PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def guard(context: BrowserContext, site: str) -> Iterator[PageGuard]:
    """Watches the pages; the test fails if there is anything to complain about."""
    guard = PageGuard(context, site)
    yield guard
    guard.check()


@pytest.fixture
def page(context: BrowserContext, guard: PageGuard) -> Page:
    """A watched page."""
    return context.new_page()


@pytest.fixture
def shot(tmp_path: Path) -> Callable[..., Path]:
    """Take a picture of what is seen: into docs/pages if ``PARTWISE_SCREENSHOTS`` is 1.

    ``shot(page, name, width=PIXELS, height=PIXELS)`` makes the window as large for the picture.
    """

    def take(page: Page, name: str, width: int | None = None, height: int | None = None) -> Path:
        folder = _PICTURES if os.environ.get("PARTWISE_SCREENSHOTS") == "1" else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        before = page.viewport_size or _DESKTOP
        page.set_viewport_size(
            {"width": width or before["width"], "height": height or before["height"]}
        )
        page.wait_for_timeout(300)  # waves follow the width some time later
        page.screenshot(path=path, animations="disabled")
        page.set_viewport_size(before)
        _make_smaller(path)
        return path

    return take


def _make_smaller(path: Path) -> None:
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as picture:
        few_colours = picture.convert("RGB").quantize(192, dither=Image.Dither.NONE)
    few_colours.save(path, optimize=True)
