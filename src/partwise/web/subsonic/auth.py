"""Who may ask, by the credentials that players know how to send.

There is one secret, the server's token. It serves as the password of any user name and as API key.
Specification: https://opensubsonic.netlify.app/docs/api-reference/ (Authentication) and
https://opensubsonic.netlify.app/docs/extensions/apikeyauth/
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from partwise.web.subsonic.responses import API_VERSION, Code, Failure

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", re.ASCII)


def check_request(params: Mapping[str, str], token: str | None) -> None:
    """Raise Failure unless the request carries what every request must, and the right secret.

    token : None when the server asks for none; any user name and password will do then.
    """
    check_credentials(params, token)
    check_version(_needed(params, "v"))
    _needed(params, "c")


def check_credentials(params: Mapping[str, str], token: str | None) -> None:
    """``apiKey`` alone, or ``u`` with ``p``, or ``u`` with ``t`` and ``s``."""
    if "apiKey" in params:
        if any(name in params for name in ("u", "p", "t", "s")):
            raise Failure(
                Code.CONFLICTING_CREDENTIALS,
                "Multiple conflicting authentication mechanisms provided.",
            )
        if not _matches(params["apiKey"], token):
            raise Failure(Code.INVALID_API_KEY, "Invalid API key.")
        return
    _needed(params, "u")
    if "p" in params:
        if "t" in params or "s" in params:
            raise Failure(
                Code.CONFLICTING_CREDENTIALS,
                "Multiple conflicting authentication mechanisms provided.",
            )
        right = _matches(_password(params["p"]), token)
    else:
        given, salt = _needed(params, "t"), _needed(params, "s")
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


def _needed(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise Failure(Code.MISSING_PARAMETER, f"Required parameter is missing: {name}.")
    return params[name]


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
