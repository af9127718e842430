"""What a request asks: parameters from its address and its form, as the specification has them.

Specification: https://opensubsonic.netlify.app/docs/api-reference/ and, for forms,
https://opensubsonic.netlify.app/docs/extensions/formpost/
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from partwise.errors import PartwiseError
from partwise.parts import PartWeights
from partwise.web.subsonic.responses import Code, Failure

MAX_FORM_BYTES = 256 * 1024
MAX_FIELDS = 1000
FORM = "application/x-www-form-urlencoded"


async def read_params(request: Request) -> dict[str, str]:
    """The parameters by name; of one that is given twice, the first. Raises Failure."""
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
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def required(params: Mapping[str, str], name: str) -> str:
    """A parameter that must be there; it may be empty where the specification lets it."""
    if name not in params:
        raise Failure(Code.MISSING_PARAMETER, f"Required parameter is missing: {name}.")
    return params[name]


def number(params: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of at least ``least``; more than ``most`` counts as ``most``."""
    value = optional_number(params, name)
    if value is None:
        return default
    if value < least:
        raise Failure(Code.GENERIC, f"{name} is {value}: it must be at least {least}.")
    return min(value, most)


def optional_number(params: Mapping[str, str], name: str) -> int | None:
    """A whole number, or None when the parameter is not there or empty."""
    text = params.get(name, "").strip()
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
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
