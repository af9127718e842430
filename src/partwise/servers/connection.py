"""One connection to a server: requests by GET, tried again where that may help.

Nothing is asked of any other host: an answer that leads elsewhere is an error, and no proxy of the
environment is used. What a request carries of the password is in no message.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from partwise.errors import PartwiseError
from partwise.servers.address import ServerAddress

# The oldest version of the protocol with everything that is asked here: no server is too old for
# it that has salted passwords.
_VERSION = "1.13.0"
_SILENT_S = 60.0
_WAITS_S = (1.0, 2.0, 4.0, 8.0)
_LONGEST_WAIT_S = 60.0
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
# Answers that say something about the server, and nothing about the song.
_OVERLOADED = frozenset({429, 502, 503, 504})
_BLOCK = 1 << 18
_MOST_JSON = 1 << 26
_MOST_AUDIO = 1 << 32
# A download may take this long, and this much longer by its size.
_LIMIT_S = 600.0
_LIMIT_BYTES_PER_S = 10_000.0

TOKEN_UNSUPPORTED, NOT_AUTHORISED, NOT_FOUND = 41, 50, 70
_CREDENTIALS = frozenset({40, 41, 42, 43, 44})


class Refused(PartwiseError):
    """The server answers with an error. code : of the specification, None for one of HTTP."""

    def __init__(self, sentence: str, code: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code


class Unreachable(PartwiseError):
    """The server does not answer, or not to this user: asking for another song would not help."""


class _TryAgain(Exception):
    """after_s : how long the server wants to be left alone. overloaded : it is no fault of this
    request."""

    def __init__(self, why: str, after_s: float = 0.0, overloaded: bool = True) -> None:
        super().__init__(why)
        self.after_s = after_s
        self.overloaded = overloaded


class Connection:
    """Requests to one server, one at a time, over a connection that is kept.

    secret : the user's password; the API key where the address names no user.
    stop : when set, what is going on ends with KeyboardInterrupt.
    waits_s : how long to wait before each further try.
    """

    def __init__(
        self,
        address: ServerAddress,
        secret: str,
        stop: threading.Event | None = None,
        waits_s: tuple[float, ...] = _WAITS_S,
    ) -> None:
        self.address = address
        self._secret = secret
        self._stop = stop or threading.Event()
        self._waits_s = waits_s
        self._plain = False  # the password itself, where the server takes nothing else
        self._http: http.client.HTTPConnection | None = None

    def ask(self, method: str, **params: str | int) -> dict[str, Any]:
        """The ``subsonic-response`` of a method. Raises Refused and Unreachable."""
        return self._tried(lambda: self._json(method, params))

    def save(self, path: Path, size: int, method: str, **params: str | int) -> None:
        """Write what a method gives to a file. size : bytes that it should have, 0 if unknown.

        Raises Refused where it cannot be had or is never complete, Unreachable, and PartwiseError
        where the file cannot be written.
        """
        self._tried(lambda: self._audio(path, size, method, params))

    def close(self) -> None:
        """End what is going on, from any thread."""
        connection, self._http = self._http, None
        if connection is not None:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    # --- one request, and the next try

    def _tried(self, ask: Callable[[], Any]) -> Any:
        for wait_s in (*self._waits_s, None):
            if self._stop.is_set():
                raise KeyboardInterrupt
            try:
                return ask()
            except ssl.SSLCertVerificationError as error:
                raise Unreachable(
                    f"the certificate of {self.address} is not trusted ({error.verify_message}):"
                    " set SSL_CERT_FILE to that of its authority"
                ) from None
            except (OSError, http.client.HTTPException, _TryAgain) as error:
                self.close()
                if self._stop.is_set():
                    raise KeyboardInterrupt from None
                if wait_s is None:
                    overloaded = not isinstance(error, _TryAgain) or error.overloaded
                    sentence = f"{self.address} {_cause(error)}"
                    raise (Unreachable if overloaded else Refused)(sentence) from None
                asked_s = error.after_s if isinstance(error, _TryAgain) else 0.0
                self._stop.wait(min(max(wait_s, asked_s), _LONGEST_WAIT_S))
            except (AttributeError, ValueError):  # closed by another thread in the middle
                if self._stop.is_set():
                    raise KeyboardInterrupt from None
                raise
            except Refused as error:
                if error.code == TOKEN_UNSUPPORTED and self.address.user and not self._plain:
                    self._plain = True  # such as one whose users are of an LDAP directory
                    return self._tried(ask)
                if error.code in _CREDENTIALS:
                    raise Unreachable(str(error)) from None
                raise
        raise AssertionError

    def _open(self, method: str, params: Mapping[str, str | int]) -> http.client.HTTPResponse:
        connection = self._http
        if connection is None:
            kind = http.client.HTTPSConnection if self.address.tls else http.client.HTTPConnection
            connection = kind(self.address.host, self.address.port, timeout=_SILENT_S)
            self._http = connection
        query = urlencode({**self._credentials(), "v": _VERSION, "c": "partwise", "f": "json"})
        if params:
            query += "&" + urlencode(params)
        path = f"{self.address.prefix}/rest/{method}.view?{query}"
        connection.request("GET", path, headers={"User-Agent": "partwise", "Accept": "*/*"})
        answer = connection.getresponse()
        if answer.status in _TRY_AGAIN:
            after = answer.headers.get("Retry-After", "")
            raise _TryAgain(
                f"answers {method} with HTTP {answer.status}",
                float(after) if after.isascii() and after.isdigit() else 0.0,
                answer.status in _OVERLOADED,
            )
        if answer.status not in (200, 206):
            self.close()
            raise self._http_error(method, answer)
        return answer

    def _credentials(self) -> dict[str, str]:
        if not self.address.user:
            return {"apiKey": self._secret}
        if self._plain:
            return {"u": self.address.user, "p": f"enc:{self._secret.encode().hex()}"}
        salt = secrets.token_hex(8)
        # The protocol's own way to show that one knows the password.
        token = hashlib.md5((self._secret + salt).encode(), usedforsecurity=False).hexdigest()
        return {"u": self.address.user, "t": token, "s": salt}

    def _http_error(self, method: str, answer: http.client.HTTPResponse) -> PartwiseError:
        where = urlsplit(answer.headers.get("Location", ""))
        if 300 <= answer.status < 400:
            there = f"{where.scheme}://{where.netloc}" if where.netloc else "another address"
            return Unreachable(f"{self.address} leads on to {there}: name that, or its prefix")
        if answer.status in (401, 403):
            return Unreachable(f"{self.address} refuses this user (HTTP {answer.status})")
        sentence = f"{self.address} answers {method} with HTTP {answer.status}"
        if answer.status == 404 and method == "ping":
            sentence += ": is OpenSubsonic spoken there, under this prefix?"
        return Refused(sentence)

    # --- what comes back

    def _json(self, method: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        answer = self._open(method, params)
        data = answer.read(_MOST_JSON + 1)
        if len(data) > _MOST_JSON:
            self.close()
            raise Refused(f"{self.address} answers {method} with more than it can be asked for")
        return self._response(method, data)

    def _response(self, method: str, data: bytes) -> dict[str, Any]:
        try:
            said = json.loads(data)["subsonic-response"]
            status = said["status"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused(
                f"{self.address} answers {method}, but not as OpenSubsonic does"
            ) from None
        if status == "ok":
            return said
        error = said.get("error")
        error = error if isinstance(error, dict) else {}
        code, message = error.get("code"), str(error.get("message") or "no reason is given")
        sentence = f"{self.address} refuses {method}: {' '.join(message[:200].split())}"
        raise Refused(sentence, code if isinstance(code, int) else None)

    def _audio(self, path: Path, size: int, method: str, params: Mapping[str, str | int]) -> None:
        answer = self._open(method, params)
        kind = answer.headers.get_content_type()
        if kind.startswith("text/") or kind.endswith(("/json", "/xml", "+xml")):
            self._response(method, answer.read(_MOST_JSON))
            raise Refused(f"{self.address} answers {method} with {kind} and no audio")
        try:
            with _written(path) as file:
                got = self._pour(answer, file, size)
        except _NotWritten as error:
            raise PartwiseError(f"{path.parent}: {error}") from None
        declared = answer.headers.get("Content-Length", "")
        # Without a length or chunks, a connection that breaks looks like the end of the file.
        whole = int(declared) if declared.isascii() and declared.isdigit() else size
        if not answer.chunked and got < whole:
            raise _TryAgain(f"ended after {got} of {whole} bytes", overloaded=False)
        if not got:
            raise _TryAgain("sent an empty file", overloaded=False)

    def _pour(self, answer: http.client.HTTPResponse, file: BinaryIO, size: int) -> int:
        got, until_s = 0, time.monotonic() + _LIMIT_S + size / _LIMIT_BYTES_PER_S
        while block := answer.read(_BLOCK):
            if self._stop.is_set():
                raise KeyboardInterrupt
            got += len(block)
            if got > _MOST_AUDIO:
                self.close()
                raise Refused(f"{self.address} sends more than {_MOST_AUDIO >> 30} GB")
            if time.monotonic() > until_s:
                raise _TryAgain(f"is too slow: {got} bytes came in time", overloaded=False)
            with _disk():
                file.write(block)
        with _disk():
            file.flush()
        return got


class _NotWritten(Exception):
    """The disk, and not the server, is to blame."""


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NotWritten((error.strerror or str(error)).lower()) from None


def _written(path: Path) -> BinaryIO:
    with _disk():
        return open(path, "wb")


def _cause(error: Exception) -> str:
    if isinstance(error, _TryAgain):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"does not answer within {_SILENT_S:.0f} s"
    if isinstance(error, http.client.IncompleteRead):
        return "broke off in the middle of an answer"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be reached ({reason.lower()})"
