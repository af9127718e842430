"""The explore page: kinds of a part, and journeys from song to song."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, ViewportSize, expect

from demo_music import HOSTILE_TITLE
from find_page import SONG
from page_checks import faint_texts, too_wide, unnamed_controls
from page_guard import PageGuard

FROM, TO = "Amber Meadow", SONG


def _clusters(page: Page, part: str, count: int | None = None) -> list[dict[str, Any]]:
    counted = "" if count is None else f"?count={count}"
    return page.request.get(f"/api/v1/clusters/{part}{counted}").json()["clusters"]


def _open(page: Page, address: str = "/explore", part: str = "drums") -> None:
    page.goto(address)
    expect(page.get_by_test_id("clusters")).to_have_attribute("data-part", part)


def _pick(page: Page, end: str, title: str) -> None:
    picker = page.locator(".picker", has=page.get_by_test_id(f"{end}-search"))
    page.get_by_test_id(f"{end}-search").fill(title)
    picker.get_by_test_id("song-result").filter(has_text=title).first.click()
    expect(page.get_by_test_id(f"{end}-search")).to_have_value(title)


def _lead(page: Page) -> tuple[dict[str, Any], list[str]]:
    """Look for the way; gives what was asked, and the titles of the answer."""

    def answers(answer: Response) -> bool:
        return answer.url.endswith("/api/v1/path")

    with page.expect_response(answers) as got:
        page.get_by_test_id("journey-go").click()
    asked = got.value.request.post_data_json or {}
    found = page.request.post("/api/v1/path", data=asked).json()
    titles = [step["title"] for step in found["steps"]]
    expect(_stops(page)).to_have_count(len(titles))
    return asked, titles


def _stops(page: Page):
    return page.get_by_test_id("journey").get_by_test_id("song-row")


def test_cards_are_the_clusters(page: Page, shot: Callable[..., Path]) -> None:
    _open(page, "/explore?part=bass", "bass")
    clusters = _clusters(page, "bass")
    cards = page.get_by_test_id("cluster")
    expect(cards).to_have_count(len(clusters))
    for card, cluster in zip(cards.all(), clusters, strict=True):
        expect(card.get_by_role("heading")).to_have_text(f"Like {cluster['typical'][0]['title']}")
        expect(card).to_contain_text(f"{cluster['size']} songs")
        expect(card.locator(".cluster-typical .row-title")).to_have_text(
            [track["title"] for track in cluster["typical"]]
        )
    _pick(page, "from", FROM)
    _pick(page, "to", TO)
    page.get_by_test_id("journey-count").fill("6")
    page.get_by_test_id("journey-part-drums").check()
    _lead(page)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "explore", height=1480)


def test_another_part_and_count_stand_in_the_address(page: Page) -> None:
    _open(page)
    page.get_by_test_id("cluster-part-bass").check()
    expect(page.get_by_test_id("clusters")).to_have_attribute("data-part", "bass")
    page.get_by_test_id("cluster-count").fill("3")
    page.get_by_test_id("cluster-count").press("Enter")
    expect(page.get_by_test_id("cluster")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"/explore\?part=bass&count=3$"))
    page.reload()
    expect(page.get_by_test_id("cluster")).to_have_count(3)
    expect(page.get_by_test_id("cluster-part-bass")).to_be_checked()
    assert _clusters(page, "bass", 3)[0]["size"] >= 3


def test_a_typical_song_plays_and_is_the_question_of_the_find_page(page: Page) -> None:
    _open(page)
    medoid = _clusters(page, "drums")[0]["typical"][0]
    card = page.get_by_test_id("cluster").first
    play = card.get_by_test_id("song-play").first
    play.click()
    audio = page.get_by_test_id("bar-audio")
    expect(audio).to_have_js_property("paused", False)
    expect(page.get_by_test_id("bar-title")).to_have_text(medoid["title"])
    expect(play).to_have_attribute("aria-pressed", "true")
    play.click()
    expect(audio).to_have_js_property("paused", True)
    expect(play).to_have_attribute("aria-pressed", "false")
    card.get_by_test_id("cluster-find").click()
    expect(page.get_by_test_id("hit").first).to_be_visible()
    assert medoid["track_id"] in page.url
    expect(page.get_by_test_id("solo-drums")).to_have_attribute("aria-pressed", "true")


def test_all_members_are_listed_and_played_in_order(page: Page) -> None:
    _open(page)
    cluster = _clusters(page, "drums")[0]
    card = page.get_by_test_id("cluster").first
    members = card.get_by_test_id("cluster-members")
    expect(members).to_be_hidden()
    more = card.get_by_test_id("cluster-more")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    titles = [member["title"] for member in cluster["members"]]
    expect(members.locator(".row-title")).to_have_text(titles)
    assert len(titles) == cluster["size"]
    members.get_by_test_id("song-play").nth(1).click()
    expect(page.get_by_test_id("bar-title")).to_have_text(titles[1])
    page.get_by_test_id("bar-next").click()
    expect(page.get_by_test_id("bar-title")).to_have_text(titles[2])
    more.click()
    expect(members).to_be_hidden()


def test_members_that_did_not_come_are_asked_for(page: Page) -> None:
    def few(route) -> None:
        address = route.request.url
        route.continue_(url=address.replace("members=50", "members=1"))

    page.route(re.compile("/api/v1/clusters/"), few)
    _open(page)
    card = page.get_by_test_id("cluster").first
    card.get_by_test_id("cluster-more").click()
    rows = card.get_by_test_id("cluster-members").get_by_test_id("song-row")
    expect(rows).to_have_count(_clusters(page, "drums")[0]["size"])


def test_a_journey_is_shown_played_and_saved(page: Page, music: list[Path]) -> None:
    _open(page)
    _pick(page, "from", FROM)
    _pick(page, "to", TO)
    page.get_by_test_id("journey-part-drums").check()
    page.get_by_test_id("journey-part-bass").check()
    page.get_by_test_id("journey-count").fill("5")
    asked, titles = _lead(page)
    assert asked["weights"] == {"drums": 1, "bass": 1} and asked["count"] == 5
    assert (titles[0], titles[-1], len(titles)) == (FROM, TO, 5)
    expect(_stops(page).locator(".row-title")).to_have_text(titles)
    expect(page.get_by_test_id("journey-state")).to_have_text("5 songs by drums and bass")
    expect(_stops(page).first.locator(".row-fact")).to_contain_text("start")
    expect(_stops(page).last.locator(".row-fact")).to_contain_text(re.compile(r"^-?0\.\d\d"))
    page.get_by_test_id("journey-play").click()
    expect(page.get_by_test_id("bar-title")).to_have_text(FROM)
    expect(page.locator("#bar-coming")).to_have_text("4")
    with page.expect_download() as download:
        page.get_by_test_id("journey-xspf").click()
    tree = ElementTree.parse(download.value.path())
    assert [title.text for title in tree.iterfind(".//{*}track/{*}title")] == titles
    assert download.value.suggested_filename == f"path from {FROM} to {TO}.xspf"


def test_a_journey_is_a_link(page: Page) -> None:
    _open(page)
    _pick(page, "from", FROM)
    _pick(page, "to", HOSTILE_TITLE)
    page.get_by_test_id("journey-count").fill("4")
    asked, titles = _lead(page)
    assert asked["weights"] is None
    address = page.url
    page.goto("/library")
    page.goto(address)
    expect(_stops(page).locator(".row-title")).to_have_text(titles)
    expect(page.get_by_test_id("from-search")).to_have_value(FROM)
    expect(page.get_by_test_id("to-search")).to_have_value(HOSTILE_TITLE)
    expect(page.get_by_test_id("journey-count")).to_have_value("4")


def test_what_is_missing_is_said_where_it_is_missing(page: Page, guard: PageGuard) -> None:
    _open(page)
    error, go = page.get_by_test_id("error"), page.get_by_test_id("journey-go")
    go.click()
    expect(error).to_contain_text("begins with")
    expect(page.get_by_test_id("from-search")).to_be_focused()
    _pick(page, "from", FROM)
    go.click()
    expect(error).to_contain_text("ends with")
    expect(page.get_by_test_id("to-search")).to_be_focused()
    page.get_by_test_id("to-search").fill(TO[:-2])
    page.get_by_test_id("to-search").press("Enter")
    expect(page.get_by_test_id("to-search")).to_have_value(TO)
    page.get_by_test_id("journey-count").fill("1")
    go.click()
    expect(error).to_have_text("A journey has 2 to 100 songs.")
    page.get_by_test_id("journey-count").fill("3")
    guard.expect_refusal(422)
    _pick(page, "from", TO)
    go.click()
    expect(error).to_contain_text("would end where it starts")


def test_what_is_typed_and_not_picked_is_a_name(page: Page, guard: PageGuard) -> None:
    _open(page)
    page.get_by_test_id("from-search").fill("amber mead")
    page.get_by_test_id("to-search").fill("viaduct")
    page.get_by_test_id("journey-count").fill("3")
    _, titles = _lead(page)
    assert (titles[0], titles[-1]) == (FROM, TO)
    expect(page.get_by_test_id("from-search")).to_have_value(FROM)
    expect(page).to_have_url(re.compile(r"&from=[0-9a-f]{32}&to=[0-9a-f]{32}&songs=3$"))
    guard.expect_refusal(404)
    page.get_by_test_id("to-search").fill("nobody of that name")
    page.get_by_test_id("journey-go").click()
    expect(page.get_by_test_id("error")).to_contain_text("nobody of that name")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_and_contrast(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    track_ids = [
        page.request.get(f"/api/v1/tracks?text={title}").json()["tracks"][0]["track_id"]
        for title in (FROM, TO)
    ]
    _open(page, f"/explore?part=guitar&from={track_ids[0]}&to={track_ids[1]}&songs=4", "guitar")
    expect(_stops(page)).to_have_count(4)
    page.get_by_test_id("cluster-more").first.click()
    page.get_by_test_id("song-play").first.click()
    expect(page.get_by_test_id("bar-title")).not_to_be_empty()
    assert page.locator("h1").count() == 1
    assert unnamed_controls(page) == []
    assert faint_texts(page) == []


@pytest.fixture
def phone(browser: Browser, site: str) -> Iterator[Page]:
    size = ViewportSize(width=390, height=844)
    context = browser.new_context(base_url=site, viewport=size, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


def test_it_fits_a_phone(phone: Page) -> None:
    _open(phone)
    assert too_wide(phone) == []
    _pick(phone, "from", FROM)
    _pick(phone, "to", TO)
    assert "start" in json.dumps(_lead(phone)[0])
    phone.get_by_test_id("cluster-more").first.tap()
    assert too_wide(phone) == []
    for control in ("cluster-part-other", "cluster-find", "journey-play", "journey-xspf"):
        phone.get_by_test_id(control).first.tap(trial=True)
