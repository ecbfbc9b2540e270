"""Search keys about figures: sizes, dates, ages and modseqs between two bounds (RFC 9051 section 6.4.4)."""

from __future__ import annotations

from collections.abc import Callable

from . import headed, masks
from .place import Matcher, Place

DAY = 86_400_000  # ms
ENDLESS = 1 << 80

Bounds = Callable[[int, float], tuple[int, int]]  # of a key's number, and of now: the least value that fits, the first that does not


def _between(name: str, bounds: Bounds) -> Matcher:
    def find(place: Place, values: tuple[int], among: int) -> int:
        low, high = bounds(values[0], place.now)
        column = getattr(place.columns, name)
        return place.aside(lambda: masks.of([low <= value < high for value in column]))

    return Matcher(find)


def _before(day: int, now: float) -> tuple[int, int]:
    return -ENDLESS, day * DAY


def _on(day: int, now: float) -> tuple[int, int]:
    return day * DAY, (day + 1) * DAY


def _since(day: int, now: float) -> tuple[int, int]:
    return day * DAY, ENDLESS


def _larger(size: int, now: float) -> tuple[int, int]:
    return size + 1, ENDLESS


def _smaller(size: int, now: float) -> tuple[int, int]:
    return -ENDLESS, size


def _older(seconds: int, now: float) -> tuple[int, int]:
    return -ENDLESS, int((now - seconds) * 1000) + 1  # RFC 5032 section 3: as old as that, or older


def _younger(seconds: int, now: float) -> tuple[int, int]:
    return int((now - seconds) * 1000), ENDLESS


def _modseq(modseq: int, now: float) -> tuple[int, int]:
    return modseq, ENDLESS


def _sent(bounds: Bounds) -> Matcher:
    """By the date that the sender has written, in the sender's zone (RFC 9051 section 6.4.4); a message without one is never meant."""

    def find(place: Place, values: tuple[int], among: int) -> int:
        low, high = bounds(values[0], place.now)
        days = headed.column(place.context, place.columns, "sent_day", place.check)
        return place.aside(lambda: masks.of([day is not None and low <= day * DAY < high for day in days]))

    return Matcher(find, 1)


SPANS: dict[bytes, Matcher] = {
    b"BEFORE": _between("received", _before),
    b"ON": _between("received", _on),
    b"SINCE": _between("received", _since),
    b"SAVEDBEFORE": _between("saved", _before),
    b"SAVEDON": _between("saved", _on),
    b"SAVEDSINCE": _between("saved", _since),
    b"LARGER": _between("sizes", _larger),
    b"SMALLER": _between("sizes", _smaller),
    b"OLDER": _between("received", _older),
    b"YOUNGER": _between("received", _younger),
    b"MODSEQ": _between("modseqs", _modseq),
    b"SENTBEFORE": _sent(_before),
    b"SENTON": _sent(_on),
    b"SENTSINCE": _sent(_since),
}
