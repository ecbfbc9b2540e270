"""Moments as people write them on the command line."""

from __future__ import annotations

import time
from datetime import datetime

from .failures import Failure

LAST = 253_402_300_800.0  # epoch seconds of the end of the year 9999


def moment(text: str, now: float | None = None) -> int:
    """The ms since 1970 of "2h" (ago) or of a date and time, which is local unless it says otherwise. Raises Failure.

    ``now``: epoch seconds, for tests.
    """
    from ..config.types import parse_duration

    current = time.time() if now is None else now
    try:
        found = current - parse_duration(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text.strip()).timestamp()
        except (ValueError, OverflowError):
            raise Failure(f"{text!r} is neither a time ago, such as 2h or 3d, nor a date such as 2026-05-31 or 2026-05-31T14:30") from None
    if not 0 <= found <= current:
        raise Failure(f"{text!r} is not in the past")
    return int(found * 1000)


def coming(text: str, now: float | None = None) -> int:
    """The ms since 1970 of "2h" (from now) or of a date and time, which is local unless it says otherwise. Raises Failure.

    ``now``: epoch seconds, for tests.
    """
    from ..config.types import parse_duration

    current = time.time() if now is None else now
    try:
        found = current + parse_duration(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text.strip()).timestamp()
        except (ValueError, OverflowError):
            raise Failure(f"{text!r} is neither a time from now, such as 2h or 3d, nor a date such as 2026-05-31T14:30") from None
    if not current < found < LAST:
        raise Failure(f"{text!r} is not in the future")
    return int(found * 1000)
