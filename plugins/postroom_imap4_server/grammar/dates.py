"""Dates as clients write them: ``1-Feb-1994`` and ``"17-Jul-1996 02:44:25 -0700"`` (RFC 9051 section 9)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from .writing import MONTHS

if TYPE_CHECKING:
    from .reader import Reader

_DATE = re.compile(rb'("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1')
_DATE_TIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
_NUMBERS = {month.upper().encode(): number for number, month in enumerate(MONTHS, 1)}


def read_date(reader: Reader) -> date:
    """A date of a search key. Raises Bad."""
    found = _DATE.match(reader.buffer, reader.at)
    if found is None or found[3].upper() not in _NUMBERS:
        raise reader.bad("a date like 1-Feb-1994 was expected")
    try:
        value = date(int(found[4]), _NUMBERS[found[3].upper()], int(found[2]))
    except ValueError:
        raise reader.bad("there is no such date") from None
    reader.at = found.end()
    return value


def read_date_time(reader: Reader) -> int:
    """A date with time, as milliseconds since 1970. Raises Bad."""
    found = _DATE_TIME.match(reader.buffer, reader.at)
    if found is None or found[2].upper() not in _NUMBERS:
        raise reader.bad('a date and time like "17-Jul-1996 02:44:25 -0700" was expected')
    day, year, hour, minute, second = (int(found[group]) for group in (1, 3, 4, 5, 6))
    zone = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        at = datetime(
            year, _NUMBERS[found[2].upper()], day, hour, minute, min(second, 59), tzinfo=timezone(-zone if found[7] == b"-" else zone)
        )
        at = at.astimezone(UTC)  # OverflowError: a year beyond 1 to 9999 could be told to nobody
        milliseconds = int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
    except (ValueError, OverflowError):
        raise reader.bad("there is no such date and time") from None
    reader.at = found.end()
    return milliseconds
