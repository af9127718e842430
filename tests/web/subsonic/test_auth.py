"""Every way to say the secret, and every way to get it wrong."""

from __future__ import annotations

import pytest

from partwise.web.subsonic.requests import check_request
from partwise.web.subsonic.responses import Code, Failure

COMMON = {"v": "1.16.1", "c": "test"}
# The example of the specification: md5("sesame" + "c19b2d").
DIGEST = "26719a1196d2a940705a59634eb18eab"

RIGHT = [
    {"u": "joe", "p": "sesame"},
    {"u": "joe", "p": "enc:736573616d65"},
    {"u": "joe", "t": DIGEST, "s": "c19b2d"},
    {"u": "joe", "t": DIGEST.upper(), "s": "c19b2d"},
    {"apiKey": "sesame"},
]
WRONG = [
    ({"u": "joe", "p": "Sesame"}, Code.WRONG_CREDENTIALS),
    ({"u": "joe", "p": ""}, Code.WRONG_CREDENTIALS),
    ({"u": "joe", "p": "enc:zz"}, Code.WRONG_CREDENTIALS),
    ({"u": "joe", "p": "enc:ff"}, Code.WRONG_CREDENTIALS),
    ({"u": "joe", "p": "\u00e9\ud800"}, Code.WRONG_CREDENTIALS),
    ({"u": "joe", "t": DIGEST, "s": "c19b2e"}, Code.WRONG_CREDENTIALS),
    ({"apiKey": "sesam"}, Code.INVALID_API_KEY),
    ({"apiKey": ""}, Code.INVALID_API_KEY),
]
UNCLEAR = [
    ({}, Code.MISSING_PARAMETER),
    ({"p": "sesame"}, Code.MISSING_PARAMETER),
    ({"u": "joe"}, Code.MISSING_PARAMETER),
    ({"u": "joe", "t": DIGEST}, Code.MISSING_PARAMETER),
    ({"u": "joe", "s": "c19b2d"}, Code.MISSING_PARAMETER),
    ({"u": "joe", "apiKey": "sesame"}, Code.CONFLICTING_CREDENTIALS),
    ({"p": "sesame", "apiKey": "sesame"}, Code.CONFLICTING_CREDENTIALS),
    ({"u": "joe", "p": "sesame", "t": DIGEST, "s": "c19b2d"}, Code.CONFLICTING_CREDENTIALS),
]


def refusal(params: dict[str, str], token: str | None) -> Code:
    with pytest.raises(Failure) as refused:
        check_request(params, token)
    return refused.value.code


@pytest.mark.parametrize("credentials", RIGHT)
def test_the_token_is_password_and_api_key(credentials: dict[str, str]) -> None:
    check_request({**COMMON, **credentials}, "sesame")


@pytest.mark.parametrize(("credentials", "code"), [*WRONG, *UNCLEAR])
def test_what_does_not_say_the_token_is_refused(credentials: dict[str, str], code: Code) -> None:
    assert refusal({**COMMON, **credentials}, "sesame") == code


def test_without_a_token_anybody_may_ask_in_a_form_that_players_send() -> None:
    for credentials in (*RIGHT, {"u": "anyone", "p": "anything"}):
        check_request({**COMMON, **credentials}, None)
    for credentials, code in UNCLEAR:
        assert refusal({**COMMON, **credentials}, None) == code


def test_secrets_may_be_any_text() -> None:
    check_request({**COMMON, "u": "joe", "p": "schlüssel"}, "schlüssel")
    check_request({**COMMON, "u": "joe", "p": "enc:" + "schlüssel".encode().hex()}, "schlüssel")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": ""}, Code.MISSING_PARAMETER),
        ({"c": ""}, Code.MISSING_PARAMETER),
        ({"v": "new"}, Code.GENERIC),
        ({"v": "0.9.0"}, Code.CLIENT_MUST_UPGRADE),
        ({"v": "1.17.0"}, Code.SERVER_MUST_UPGRADE),
        ({"v": "2.0.0"}, Code.SERVER_MUST_UPGRADE),
    ],
)
def test_version_and_client_are_needed(change: dict[str, str], code: Code) -> None:
    assert refusal({**COMMON, "apiKey": "sesame", **change}, "sesame") == code


def test_older_clients_are_served() -> None:
    for version in ("1.1.0", "1.13.0", "1.16"):
        check_request({"v": version, "c": "test", "apiKey": "sesame"}, "sesame")
