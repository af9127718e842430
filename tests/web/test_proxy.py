"""Behind the proxies of docs/proxy.md, with the lines that stand there."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx2 as httpx
import pytest

import partwise
from partwise.web.app import Settings
from served import live, make_app

DOC = Path(__file__).parents[2] / "docs" / "proxy.md"
TOKEN = "s3cret/with&signs"
SITE = "http://music.example.com"


def lines(kind: str, prefix: bool) -> str:
    """The block of docs/proxy.md for nginx or caddyfile, at a name of its own or under a prefix."""
    blocks = re.findall(
        rf"^```{kind}\n(.*?)^```$", DOC.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return blocks[prefix]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def moved(text: str, port: int, served: str) -> str:
    """The lines for ports of the test, without TLS."""
    text = text.replace("http://127.0.0.1:8321", served).replace("127.0.0.1:8321", served[7:])
    text = re.sub(r"listen 443 ssl;|listen 80;", f"listen 127.0.0.1:{port};", text)
    return re.sub(r"^(?:music\.)?example\.com \{", f"http://:{port} {{", text)


@contextmanager
def proxy(folder: Path, kind: str, text: str, port: int) -> Iterator[str]:
    """nginx or Caddy with some lines; skips where it is not installed."""
    program = shutil.which("nginx" if kind == "nginx" else "caddy", path="/usr/sbin:/usr/bin:/bin")
    if program is None:
        pytest.skip(f"no {kind} here: scripts/install_sound_tools.sh installs it")
    config = folder / "proxy.conf"
    if kind == "nginx":
        places = " ".join(
            f"{name}_temp_path {folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        head = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}\n"
        user = "user root; " if folder.owner() == "root" else ""  # may read pytest's folder
        config.write_text(f"{user}{head}http {{ access_log off; {places}\n{text}}}\n")
        command = [program, "-c", str(config)]
    else:
        config.write_text("{\n admin off\n auto_https off\n}\n" + text)
        command = [program, "run", "--adapter", "caddyfile", "--config", str(config)]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
    try:
        until_s = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "said").read_text()
                assert time.monotonic() < until_s
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


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
    with live(app) as served:
        port = free_port()
        text = moved(lines(kind, prefix), port, served)
        with proxy(tmp_path, kind, text, port) as url:
            works(url, root)


def test_a_proxy_that_takes_the_prefix_away(tmp_path: Path) -> None:
    app = make_app(tmp_path, Settings(token=TOKEN, hosts=None, root_path="/partwise"))
    with live(app) as served:
        port = free_port()
        text = moved(lines("nginx", True), port, served).replace(f"{served};", f"{served}/;")
        with proxy(tmp_path, "nginx", text, port) as url:
            works(url, "/partwise")


@pytest.mark.parametrize("kind", ["nginx", "caddyfile"])
def test_a_bare_proxy_is_refused_until_somebody_says_that_it_is_meant(
    tmp_path: Path, kind: str
) -> None:
    bare = {
        "nginx": "server {\n listen 80;\n location / { proxy_pass http://127.0.0.1:8321; }\n}\n",
        "caddyfile": lines("caddyfile", False),
    }[kind]
    for proxies in (frozenset(), frozenset({"music.example.com"})):
        folder = tmp_path / str(len(proxies))
        folder.mkdir()
        with live(make_app(folder, Settings(proxies=proxies))) as served:
            port = free_port()
            with proxy(folder, kind, moved(bare, port, served), port) as url, visitor(url) as asks:
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
