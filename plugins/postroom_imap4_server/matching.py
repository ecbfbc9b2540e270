"""Which messages of a mailbox a search key means (RFC 9051 section 6.4.4). Results are masks (see ``masks``).

Keys about flags, numbers and dates are answered from the snapshot in memory, at once. Those about header fields need columns that are
loaded from the database; those about texts ask the full-text index. So of several keys that must all hold the cheap ones are asked
first, and the others only about what is left.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from postroom.store.fulltext.index import FullText, Scope
from postroom.store.fulltext.needle import Needle

from . import headed, masks, prefixed

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.store.columns import Columns
    from postroom.store.mailboxes import Folder

    from .grammar.numbers import NumberSet
    from .grammar.searching import Key
    from .view import View

T = TypeVar("T")
DAY = 86_400_000  # ms
SMALL = 20_000  # messages; passes over a larger mailbox are made off the hub
EMAIL = "SELECT uid FROM message WHERE mailbox_id = ? AND email = ?"
NAMED = {"subject": "subject", "from": "sender", "to": "recipient", "cc": "cc", "bcc": "bcc"}  # field: column of store.headings


class Place(NamedTuple):
    """The mailbox that is searched. ``view``: as the client sees it, None when it is not selected."""

    context: Context
    folder: Folder  # as of now
    columns: Columns
    view: View | None
    now: float  # seconds since 1970
    check: Callable[[], None]  # called now and then; raises when it takes too long

    @property
    def all(self) -> int:
        """All messages that the client has been told of."""
        uids = self.columns.uids
        if self.view is None or self.view.uids is uids:
            return masks.full(len(uids))
        return masks.full(bisect_right(uids, self.view.uids[-1]) if self.view.uids else 0)

    def aside(self, work: Callable[[], T]) -> T:
        """Do a pass over the snapshot: here, or off the hub when it is large."""
        if len(self.columns) <= SMALL:
            return work()
        found: T = self.context.offload(work)
        return found


def match(place: Place, key: Key, among: int) -> int:
    """Those of ``among`` for which the key holds. Raises Bad, No, StoreUnavailable."""
    place.check()
    return MATCHERS[key.name].find(place, key.values, among) & among if among else 0


Find = Callable[[Place, tuple[Any, ...], int], int]


class Matcher(NamedTuple):
    """How a key is answered, and how dear that is: 0 from memory, 1 with columns from the database, 2 with the texts."""

    find: Find
    price: int = 0


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


# --- figures of the snapshot: name of the column, the least value that fits, and the first that does not any more


def _between(name: str, bounds: Callable[[int, float], tuple[int, int]]) -> Matcher:
    def find(place: Place, values: tuple[int], among: int) -> int:
        low, high = bounds(values[0], place.now)
        column = getattr(place.columns, name)
        return place.aside(lambda: masks.of([low <= value < high for value in column]))

    return Matcher(find)


ENDLESS = 1 << 80


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


# --- what headers say


def _sent(bounds: Callable[[int, float], tuple[int, int]]) -> Matcher:
    """By the date that the sender has written, in the sender's zone (RFC 9051 section 6.4.4); a message without one is never meant."""

    def find(place: Place, values: tuple[int], among: int) -> int:
        low, high = bounds(values[0], place.now)
        days = headed.column(place.context, place.columns, "sent_day", place.check)
        return place.aside(lambda: masks.of([day is not None and low <= day * DAY < high for day in days]))

    return Matcher(find, 1)


def _envelope(name: str) -> Matcher:
    def find(place: Place, values: tuple[str], among: int) -> int:
        text = Needle(values[0]).text
        if not text:
            return among
        texts = headed.folded(place.context, place.columns, NAMED[name], place.check)
        return place.aside(lambda: masks.of([text in one for one in texts]))

    return Matcher(find, 1)


def _header(place: Place, values: tuple[str, str], among: int) -> int:
    name, text = values
    if text and name.lower() in NAMED:
        return MATCHERS[name.upper().encode()].find(place, (text,), among)
    return _search(place, text, Scope.FIELD, among, name)


# --- texts


def _body(place: Place, values: tuple[str], among: int) -> int:
    return _search(place, values[0], Scope.BODY, among)


def _text(place: Place, values: tuple[str], among: int) -> int:
    return _search(place, values[0], Scope.TEXT, among)


def _search(place: Place, text: str, scope: Scope, among: int, field: str = "") -> int:
    """Ask the full-text index, and look at the lines that each copy has for itself."""
    context, columns, needle = place.context, place.columns, Needle(text)
    if not needle.text and not field:
        return among
    blobs = list(masks.chosen(among, columns.blobs))
    fresh = _fresh(place, among)
    fulltext = FullText(context.db, context.blobs, context.offload)
    hits = fulltext.search(place.folder.account_id, blobs, fresh, needle, scope, field, place.check)
    found = place.aside(lambda: masks.of([blob in hits for blob in columns.blobs])) & among
    if scope is Scope.BODY or found == among or (field and not prefixed.may_hold(columns, field)):
        return found
    uids = prefixed.having(context, columns, needle, field, place.check)
    return found | masks.of_indexes(map(columns.position, uids), len(columns))


def _fresh(place: Place, among: int) -> list[int]:
    """Blobs of the messages that are not digested yet: the last ones."""
    columns = place.columns
    first = bisect_right(columns.uids, place.folder.digested)
    member = among.to_bytes(len(columns), "little")[first:]
    return list(compress(columns.blobs[first:], member))


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


def _everything(place: Place, values: tuple[()], among: int) -> int:
    return among


def _nothing(place: Place, values: tuple[Any, ...], among: int) -> int:
    return 0


MATCHERS: dict[bytes, Matcher] = {
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
    b"BEFORE": _between("received", _before),
    b"ON": _between("received", _on),
    b"SINCE": _between("received", _since),
    b"SAVEDBEFORE": _between("saved", _before),
    b"SAVEDON": _between("saved", _on),
    b"SAVEDSINCE": _between("saved", _since),
    b"SAVEDATESUPPORTED": Matcher(_everything),  # RFC 8514 section 4.3
    b"LARGER": _between("sizes", _larger),
    b"SMALLER": _between("sizes", _smaller),
    b"OLDER": _between("received", _older),
    b"YOUNGER": _between("received", _younger),
    b"MODSEQ": _between("modseqs", _modseq),
    b"SENTBEFORE": _sent(_before),
    b"SENTON": _sent(_on),
    b"SENTSINCE": _sent(_since),
    **{name.upper().encode(): _envelope(name) for name in NAMED},
    b"HEADER": Matcher(_header, 2),
    b"BODY": Matcher(_body, 2),
    b"TEXT": Matcher(_text, 2),
    b"EMAILID": Matcher(_email, 1),
    b"THREADID": Matcher(_nothing),  # messages have none (RFC 8474 section 5.2 allows NIL)
}
