"""The main way through the page without a mouse."""

from playwright.sync_api import Page, expect

from find_page import SONG, FindPage

_FOCUS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  return {
    id: element.dataset.testid ?? element.id,
    what: element.outerHTML.slice(0, 200),
    seen: style.outlineStyle !== "none" || style.boxShadow !== "none",
  };
}"""


def _tab_to(page: Page, testid: str, key: str = "Tab") -> None:
    """Press Tab until a control has the focus; the focus must be seen all the way."""
    for _ in range(60):
        page.keyboard.press(key)
        focus = page.evaluate(_FOCUS)
        assert focus["seen"], f"the focus on {focus['what']} cannot be seen"
        if focus["id"] == testid:
            return
    raise AssertionError(f"{testid} cannot be reached with {key}")


def test_ask_move_play_and_take_along(page: Page) -> None:
    find = FindPage(page)
    find.open()
    _tab_to(page, "song-search")
    with find.asking():
        page.keyboard.type("Amber Meadow")
        page.keyboard.press("Enter")  # before the list is there: it must not pick what was there
    expect(page.get_by_label("Songs of the query")).to_have_text("Amber Meadow×")
    with find.asking():
        page.keyboard.type(SONG)
        expect(page.get_by_test_id("song-result")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        expect(page.get_by_test_id("song-result")).to_be_focused()
        page.keyboard.press("Enter")
    expect(page.get_by_label("Songs of the query")).to_have_text(f"{SONG}×")
    find.wait_until_shown()
    before = find.order()

    _tab_to(page, "fader-drums")
    with find.asking():
        page.keyboard.press("Home")
    find.wait_for_other_order(before)
    _tab_to(page, "ab-button")
    page.keyboard.press("Enter")
    query = page.get_by_test_id("ab-audio-query")
    expect(query).to_have_js_property("paused", False)
    page.keyboard.press("Escape")
    expect(page.get_by_label("A/B comparison")).to_be_hidden()
    expect(query).to_have_js_property("paused", True)

    _tab_to(page, "playlist-m3u8", "Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".m3u8")
