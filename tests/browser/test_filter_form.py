"""The filter form, and songs that hits are to be less like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from demo_music import BANDS
from find_page import SONG, FindPage


def _shown(find: FindPage, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The hits of the answer; which are those on the page."""
    find.show_rest()
    hits = answer["hits"]
    assert sorted(hit["title"] for hit in hits) == sorted(find.order())
    return hits


def test_parts_and_when_they_enter(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.open_filters()
    with find.asking():
        page.get_by_test_id("filter-has-drums").select_option("Heard")
    with find.asking() as both:
        page.get_by_test_id("filter-has-other").select_option("Not heard")
    assert both[0]["filter"] == {"has": ["drums"], "has_not": ["other"]}
    hits = _shown(find, both[1])
    assert hits and all("drums" in hit["parts"] and "other" not in hit["parts"] for hit in hits)
    expect(page.get_by_test_id("filter-enters-other")).to_be_disabled()
    with find.asking() as again:
        page.reload()
    assert again[0]["filter"] == both[0]["filter"]
    find.open_filters()
    expect(page.get_by_test_id("filter-has-other")).to_have_value("no")
    expect(page.get_by_test_id("filter-enters-other")).to_be_disabled()
    with find.asking():
        page.get_by_test_id("filter-has-other").select_option("Any")
    with find.asking() as both:
        page.get_by_test_id("filter-enters-other").fill("0:05")
    assert both[0]["filter"] == {"has": ["drums"], "enters_after_s": {"other": 5}}
    expect(page.locator("#filters summary")).to_contain_text("2 on")
    late = _shown(find, both[1])
    assert 0 < len(late) < 20  # the other sounds of most are there from the beginning
    page.evaluate("scrollTo(0, 0)")
    shot(page, "filters", width=1440, height=900)
    with find.asking() as again:
        page.reload()
    assert again[0]["filter"] == both[0]["filter"]
    find.open_filters()
    expect(page.get_by_test_id("filter-enters-other")).to_have_value("0:05")
    with find.asking() as both:
        page.get_by_role("button", name="Clear filters").click()
    assert both[0]["filter"] is None
    expect(page.get_by_test_id("filter-enters-other")).to_have_value("")


def test_artists_and_albums(page: Page) -> None:
    find = FindPage(page)
    find.ask(SONG)
    find.open_filters()
    with find.asking() as both:
        page.get_by_test_id("filter-artists").fill(f"{BANDS[0].lower()}; {BANDS[3]}")
    assert both[0]["artists"] == [BANDS[0].lower(), BANDS[3]]
    assert {hit["artist"] for hit in _shown(find, both[1])} == {BANDS[0], BANDS[3]}
    with find.asking() as both:
        page.get_by_test_id("filter-not-artists").fill(BANDS[3])
    assert {hit["artist"] for hit in _shown(find, both[1])} == {BANDS[0]}
    with find.asking() as both:
        page.get_by_test_id("max-per-album").fill("2")
    assert both[0]["max_per_album"] == 2
    assert len(_shown(find, both[1])) == 2
    with find.asking():
        page.get_by_test_id("filter-genre").fill("no such genre")
    expect(page.get_by_text("Nothing in the library fits: loosen the filters.")).to_be_visible()


def test_less_like_this(page: Page) -> None:
    find = FindPage(page)
    before = find.ask(SONG)["hits"]
    unwanted = before[0]
    with find.asking() as both:
        find.hits.first.get_by_test_id("seed-menu").select_option("less")
    assert both[0]["less_like"] == [{"song": unwanted["track_id"]}]
    assert unwanted["track_id"] not in [hit["track_id"] for hit in both[1]["hits"]]
    chips = page.get_by_test_id("less-like").get_by_role("listitem")
    expect(chips).to_have_text([f"{unwanted['title']}×"])
    scores = {hit["track_id"]: hit["score"] for hit in before}
    assert any(hit["score"] < scores[hit["track_id"]] - 0.01 for hit in both[1]["hits"])
    with find.asking() as again:
        page.reload()
    assert again[0]["less_like"] == both[0]["less_like"]
    expect(chips).to_have_text([f"{unwanted['title']}×"])
    with find.asking() as both:
        page.get_by_role("button", name=f"No longer less like {unwanted['title']}").click()
    assert both[0]["less_like"] == []
    expect(chips).to_have_count(0)
    assert find.order()[0] == unwanted["title"]
    with find.asking():
        page.go_back()  # it was a question of its own
    expect(chips).to_have_count(1)
