"""The listening test, from consent to report."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from page_guard import PageGuard
from server_process import served

# A listener in a hurry: clips count as heard after two seconds of them, not of the clock.
_HURRY = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  this.playbackRate = 8;
  return play.call(this);
};
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the test is kept in."""
    return tmp_path_factory.mktemp("listening") / "test.sqlite"


@pytest.fixture(scope="module")
def site(library: Path, answers: Path) -> Iterator[str]:
    """The listening test in place of the library's pages: two questions and a catch trial."""
    options = ("--library", library, "--out", answers, "--parts", "drums", "--trials", "2")
    with served("listen", "serve", *options, ready="/listen", package="partwise_lab") as url:
        yield url


def test_consent_to_report(
    page: Page, guard: PageGuard, answers: Path, shot: Callable[..., Path]
) -> None:
    page.add_init_script(_HURRY)
    page.goto("/listen")
    shot(page, "listen-consent")
    page.get_by_test_id("listen-start").click()
    expect(page).to_have_url("/listen")  # nobody begins without agreeing
    page.get_by_test_id("consent-agree").check()
    page.get_by_test_id("listener-name").fill("<b>Robin</b>")
    page.get_by_test_id("listen-start").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("<b>Robin</b>")
    shot(page, "listen-volume")
    page.get_by_test_id("level-done").click()

    expect(page.get_by_test_id("clip-x")).to_be_enabled()
    expect(page.get_by_test_id("next")).to_be_disabled()
    shot(page, "listen-question")
    _by_mouse(page)
    expect(page.get_by_test_id("progress")).to_have_js_property("value", 1)
    page.reload()  # an interruption loses nothing
    expect(page.get_by_test_id("progress")).to_have_js_property("value", 1)
    _by_keys(page)
    expect(page.get_by_test_id("progress")).to_have_js_property("value", 2)
    _by_keys(page)
    expect(page.get_by_test_id("done")).to_contain_text("Robin")
    shot(page, "listen-done")

    said = subprocess.run(
        [sys.executable, "-m", "partwise_lab", "listen", "report", str(answers), "--catch", "0"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert "questions: 2, catch trials: 1" in said.stdout
    assert "listeners who agreed: 1" in said.stdout
    assert re.search(r"^ *drums +2\b", said.stdout, re.MULTILINE), said.stdout


def _by_mouse(page: Page) -> None:
    for clip in "xab":
        page.get_by_test_id(f"clip-{clip}").click()
        _heard(page, clip)
    page.get_by_test_id("choose-aminus").click()
    page.get_by_test_id("next").click()


def _by_keys(page: Page) -> None:
    for clip in "xab":  # they load side by side, and a key that comes too early plays nothing
        expect(page.get_by_test_id(f"clip-{clip}")).to_be_enabled()
    for clip in "xab":
        page.keyboard.press(clip)
        _heard(page, clip)
    page.keyboard.press("3")
    page.keyboard.press("Enter")


def _heard(page: Page, clip: str) -> None:
    """Wait until the page counts the clip as heard."""
    expect(page.locator(f"[name=plays_{clip}]")).not_to_have_value("0")
