"""The year in a date as people and programs write it into tags."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

# Nothing older was recorded; pieces of that time are dated by some.
_FIRST, _LAST = 1500, 2199
_LOOKED_AT = 200  # characters: a tag may hold a book
# Digits in one: a day with its time, a day, a month. 20010503T120000, 20010503, 200105.
_COMPACT = re.compile(r"\s*(\d{4})(\d\d)(?:(\d\d)(?:T?\d{4}(?:\d\d)?)?)?(?!\d)", re.IGNORECASE)
_DAY_FIRST = re.compile(r"\s*(\d\d)(\d\d)(\d{4})(?!\d)")
# Days, months and hours may come before the year, and anything behind it.
_APART = re.compile(r"(?:\D*(?<!\d)\d{1,2}(?!\d))*\D*(?<!\d)(\d{4})(?!\d)")


def year_of(text: str) -> int | None:
    """The year of a date in any usual writing; None where there is none, or it is not clear.

    ``2001-05-03T12:00:00Z``, ``20010503``, ``200105``, ``03.05.2001``, ``May 2001``, ``c. 1999``;
    of several years the first. No year: ``0000``, ``03.05.01``, and digits that are no date.
    """
    text = unicodedata.normalize("NFKC", text[:_LOOKED_AT])
    if found := _COMPACT.match(text):
        year, month, day = (int(digits or 0) for digits in found.groups())
        if _is_day(year, month, day):
            return year
    if found := _DAY_FIRST.match(text):
        one, other, year = map(int, found.groups())
        if _is_day(year, other, one) or _is_day(year, one, other):
            return year
    found = _APART.match(text)
    year = int(found[1]) if found else 0
    return year if _FIRST <= year <= _LAST else None


def _is_day(year: int, month: int, day: int) -> bool:
    """Whether there is such a day; a month and a day of 0 are unknown."""
    if not _FIRST <= year <= _LAST or (day and not month):
        return False
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return False
    return True
