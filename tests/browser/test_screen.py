"""What is seen at once: on a desk, on a phone, at first, and when nothing can be shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from demo_music import HOSTILE_TITLE
from find_page import SONG, FindPage
from page_guard import PageGuard

BAR = 64  # of a player at the bottom


def _bottom(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_question_faders_and_six_hits_on_a_desk(page: Page) -> None:
    page.set_viewport_size(ViewportSize(width=1440, height=900))
    find = FindPage(page)
    find.ask(SONG)
    seen = [find.hits.nth(5), page.get_by_test_id("wave"), page.get_by_test_id("presence")]
    for part in find.faders:
        seen += [page.get_by_test_id(f"{control}-{part}") for control in ("fader", "solo", "mute")]
    assert page.evaluate("scrollY") == 0
    for element in seen:
        assert _bottom(element) <= 900 - BAR
    score = find.hits.nth(5).get_by_test_id("hit-score")
    expect(score).to_contain_text("0.")


def test_the_first_hit_on_a_phone(browser: Browser, site: str) -> None:
    context = browser.new_context(
        base_url=site, viewport=ViewportSize(width=390, height=844), has_touch=True, is_mobile=True
    )
    guard, page = PageGuard(context, site), context.new_page()
    find = FindPage(page)
    find.ask(SONG)
    assert page.evaluate("scrollY") == 0
    for name in ("hit-title", "hit-why", "hit-score", "ab-button"):
        element = find.hits.first.get_by_test_id(name)
        expect(element).to_be_visible()
        assert _bottom(element) <= 844 - BAR
    page.get_by_role("button", name="Passage").tap()
    expect(page.get_by_test_id("wave").locator("canvas").first).to_be_visible()
    context.close()
    guard.check()


def test_first_screen(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.open()
    start = page.get_by_test_id("start")
    expect(start).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_label("Songs of the query").get_by_role("listitem")).to_have_count(1)
    assert len(find.order()) >= 3
    expect(start.get_by_test_id("start-recent")).to_have_count(6)
    shot(page, "start", width=1440, height=900)
    with find.asking():
        page.get_by_test_id("start-another").click()
    expect(start).to_be_visible()
    with find.asking() as question:
        start.get_by_test_id("start-example").first.click()
    assert [part for part, weight in question[0]["weights"].items() if weight] == ["drums"]
    expect(start).to_be_hidden()
    with find.asking():
        page.go_back()
    expect(page.get_by_label("Songs of the query").get_by_role("listitem")).to_have_count(1)


def test_all_muted_says_what_to_do(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    for part in find.faders:
        page.get_by_test_id(f"mute-{part}").click()
    expect(find.hits).to_have_count(0)
    expect(page.get_by_text("Every part is muted: unmute one")).to_be_visible()
    address = page.url
    page.reload()  # and where nothing was heard before
    expect(page.get_by_text("Every part is muted: unmute one")).to_be_visible()
    expect(find.hits).to_have_count(0)
    assert page.url == address
    with find.asking():
        page.get_by_test_id("mute-drums").click()
    expect(find.hits.first).to_be_visible()


def test_likeness_ends_and_lacking_hits_stand_under_a_line(page: Page) -> None:
    find = FindPage(page)
    found = find.ask(SONG)
    usual = page.request.post("/api/v1/usual", data={"weights": found["weights"]}).json()
    end = usual["scores"][usual["shares"].index(0.5)]
    rest = page.get_by_test_id("hits-rest")
    expect(rest).to_be_visible()
    alike = [hit for hit in found["hits"] if hit["score"] > end]
    assert 0 < len(alike) < len(found["hits"])
    expect(find.hits).to_have_count(len(alike))
    expect(find.hits.first.get_by_test_id("hit-score")).to_contain_text("closer than")
    rest.click()
    assert find.order() == [hit["title"] for hit in found["hits"]]
    whole = [all(hit["similarities"][part] is not None for part in found["query"]["parts"])
             for hit in found["hits"]]  # fmt: skip
    items = page.locator("#hits > li")
    texts = [item.get_attribute("data-testid") for item in items.all()]
    assert texts.index("hits-line-lacking") - texts[: texts.index("hits-line-lacking")].count(
        "hits-line-end"
    ) == whole.index(False)


def test_a_playlist_of_chosen_hits(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    titles = find.order()
    find.hits.nth(3).get_by_test_id("hit-choose").check()
    find.hits.nth(1).get_by_test_id("hit-choose").check()
    find.set_fader("drums", 0.9)
    with page.expect_download() as download:
        page.get_by_test_id("playlist-m3u8").click()
    listed = download.value.path().read_text("utf-8")
    assert listed.count("#EXTINF") == 2
    assert all(title in listed for title in (titles[1], titles[3]))
    page.get_by_role("button", name="Choose none").click()
    expect(find.hits.nth(1).get_by_test_id("hit-choose")).not_to_be_checked()
    with page.expect_download() as download:
        page.get_by_test_id("playlist-m3u8").click()
    assert download.value.path().read_text("utf-8").count("#EXTINF") == len(find.order())


def test_uploads_show_per_cent(page: Page, tmp_path: Path, guard: PageGuard) -> None:
    guard.expect_refusal(415, 422)
    find = FindPage(page)
    find.open()
    page.evaluate("""() => {
      window.said = [];
      const place = document.getElementById("upload-state");
      new MutationObserver(() => said.push(place.textContent))
        .observe(place, {childList: true, characterData: true, subtree: true});
    }""")
    large = tmp_path / "large.mp3"
    large.write_bytes(b"not a recording " * 2_000_000)
    page.get_by_test_id("file-input").set_input_files(large)
    expect(page.get_by_test_id("error").first).to_contain_text("cannot be used", timeout=60_000)
    said = page.evaluate("() => said.join('|')")
    assert "Sending large.mp3: " in said and " %" in said


@pytest.mark.parametrize("part", ["drums", "guitar"])
def test_bars_have_letters(page: Page, part: str) -> None:
    find = FindPage(page)
    find.ask(SONG)
    bar = find.hits.first.locator(f'.why-bar[data-part="{part}"]')
    expect(bar).to_have_text(part[0].upper())


def test_hostile_names_stay_text_on_the_first_screen(page: Page) -> None:
    find = FindPage(page)
    find.ask(HOSTILE_TITLE)
    find.ask(SONG)
    link = page.get_by_test_id("trail").get_by_role("link", name=HOSTILE_TITLE)
    expect(link).to_be_visible()
