"""Who may ask: hosts, origins, tokens, and what every answer carries."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from partwise.web.app import Settings
from partwise.web.security import cookie_of
from served import client_of, make_app

STATUS = "/api/v1/status"
TOKEN = "s3cret/with&signs"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    with client_of(make_app(tmp_path_factory.mktemp("home"))) as client:
        yield client


@pytest.fixture
def away(tmp_path: Path):
    """A server that asks for a token."""
    app = make_app(tmp_path, Settings(token=TOKEN, hosts=None, music=()))
    with TestClient(app, base_url="http://music.example:8321", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8321", "127.0.0.1:1", "[::1]:8321"])
def test_loopback_names_are_answered(home, host: str):
    assert home.get(STATUS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""])
@pytest.mark.parametrize("path", [STATUS, "/static/api_docs.css", "/rest/ping"])
def test_other_names_are_refused(home, host: str, path: str):
    answer = home.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "host name" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_other_sites_change_nothing(home, headers: dict[str, str], method: str):
    answer = home.request(method, "/api/v1/index", headers=headers, json={"folders": ["/"]})
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}]
)
def test_own_pages_and_programs_may(home, headers: dict[str, str]):
    assert home.delete("/api/v1/index", headers=headers).status_code == 409


@pytest.mark.parametrize("path", [STATUS, "/nothing", "/api/docs", "/static/api_docs.css"])
def test_every_answer_says_what_a_browser_may_do(home, path: str):
    headers = home.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "cache-control" in headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic s3cret"},
        {"Cookie": "partwise_00000000=s3cret"},
        {"Cookie": f"{cookie_of('another')[0]}={cookie_of('another')[1]}"},
    ],
)
@pytest.mark.parametrize("path", [STATUS, "/", "/static/api_docs.css", "/api/v1/openapi.json"])
def test_without_the_token_there_is_nothing(away, headers: dict[str, str], path: str):
    answer = away.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "token" in answer.text


def test_programs_send_the_token(away):
    assert away.get(STATUS, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert (
        away.delete("/api/v1/index", headers={"Authorization": f"bearer {TOKEN}"}).status_code
        == 409
    )


def test_the_printed_address_sets_a_cookie_and_hides_the_token(away):
    answer = away.get("/api/v1/tracks", params={"token": TOKEN, "text": "song & 1"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/api/v1/tracks?text=song+%26+1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert "s3cret" not in cookie
    assert away.get(STATUS).status_code == 200  # the client keeps cookies


def test_a_wrong_token_in_the_address_is_refused(away):
    assert away.get("/", params={"token": "wrong"}).status_code == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/%5cevil.example", "/\\evil.example"])
def test_the_way_to_the_address_without_token_stays_here(away, path: str):
    answer = away.request("GET", "http://music.example:8321" + path, params={"token": TOKEN})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/evil") or answer.headers["location"] == "/"


def test_a_token_in_the_address_changes_nothing(away):
    answer = away.delete("/api/v1/index", params={"token": TOKEN})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "X-Forwarded-Prefix"),
        *("X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP", "True-Client-IP", "X-Original-URL"),
        *("Tailscale-User-Login", "X-Envoy-External-Address", "CDN-Loop", "Fastly-Client-IP"),
    ],
)
@pytest.mark.parametrize("path", [STATUS, "/", "/static/api_docs.css", "/rest/ping"])
def test_what_a_proxy_passed_on_is_refused_without_a_token(home, header: str, path: str):
    answer = home.get(path, headers={header: "1.2.3.4"})
    assert answer.status_code == 403
    assert header.lower() in answer.text.lower()
    assert "--token" in answer.text and "--behind-proxy" in answer.text


def test_with_a_token_a_proxy_may_pass_on(away):
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "1.2.3.4"}
    assert away.get(STATUS, headers=headers).status_code == 200
    # A proxy that puts its own name into Host says the right one beside it.
    headers |= {"Host": "127.0.0.1:8321", "Origin": "https://music.example"}
    assert away.delete("/api/v1/index", headers=headers).status_code == 403
    headers["X-Forwarded-Host"] = "music.example"
    assert away.delete("/api/v1/index", headers=headers).status_code == 409


def test_a_proxy_that_is_meant_gives_one_more_name_and_no_others(tmp_path: Path):
    app = make_app(tmp_path, Settings(proxies=frozenset({"music.example"})))
    with TestClient(app, base_url="http://localhost") as client:
        for host in ("music.example", "MUSIC.example:8443", "localhost:8321"):
            headers = {"Host": host, "X-Forwarded-For": "1.2.3.4"}
            assert client.get(STATUS, headers=headers).status_code == 200
            headers["Origin"] = "https://music.example:8443"
            assert client.delete("/api/v1/index", headers=headers).status_code == 409
            headers["Origin"] = "https://evil.example"
            assert client.delete("/api/v1/index", headers=headers).status_code == 403
        assert client.get(STATUS, headers={"Host": "evil.example"}).status_code == 403


def test_players_bring_their_own_credentials(away):
    assert away.get("/rest/nothing").status_code != 401
