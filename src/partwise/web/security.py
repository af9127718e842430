"""Before every request: who may ask, from where, how much may be sent and how slowly.

On loopback there is no token, so a page of another site must not get through the visitor's own
browser: the Host header has to be a loopback name (else a name of theirs could be pointed at us),
and what changes something has to come from this very server's pages, or from no page at all; so
has everything under ``/rest``.
A proxy on this machine would let everybody in, and may well put a loopback name into Host: what
carries a proxy's marks is refused then, unless the owner has said that a proxy is meant.
Elsewhere a token is asked for. Under ``/rest`` players bring their own credentials, which that
router checks.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import MutableMapping
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from partwise.web.responses import error_response

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
OPEN_PATHS = ("/rest/",)

# Headers that proxies add, and that neither browsers nor players send.
_PROXY_HEADERS = frozenset(
    {
        *("forwarded", "via", "x-real-ip", "client-ip", "true-client-ip", "x-client-ip"),
        *("x-cluster-client-ip", "x-remote-ip", "x-remote-addr", "x-proxyuser-ip"),
        *("proxy-client-ip", "wl-proxy-client-ip", "x-host", "x-scheme", "x-url-scheme"),
        *("x-rewrite-url", "x-nginx-proxy", "x-varnish", "front-end-https", "cdn-loop"),
        *("x-amzn-trace-id", "x-cloud-trace-context", "remote-user", "x-remote-user"),
    }
)
_PROXY_PREFIXES = (
    *("x-forwarded", "x-original-", "x-arr-", "x-envoy-", "x-azure-", "x-appengine-"),
    *("x-vercel-", "cf-", "fastly-", "fly-", "tailscale-", "x-auth-request-"),
)
_HOW = "start the server with --token, or with --behind-proxy NAME where the proxy asks who it is"

# The one style that is not a file: wavesurfer puts a sheet beside its canvas. Its text is known.
WAVE_STYLE = "sha256-lYn8wofTd9DQ98eR+x6Z/GEnEIybaqD4JFb4hM9lipk="
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    f"style-src 'self' '{WAVE_STYLE}'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_COOKIE_S = 30 * 86400
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

UPLOAD_PATHS = ("/api/v1/uploads", "/api/v1/embed")
MAX_UPLOAD_BYTES = 200_000_000
_MAX_OTHER_BYTES = 1_000_000
# Around the file, a multipart body holds boundaries and the file's name.
_MULTIPART_BYTES = 16_384

IDLE_S = 30.0
BODY_S = 600.0


class Security:
    """ASGI middleware: refuses what must not pass, and adds headers to every answer.

    token : what a client has to know; None asks for nothing.
    hosts : names by which the server may be called, in lower case; None for any (with a token).
    proxies : names by which a proxy shows the server and lets in whom it likes, in lower case.
    root_path : the prefix under which the browser sees the server: the cookie is for it alone.
    open_paths : prefixes of addresses that see to credentials themselves.
    from_messages : whether the address with the token is followed from messages. Browsers send a
    "strict" cookie only on the way from our own pages, so the cookie is a "lax" one then: other
    sites' links carry it too, but what changes something is checked by its origin.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str | None = None,
        hosts: frozenset[str] | None = LOOPBACK_NAMES,
        open_paths: tuple[str, ...] = OPEN_PATHS,
        from_messages: bool = False,
        proxies: frozenset[str] = frozenset(),
        root_path: str = "",
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = None if hosts is None else hosts | proxies
        self._proxies = proxies
        self._cookie_path = root_path or "/"
        self._open_paths = open_paths
        self._same_site: Literal["lax", "strict"] = "lax" if from_messages else "strict"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        mark = None if self._token or self._proxies else proxy_mark(scope)
        if mark is not None:
            text = f"this request came through a proxy ({mark}), which would let everybody in"
            return error_response(path, 403, f"{text}: {_HOW}")
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            text = "this server does not answer to that host name"
            return error_response(path, 403, f"{text} (behind a proxy: {_HOW})")
        # Players change things by GET, too. What sees to credentials itself is safe from pages of
        # other sites where there is a secret, which they do not know and no browser adds.
        own_credentials = path.startswith(self._open_paths)
        guarded = own_credentials and self._token is not None
        changes = scope["method"] not in _SAFE or own_credentials
        if changes and not (guarded or self._from_own_page(headers)):
            text = "a page of another site may not change anything here"
            more = "if it is this server's own, behind a proxy: let it pass Host on, or name it"
            return error_response(path, 403, f"{text} ({more} with --behind-proxy)")
        if self._token is None or guarded:
            return None
        return self._without_token(scope, headers)

    def _from_own_page(self, headers: Headers) -> bool:
        """Whether a request comes from our own pages, or from a program that is no browser."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        # A page cannot set X-Forwarded-Host for another site without asking that site before.
        ours = (headers.get("host", ""), headers.get("x-forwarded-host", ""))
        netloc = _netloc(origin)
        return netloc is not None and (
            netloc in {name.strip().lower() for name in ",".join(ours).split(",")}
            or _name(netloc) in self._proxies
        )

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._token or ""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(given.strip(), token):
            return None
        name, value = cookie_of(token)
        if _equal(cookie_parser(headers.get("cookie", "")).get(name, ""), value):
            return None
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        known = any(key == "token" and _equal(text, token) for key, text in asked)
        if known and scope["method"] in _SAFE:
            response = _without(scope["path"], asked)
            response.set_cookie(
                name,
                value,
                max_age=_COOKIE_S,
                path=self._cookie_path,
                httponly=True,
                samesite=self._same_site,
            )
            return response
        sentence = "a token is needed: open the address that the server printed, or send it as"
        challenge = {"WWW-Authenticate": "Bearer"}
        text = f"{sentence} Authorization: Bearer"
        return error_response(scope["path"], 401, text, challenge)


def cookie_of(token: str) -> tuple[str, str]:
    """Name and value of the cookie that stands for a token.

    Cookies do not know ports: each server's own name keeps two servers of one machine apart.
    """
    digest = hmac.new(b"partwise cookie", token.encode(), hashlib.sha256).hexdigest()
    return f"partwise_{digest[:8]}", digest[8:]


def _without(path: str, asked: list[tuple[str, str]]) -> Response:
    """On to the same address without the token."""
    rest = urlencode([(key, text) for key, text in asked if key != "token"])
    # One slash: an address with two would lead to another host.
    target = quote("/" + path.lstrip("/\\")) + (f"?{rest}" if rest else "")
    return RedirectResponse(target, status_code=303)


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _name(host: str) -> str:
    """``[::1]:8321`` and ``localhost:8321`` without the port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def proxy_mark(scope: Scope) -> str | None:
    """By what a request shows that a proxy passed it on; None where nothing shows it.

    nginx before 1.29.7, with nothing but ``proxy_pass``, adds no header. It asks in HTTP/1.0 with
    ``Connection: close``, which no browser does. Later ones look like the program they serve.
    """
    headers = Headers(scope=scope)
    for name in headers:
        if name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIXES):
            return name.title()
    closes = headers.get("connection", "").lower() == "close"
    return "HTTP/1.0" if scope.get("http_version") == "1.0" and closes else None


def _netloc(origin: str) -> str | None:
    """``host:port`` of an origin in lower case; None where it is none (``null``)."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


class BodyLimits:
    """ASGI middleware: a body has a size that is counted, not believed, and a time to arrive in.

    max_upload_bytes : size of a file. idle_s : longest pause. body_s : longest time for all of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_upload_bytes: int = MAX_UPLOAD_BYTES,
        idle_s: float = IDLE_S,
        body_s: float = BODY_S,
    ) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._idle_s = idle_s
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"].rstrip("/") in UPLOAD_PATHS
        limit = self._max_upload_bytes + _MULTIPART_BYTES if upload else _MAX_OTHER_BYTES
        too_large = f"too large: at most {(limit - upload * _MULTIPART_BYTES) / 1e6:g} MB"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await error_response(scope["path"], 413, too_large)(scope, receive, send)
            return
        counted, complete, started_s = 0, False, time.monotonic()

        async def receive_counted() -> MutableMapping[str, Any]:
            nonlocal counted, complete
            if complete:  # what follows is the news that the client has gone: that has time
                return await receive()
            left_s = self._body_s - (time.monotonic() - started_s)
            try:
                async with asyncio.timeout(max(min(self._idle_s, left_s), 0.001)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request took too long to arrive") from None
            if message["type"] == "http.request":
                counted += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if counted > limit:
                    raise HTTPException(413, too_large)
            return message

        await self._app(scope, receive_counted, send)
