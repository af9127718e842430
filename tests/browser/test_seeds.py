"""Each part like another song: hits dropped on faders."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from find_page import SONG, FindPage, to_the_middle


def test_one_song_per_part(page: Page, shot: Callable[..., Path]) -> None:
    find = FindPage(page)
    hits = find.ask(SONG)["hits"]
    to_the_middle(find.faders["drums"])
    before = find.order()
    with find.asking() as question:
        find.hits.nth(0).drag_to(find.faders["drums"])
    assert question[0]["per_part_of"] == {"drums": hits[0]["track_id"]}
    expect(page.get_by_test_id("seed-drums")).to_contain_text(hits[0]["title"])
    second = next(hit for hit in hits if hit["title"] == find.order()[1])
    with find.asking() as question:
        find.hits.nth(1).drag_to(find.faders["bass"])
    assert question[0]["per_part_of"] == {
        "drums": hits[0]["track_id"],
        "bass": second["track_id"],
    }
    expect(page.get_by_test_id("seed-bass")).to_contain_text(second["title"])
    find.wait_for_other_order(before)
    shot(page, "seeds", width=1440, height=900)
