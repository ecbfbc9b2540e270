"""Which messages of a mailbox a search key means (RFC 9051 section 6.4.4). Results are masks (see ``masks``).

Keys about flags, numbers and dates are answered from the snapshot in memory, at once. Those about header fields need columns that are
loaded from the database; those about texts ask the full-text index. So of several keys that must all hold the cheap ones are asked
first, and the others only about what is left.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from . import headed, masks
from .place import Matcher, Place
from .sayings import SAYINGS
from .spans import SPANS

if TYPE_CHECKING:
    from .grammar.numbers import NumberSet
    from .grammar.searching import Key

THREAD = re.compile(r"T[0-9a-f]{16}")  # case matters (RFC 8474 section 7)
EMAIL = "SELECT uid FROM message WHERE mailbox_id = ? AND email = ?"


def match(place: Place, key: Key, among: int) -> int:
    """Those of ``among`` for which the key holds. Raises Bad, No, StoreUnavailable."""
    place.check()
    return MATCHERS[key.name].find(place, key.values, among) & among if among else 0


def _price(key: Key) -> int:
    if key.name in {b"AND", b"OR", b"NOT"}:
        return max(map(_price, key.values))
    return MATCHERS[key.name].price


# --- keys of keys


def _and(place: Place, keys: tuple[Key, ...], among: int) -> int:
    for key in sorted(keys, key=_price):
        among = match(place, key, among)
    return among


def _or(place: Place, keys: tuple[Key, ...], among: int) -> int:
    found = 0
    for key in sorted(keys, key=_price):
        found |= match(place, key, masks.without(among, found))
    return found


def _not(place: Place, keys: tuple[Key, ...], among: int) -> int:
    return masks.without(among, match(place, keys[0], among))


# --- numbers


def _set(place: Place, values: tuple[NumberSet], among: int) -> int:
    view = place.view
    assert view is not None  # the commands see to it
    return _rows(place, view.ranges(values[0], uid=values[0].saved))


def _uid(place: Place, values: tuple[NumberSet], among: int) -> int:
    uids, view = place.columns.uids, place.view
    if view is not None:
        return _rows(place, view.ranges(values[0], uid=True))
    pairs = values[0].resolved(uids[-1] if uids else 0)
    return masks.of_ranges([range(bisect_left(uids, low), bisect_right(uids, high)) for low, high in pairs], len(uids))


def _rows(place: Place, positions: list[range]) -> int:
    view, count = place.view, len(place.columns)
    assert view is not None
    if view.uids is place.columns.uids:
        return masks.of_ranges(positions, count)
    return masks.of_indexes((view.row(position) for one in positions for position in one), count)


# --- flags


def _flag(place: Place, values: tuple[int, bool], among: int) -> int:
    bit, wanted = values
    table = bytes(bool(flags & bit) == wanted for flags in range(256))
    return int.from_bytes(place.columns.flags.translate(table), "little")


def _keyword(place: Place, values: tuple[str, bool], among: int) -> int:
    word, wanted = values
    columns = place.columns
    having = (columns.position(uid) for uid, words in columns.keywords.items() if word in words.lower().split())
    found = masks.of_indexes(having, len(columns))
    return found if wanted else masks.without(among, found)


def _recent(place: Place, values: tuple[()], among: int) -> int:
    uids = place.columns.uids
    first = place.view.recent if place.view is not None else 1 << 32
    return masks.of_ranges([range(bisect_left(uids, first), len(uids))], len(uids))


def _old(place: Place, values: tuple[()], among: int) -> int:
    return masks.without(among, _recent(place, values, among))


def _new(place: Place, values: tuple[()], among: int) -> int:
    return _recent(place, values, among) & _flag(place, (1, False), among)


# --- identities (RFC 8474)


def _email(place: Place, values: tuple[str], among: int) -> int:
    try:
        number = int(values[0][1:], 16) if values[0][:1] == "M" else -1
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 63:
        return 0
    rows = place.context.db.read_slow(lambda tx: tx.execute(EMAIL, (place.columns.mailbox_id, number)))
    return masks.of_indexes((place.columns.position(row[0]) for row in rows), len(place.columns))


def _thread(place: Place, values: tuple[str], among: int) -> int:
    if not THREAD.fullmatch(values[0]):
        return 0
    number = int(values[0][1:], 16)
    numbers = headed.threads(place.context, place.columns, place.check)
    return place.aside(lambda: masks.of([one == number for one in numbers]))


def _everything(place: Place, values: tuple[()], among: int) -> int:
    return among


MATCHERS: dict[bytes, Matcher] = {
    **SPANS,
    **SAYINGS,
    b"AND": Matcher(_and),
    b"OR": Matcher(_or),
    b"NOT": Matcher(_not),
    b"ALL": Matcher(_everything),
    b"SET": Matcher(_set),
    b"UID": Matcher(_uid),
    b"FLAG": Matcher(_flag),
    b"KEYWORD": Matcher(_keyword),
    b"RECENT": Matcher(_recent),
    b"OLD": Matcher(_old),
    b"NEW": Matcher(_new),
    b"SAVEDATESUPPORTED": Matcher(_everything),  # RFC 8514 section 4.3
    b"EMAILID": Matcher(_email, 1),
    b"THREADID": Matcher(_thread, 1),
}
