"""The guard itself: what it has to notice, it notices."""

from playwright.sync_api import Page

from page_guard import PageGuard
from page_waits import wait_until


def test_complains(page: Page, guard: PageGuard) -> None:
    page.goto("/")
    page.evaluate("console.error('a mistake')")
    page.evaluate("setTimeout(() => { throw new Error('a slip') })")
    page.evaluate("fetch('http://127.0.0.2:47001/elsewhere').catch(() => 0)")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {text: '0'}))"
    )
    wait_until(page, "() => true")
    noticed = "\n".join(guard.complaints)
    guard.complaints.clear()
    assert "a mistake" in noticed
    assert "a slip" in noticed
    assert "http://127.0.0.2:47001/elsewhere" in noticed
    assert "script-src" in noticed
