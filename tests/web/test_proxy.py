"""Behind the proxies of docs/proxy.md, with the lines that stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2 as httpx
import pytest

import partwise
from partwise.web.app import Settings
from proxies import BARE, NoProxy, lines, proxy
from served import live, make_app

TOKEN = "s3cret/with&signs"
SITE = "http://music.example.com"


@contextmanager
def shown(folder: Path, kind: str, text: str, served: str) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(proxy(folder, kind, text, served))
        except NoProxy as error:
            pytest.skip(str(error))
        yield url


def visitor(url: str, **headers: str) -> httpx.Client:
    """A browser on music.example.com."""
    return httpx.Client(
        base_url=url, headers={"Host": SITE[7:], **headers}, trust_env=False, timeout=20
    )


def works(url: str, root: str) -> None:
    """All that a page does, by a browser that came with the printed address."""
    with visitor(url) as browser:
        assert browser.get(f"{root}/").status_code == 401
        first = browser.get(f"{root}/library/?token={TOKEN.replace('&', '%26')}")
        assert first.status_code == 303 and first.headers["location"] == f"{root}/library/"
        cookie = first.headers["set-cookie"]
        assert f"path={root or '/'};" in cookie.lower()
        browser.headers["Cookie"] = cookie.partition(";")[0]
        onward = browser.get(f"{root}/library/")
        assert onward.headers["location"] == f"{root}/library"
        assert follows(browser, root)
        with browser.stream("GET", f"{root}/api/v1/index/events") as events:
            assert next(events.iter_lines()) == "retry: 2000"
        tracks = browser.get(f"{root}/api/v1/tracks").json()["tracks"]
        question = {"songs": [tracks[0]["track_id"]]}
        asked = browser.post(f"{root}/api/v1/search", json=question, headers={"Origin": SITE})
        assert asked.status_code == 200 and asked.json()["hits"]
        other = browser.post(
            f"{root}/api/v1/search", json=question, headers={"Origin": "http://evil.example"}
        )
        assert other.status_code == 403
        stream = f"{root}/rest/stream?u=a&p=enc:{TOKEN.encode().hex()}&v=1.16.1&c=t"
        sound = browser.get(f"{stream}&id={tracks[0]['track_id']}", headers={"Range": "bytes=0-3"})
        assert sound.status_code == 206 and len(sound.content) == 4
        described = browser.get(f"{root}/api/v1/openapi.json").json()
        assert [one["url"] for one in described.get("servers", [])] == ([root] if root else [])
    with pytest.raises(partwise.PartwiseError, match="token"):
        partwise.Client(url + root).status()
    client = partwise.Client(url + root, token=TOKEN)
    assert client.search(tracks[0]["track_id"])


def follows(browser: httpx.Client, root: str) -> bool:
    """Follow every link of every page, and of the scripts, as a browser resolves them."""
    seen: dict[str, int] = {}
    pages = [f"{root}/", f"{root}/library", f"{root}/map", f"{root}/api/docs"]
    while pages:
        page = pages.pop()
        if page in seen:
            continue
        answer = browser.get(page)
        seen[page] = answer.status_code
        kind = answer.headers.get("content-type", "")
        found: list[str] = []
        if "<!doctype" in answer.text:  # links of a fragment start from the page it is put into
            found = re.findall(r'(?:src|href|hx-get)="([^"#]+)"', answer.text)
        elif "javascript" in kind and "/vendor/" not in page:
            found = re.findall(r'from "([^"]+)"', answer.text)
        pages += [urljoin(page, link) for link in found]
    assert {page: status for page, status in seen.items() if status != 200} == {}
    return len(seen) > 30 and all(page.startswith(root + "/") for page in seen)


@pytest.mark.parametrize("kind", ["nginx", "caddyfile"])
@pytest.mark.parametrize("prefix", [False, True])
def test_the_lines_of_the_docs(tmp_path: Path, kind: str, prefix: bool) -> None:
    root = "/partwise" if prefix else ""
    app = make_app(tmp_path, Settings(token=TOKEN, hosts=None, root_path=root))
    with live(app) as served, shown(tmp_path, kind, lines(kind, prefix), served) as url:
        works(url, root)


def test_a_proxy_that_takes_the_prefix_away(tmp_path: Path) -> None:
    app = make_app(tmp_path, Settings(token=TOKEN, hosts=None, root_path="/partwise"))
    with live(app) as served:
        text = lines("nginx", True).replace("127.0.0.1:8321;", "127.0.0.1:8321/;")
        with shown(tmp_path, "nginx", text, served) as url:
            works(url, "/partwise")


@pytest.mark.parametrize("kind", ["nginx", "caddyfile"])
def test_a_bare_proxy_is_refused_until_somebody_says_that_it_is_meant(
    tmp_path: Path, kind: str
) -> None:
    bare = BARE if kind == "nginx" else lines("caddyfile", False)
    for proxies in (frozenset(), frozenset({"music.example.com"})):
        folder = tmp_path / str(len(proxies))
        folder.mkdir()
        app = make_app(folder, Settings(proxies=proxies))
        with live(app) as served, shown(folder, kind, bare, served) as url, visitor(url) as asks:
            answers = [
                asks.get("/"),
                asks.get("/rest/ping?u=a&p=b&v=1.16.1&c=t"),
                asks.delete("/api/v1/index", headers={"Origin": SITE}),  # there is none
            ]
        if proxies:
            assert [answer.status_code for answer in answers] == [200, 200, 409]
        else:
            assert [answer.status_code for answer in answers] == [403, 403, 403]
            assert all("--token" in answer.text for answer in answers)
            assert all("--behind-proxy" in answer.text for answer in answers)
