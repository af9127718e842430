"""What a request asks, and who asks: its parameters, and the credentials that players send.

There is one secret, the server's token. It serves as the password of any user name and as API key.
Specification: https://opensubsonic.netlify.app/docs/api-reference/ (Authentication),
https://opensubsonic.netlify.app/docs/extensions/apikeyauth/ and, for forms,
https://opensubsonic.netlify.app/docs/extensions/formpost/
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from partwise.errors import PartwiseError
from partwise.parts import PartWeights
from partwise.web.subsonic.responses import API_VERSION, Code, Failure

# A playlist of some thousand songs is one form.
MAX_FORM_BYTES = 768 * 1024
MAX_FIELDS = 20_000
# What a user is called who gives no name.
OWNER = "partwise"
FORM = "application/x-www-form-urlencoded"
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)


class Params(Mapping[str, str]):
    """Parameters by name; ``all`` gives those that may be given several times.

    pairs : names and values as they came; of a name that is given twice, ``[]`` is the first value.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> list[str]:
        """Every value of a name, in order, without empty ones."""
        return [value for value in self._values.get(name, ()) if value]

    @property
    def user(self) -> str:
        """Who asks, by the name that they gave: there is one secret, and no list of users."""
        return self.get("u") or OWNER


def check_request(params: Mapping[str, str], token: str | None) -> None:
    """Raise Failure unless the request carries what every request must, and the right secret.

    token : None when the server asks for none; any user name and password will do then.
    """
    check_credentials(params, token)
    check_version(required(params, "v", empty=False))
    required(params, "c", empty=False)


def check_credentials(params: Mapping[str, str], token: str | None) -> None:
    """``apiKey`` alone, or ``u`` with ``p``, or ``u`` with ``t`` and ``s``."""
    if "apiKey" in params:
        if any(name in params for name in ("u", "p", "t", "s")):
            raise _conflict()
        if not _matches(params["apiKey"], token):
            raise Failure(Code.INVALID_API_KEY, "Invalid API key.")
        return
    required(params, "u", empty=False)
    if "p" in params:
        if "t" in params or "s" in params:
            raise _conflict()
        right = _matches(_password(params["p"]), token)
    else:
        given, salt = required(params, "t", empty=False), required(params, "s", empty=False)
        secret = None if token is None else _digest(token + salt)
        right = _matches(given.lower(), secret)
    if not right:
        raise Failure(Code.WRONG_CREDENTIALS, "Wrong username or password.")


def check_version(text: str) -> None:
    """Raise Failure for a protocol that this server does not speak, or no version at all."""
    match = _VERSION.fullmatch(text)
    if not match:
        raise Failure(Code.GENERIC, f"v is {text!r}: write the protocol as {API_VERSION}.")
    major, minor = int(match[1]), int(match[2])
    ours_major, ours_minor = (int(number) for number in API_VERSION.split(".")[:2])
    if major < ours_major:
        raise Failure(
            Code.CLIENT_MUST_UPGRADE,
            "Incompatible Subsonic REST protocol version. Client must upgrade.",
        )
    if (major, minor) > (ours_major, ours_minor):
        raise Failure(
            Code.SERVER_MUST_UPGRADE,
            "Incompatible Subsonic REST protocol version. Server must upgrade.",
        )


def _conflict() -> Failure:
    message = "Multiple conflicting authentication mechanisms provided."
    return Failure(Code.CONFLICTING_CREDENTIALS, message)


def _password(text: str) -> str:
    """The password itself; ``enc:`` marks one written in hexadecimal digits."""
    if not text.startswith("enc:"):
        return text
    try:
        return bytes.fromhex(text[len("enc:") :]).decode("utf-8")
    except ValueError:
        raise Failure(Code.WRONG_CREDENTIALS, "Wrong username or password.") from None


def _digest(text: str) -> str:
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def _matches(given: str, secret: str | None) -> bool:
    """Compares in constant time; True when there is no secret."""
    return secret is None or hmac.compare_digest(_bytes(given), _bytes(secret))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


async def read_params(request: Request) -> Params:
    """The parameters of the address and of a form. Raises Failure."""
    pairs = list(request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind == FORM:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                raise Failure(Code.GENERIC, f"The form is longer than {MAX_FORM_BYTES} bytes.")
        try:
            pairs += parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except ValueError:
            raise Failure(Code.GENERIC, "The form cannot be read as UTF-8 fields.") from None
    return Params(pairs)


def required(params: Mapping[str, str], name: str, empty: bool = True) -> str:
    """A parameter that must be there. empty : whether the specification lets it be empty."""
    if not params.get(name) and not (empty and name in params):
        raise Failure(Code.MISSING_PARAMETER, f"Required parameter is missing: {name}.")
    return params[name]


def number(params: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of at least ``least``; more than ``most`` counts as ``most``."""
    value = whole_number(params, name)
    if value is None:
        return default
    if value < least:
        raise Failure(Code.GENERIC, f"{name} is {value}: it must be at least {least}.")
    return min(value, most)


def whole_number(params: Mapping[str, str], name: str, digits: int = 9) -> int | None:
    """A whole number, or None when the parameter is not there or empty. digits : at most."""
    text = params.get(name, "").strip()
    return whole_number_of(name, text, digits) if text else None


def whole_number_of(name: str, text: str, digits: int = 9) -> int:
    """The number that a text is. Raises Failure, naming the parameter."""
    written = text.strip().removeprefix("-")
    if not (written.isascii() and written.isdigit() and len(written) <= digits):
        raise Failure(Code.GENERIC, f"{name} is {text!r}: it must be a whole number.")
    return int(text)


def part_weights(params: Mapping[str, str]) -> PartWeights | None:
    """``parts``, an addition of this server: ``drums=2,bass``. None for all parts."""
    text = params.get("parts", "").strip()
    if not text:
        return None
    try:
        return PartWeights.parse(text)
    except PartwiseError as error:
        raise Failure(Code.GENERIC, f"parts: {error}.") from None


def flag(params: Mapping[str, str], name: str, default: bool = False) -> bool:
    """``true`` or ``false``, also as 1 and 0."""
    text = params.get(name, "").strip().lower()
    if not text:
        return default
    if text not in ("true", "false", "1", "0"):
        raise Failure(Code.GENERIC, f"{name} is {text!r}: it must be true or false.")
    return text in ("true", "1")
