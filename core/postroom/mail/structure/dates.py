"""The Date field (RFC 5322 3.3 and 4.3) as SORT and SEARCH need it (RFC 5256 2.2)."""

from __future__ import annotations

import re
from datetime import date

MONTHS = {
    name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
ZONES = {
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "z": 0,
    "est": -300,
    "edt": -240,
    "cst": -360,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
}
EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400

_DATE = re.compile(
    r"\s*(?:[A-Za-z]{1,12}\s{0,9},?)?\s{0,9}(\d{1,2})[\s-]{1,9}([A-Za-z]{3})[A-Za-z]{0,9}[\s-]{1,9}(\d{2,4})"
    r"(?:[\s,]{1,9}(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:\s{0,9}([+-]\d{4}|[A-Za-z]{1,5}))?)?"
)


def parse(text: str) -> tuple[int, int] | None:
    """Milliseconds since 1970 UTC, and days since 1970 in the sender's own zone; None when there is no valid date in it.

    RFC 5256 2.2: a zone that cannot be read is UTC, a time that cannot be read is 00:00:00.
    """
    match = _DATE.match(text[:200])
    month = MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        return None
    try:
        day = date(_year(match[3]), month, int(match[1])).toordinal() - EPOCH
    except ValueError:
        return None
    hour, minute, second = (int(number or 0) for number in match.group(4, 5, 6))
    if hour > 23 or minute > 59 or second > 60:
        return day * DAY * 1000, day
    return (day * DAY + hour * 3600 + (minute - _zone(match[7] or "")) * 60 + second) * 1000, day


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)  # RFC 5322 4.3
    return year + 1900 if len(digits) == 3 else year


def _zone(zone: str) -> int:
    """Minutes east of Greenwich."""
    if zone[:1] not in {"+", "-"}:
        return ZONES.get(zone.lower(), 0)
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    if int(zone[3:]) > 59:
        return 0
    return -minutes if zone[0] == "-" else minutes
