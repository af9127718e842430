"""The server as others reach it: proxies, prefixes, players, ranges, addresses, large uploads."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from field_case import Judging, NotRun, Place, case, fetch, judged, need, serving
from field_music import flac
from proxies import BARE, NoProxy, lines, proxy

TOKEN = "sesame"
SITE = "http://music.example.com"
_BROWSER = {"Host": SITE[7:], "User-Agent": "Mozilla/5.0"}


def _shelf(place: Place) -> None:
    for number in range(3):
        path = place.shelf / f"{number}.flac"
        if not path.exists():
            flac(path, number, seconds=6.0)


@contextmanager
def _behind(place: Place, text: str, *options: str) -> Iterator[str]:
    """The shelf's library behind nginx with some lines."""
    with serving(place, place.library, *options) as (served, _):
        try:
            with proxy(place.folder, "nginx", text, served) as url:
                yield url
        except NoProxy as error:
            raise NotRun(str(error)) from None


def _search(url: str, **headers: str) -> tuple[int, bytes]:
    told = json.loads(fetch(f"{url}/api/v1/tracks", headers={**_BROWSER, **headers})[2])
    body = {"songs": [told["tracks"][0]["track_id"]]}
    sent = {**_BROWSER, "Origin": SITE, **headers}
    status, _, said = fetch(f"{url}/api/v1/search", body, sent)
    return status, said


def _enter(url: str) -> dict[str, str]:
    """The cookie that the printed address gives."""
    _, headers, _ = fetch(f"{url}/?token={TOKEN}", headers=_BROWSER)
    return {"Cookie": headers.get("set-cookie", "").partition(";")[0]}


@case(
    "music-assistant/support#6455, airsonic/airsonic#1771, music-assistant/server#3161",
    "serve behind nginx: proxy_pass alone, and with the lines of the docs",
    "alone it is not open to everybody, and a sentence says what to do; with the lines it works",
)
def behind_nginx(place: Place) -> Judging:
    _shelf(place)
    yield
    need("nginx", "nginx-light")
    with _behind(place, BARE) as url:
        bare, _, said = fetch(url, headers=_BROWSER)
    with _behind(place, lines("nginx", False), "--token", TOKEN) as url:
        stranger, _, _ = fetch(f"{url}/", headers=_BROWSER)
        found, _ = _search(url, **_enter(url))
    with _behind(place, BARE, "--behind-proxy", SITE[7:]) as url:
        meant, _ = _search(url)
    return judged(
        {
            "alone": (bare == 403 and b"--token" in said) or f"{bare}",
            "a stranger": stranger == 401 or f"{stranger}",
            "with a token": found == 200 or f"{found}",
            "with --behind-proxy": meant == 200 or f"{meant}",
        }
    )


@case(
    "Sonarr/Sonarr#6905, ultrasonic/ultrasonic#736",
    "the same under /partwise/, with the prefix taken away and not",
    "pages, their files, search and players work",
)
def under_a_prefix(place: Place) -> Judging:
    _shelf(place)
    yield
    need("nginx", "nginx-light")
    kept = lines("nginx", True)
    checks: dict[str, bool | str] = {}
    for name, text in {"kept": kept, "taken": kept.replace(":8321;", ":8321/;")}.items():
        with _behind(place, text, "--token", TOKEN, "--root-path", "/partwise") as url:
            entered = _enter(f"{url}/partwise")
            wrong = []
            for page in ("/partwise/", "/partwise/library", "/partwise/map", "/partwise/api/docs"):
                status, _, text_of = fetch(url + page, headers={**_BROWSER, **entered})
                files = re.findall(rb'(?:src|href|hx-get)="([^"#]+)"', text_of)
                asked = [urljoin(page, file.decode()) for file in files]
                wrong += [page] if status != 200 else []
                wrong += [
                    file
                    for file in asked
                    if fetch(url + file, headers={**_BROWSER, **entered})[0] != 200
                ]
            found, _ = _search(f"{url}/partwise", **entered)
            rest, _, said = fetch(f"{url}/partwise/rest/ping?u=a&p={TOKEN}&v=1.16.1&c=t&f=json")
            checks[name] = not wrong or f"404: {wrong[0]}"
            checks[f"{name}, search"] = found == 200 or f"{found}"
            checks[f"{name}, player"] = (rest == 200 and b'"ok"' in said) or f"{rest}"
    return judged(checks)


@case(
    "opensubsonic/open-subsonic-api#99, navidrome/navidrome#38, Jeffser/Nocturne#211",
    "salted token in lower and upper case, enc:, POST form with .view, apiKey with u",
    "ok; error 43 for both at once",
)
def players_credentials(place: Place) -> Judging:
    _shelf(place)
    yield
    salted = hashlib.md5(f"{TOKEN}abc".encode()).hexdigest()
    common = "v=1.16.1&c=t&f=json"
    with serving(place, place.library, "--token", TOKEN) as (url, _):

        def said(method: str, asked: str, form: bool = False) -> str:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            address = f"{url}/rest/{method}"
            answer = (
                fetch(address, f"{asked}&{common}".encode(), kind)
                if form
                else fetch(f"{address}?{asked}&{common}")
            )
            told = json.loads(answer[2])["subsonic-response"]
            return told["status"] if told["status"] == "ok" else str(told["error"]["code"])

        came = {
            "lower": said("ping", f"u=a&t={salted}&s=abc"),
            "upper": said("ping", f"u=a&t={salted.upper()}&s=abc"),
            "enc:": said("ping", f"u=a&p=enc:{TOKEN.encode().hex()}"),
            "form": said("ping.view", f"u=a&p={TOKEN}", form=True),
            "apiKey": said("ping", f"apiKey={TOKEN}"),
            "both": said("ping", f"apiKey={TOKEN}&u=a"),
            "wrong": said("ping", "u=a&p=other"),
        }
    wanted = {**dict.fromkeys(came, "ok"), "both": "43", "wrong": "40"}
    return judged({name: came[name] == wanted[name] or came[name] for name in came})


@case(
    "OpenSubsonic clients that page with search3",
    'search3 with query="", %22%22, empty',
    "all songs",
)
def everything_by_search3(place: Place) -> Judging:
    _shelf(place)
    yield
    checks: dict[str, bool | str] = {}
    for query in ('""', "%22%22", ""):
        asked = query if "%" in query else query.replace('"', "%22")
        told = place.ask(f"/rest/search3?u=a&p=b&v=1.16.1&c=t&f=json&songCount=50&query={asked}")
        songs = told["subsonic-response"]["searchResult3"]["song"]
        checks[query or "empty"] = len(songs) == 3 or f"{len(songs)} songs"
    return judged(checks)


@case(
    "RFC 9110 14.2, players that send odd ranges",
    "Range: items=0-1, bytes=abc, bytes=500-100 on /rest/stream and of a recording",
    "ignored: 200 with everything; beyond the end 416",
)
def odd_ranges(place: Place) -> Judging:
    _shelf(place)
    yield
    song = place.tracks["0.flac"]["track_id"]
    size = (place.shelf / "0.flac").stat().st_size
    checks: dict[str, bool | str] = {}
    for address in (f"/rest/stream?u=a&p=b&v=1.16.1&c=t&id={song}", f"/api/v1/tracks/{song}/audio"):
        for asked in ("items=0-1", "bytes=abc", "bytes=500-100"):
            status, _, body = fetch(place.url + address, headers={"Range": asked})
            good = status == 200 and len(body) == size
            checks[f"{asked} of {address[:6]}"] = good or f"{status}"
        status, _, body = fetch(place.url + address, headers={"Range": "bytes=0-99"})
        checks[f"a range of {address[:6]}"] = (status == 206 and len(body) == 100) or f"{status}"
        status, _, _ = fetch(place.url + address, headers={"Range": f"bytes={size}-"})
        checks[f"beyond of {address[:6]}"] = status == 416 or f"{status}"
    return judged(checks)


@case(
    "airsonic/airsonic#1771, music-assistant/support#6455",
    "IPv6: serve --host ::1; Host with a port",
    "200",
)
def six(place: Place) -> Judging:
    _shelf(place)
    yield
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        raise NotRun("no IPv6 here") from None
    with serving(place, place.library, "--host", "::1") as (url, _):
        status, _, _ = fetch(f"{url}/api/v1/status")
    return judged({"::1": status == 200 or f"{status}"})


@case(
    "none: a newcomer",
    "serve --host 0.0.0.0 and ::",
    "an address that opens elsewhere, and one for this machine",
)
def address_for_others(place: Place) -> Judging:
    _shelf(place)
    yield
    checks: dict[str, bool | str] = {}
    for host in ("0.0.0.0", "::"):
        try:
            with serving(place, place.library, "--host", host) as (_, printed):
                urls = re.findall(r"http://\S+", "".join(printed))
                names = [urlsplit(url).hostname for url in urls]
                opened = [fetch(url)[0] for url in urls]
        except ValueError as error:
            if "cannot listen" in str(error):
                continue  # no IPv6 here
            raise
        good = len(urls) == 2 and not {"0.0.0.0", "::"} & set(names) and set(opened) == {303}
        checks[host] = good or f"prints {urls[0]}"
    return judged(checks, weak=tuple(checks))


@case(
    "none: a newcomer",
    "page: an upload of 212 MB, a usual one; SIGTERM with an open event stream",
    "413 and a sentence; heard; ends soon",
)
def uploads_and_the_end(place: Place) -> Judging:
    _shelf(place)
    yield
    with serving(place, place.library) as (url, _):
        where = urlsplit(url)
        status, said = _upload(where.netloc, 212_000_000)
        song = flac(place.folder / "song.flac", 5, seconds=20.0).read_bytes()
        heard, _ = _upload(where.netloc, len(song), song)
        events = http.client.HTTPConnection(where.netloc, timeout=20)
        events.request("GET", "/api/v1/index/events")
        events.getresponse().readline()
        began = time.monotonic()
        place.shared["server"].terminate()
        place.shared["server"].wait(30)
        took_s = time.monotonic() - began
        events.close()
    return judged(
        {
            "212 MB": (status == 413 and "too large" in said) or f"{status} {said[:60]}",
            "a song": heard == 201 or f"{heard}",
            "SIGTERM": took_s < 8.0 or f"{took_s:.1f} s",
        }
    )


def _upload(netloc: str, size: int, data: bytes | None = None) -> tuple[int, str]:
    """Send a form with a file, whose bytes are zeros unless given; (status, error)."""
    boundary = "partwise-field"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="song.flac"\r\n'
        "Content-Type: audio/flac\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(netloc, timeout=60)
    connection.putrequest("POST", "/api/v1/uploads")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("Content-Length", str(len(head) + size + len(tail)))
    connection.endheaders(head)
    block = bytes(1 << 20)
    try:
        if data is None:
            for _ in range(size // len(block)):
                connection.send(block)
        else:
            connection.send(data + tail)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the answer is there already
    answer = connection.getresponse()
    told = json.loads(answer.read() or b"{}")
    connection.close()
    return answer.status, str(told.get("error", ""))
