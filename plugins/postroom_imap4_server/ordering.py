"""The order of messages that SORT asks for (RFC 5256 section 3, RFC 5957). Orders of whole mailboxes are kept with their
snapshots, and carried to the next ones.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Sequence
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from . import carried, gentle, headed, masks

if TYPE_CHECKING:
    from postroom.store.columns import Columns

    from .grammar.sorting import Criterion
    from .place import Place

HEADED = {  # the column of store.headings; its texts are folded already
    b"CC": "cc_key",
    b"FROM": "from_key",
    b"SUBJECT": "base_subject",
    b"TO": "to_key",
    b"DISPLAYFROM": "display_from",
    b"DISPLAYTO": "display_to",
}
HELD = {b"ARRIVAL": "received", b"SIZE": "sizes"}  # the column of the snapshot
MOST_ORDERS = 8  # of one mailbox; clients use one or two
FEW = 300  # new messages that are put into an order one by one

Keys = list[tuple[Sequence[Any], bool]]  # the values of a criterion, and whether they are reversed


def ordered(place: Place, criteria: tuple[Criterion, ...], mask: int) -> Sequence[int]:
    """The rows of the snapshot that belong to ``mask``, in this order. Raises No, StoreUnavailable."""
    columns = place.columns
    uids, order = columns.held.get(("order", criteria), (None, array("I")))
    if uids is not columns.uids:
        headed.several(place.context, columns, [HEADED[one.name] for one in criteria if one.name in HEADED], place.check)
        keys = [(_keys(place, one.name), one.reverse) for one in criteria]
        stays = carried.remaining(uids, columns.uids) if uids is not None else None
        order = place.aside(lambda: _sorted(len(columns), keys) if stays is None else _renewed(order, stays, len(columns), keys))
        _remember(columns, criteria, order)
    if mask == masks.full(len(columns)):
        return order
    member = mask.to_bytes(len(columns), "little")
    return place.aside(lambda: [row for row in order if member[row]])


def _remember(columns: Columns, criteria: tuple[Criterion, ...], order: array[int]) -> None:
    orders = [key for key in columns.held if key[0] == "order"]
    if len(orders) >= MOST_ORDERS and ("order", criteria) not in orders:
        columns.held.pop(orders[0], None)
    columns.held["order", criteria] = columns.uids, order


def _sorted(count: int, keys: Keys) -> array[int]:
    """From the last criterion to the first: sorting is stable, so what is equal keeps the order of sequence numbers, reversed or not."""
    rows = list(range(count))
    for values, reverse in reversed(keys):
        rows = gentle.ordered(rows, values.__getitem__, reverse=reverse)
    return array("I", rows)


def _renewed(old: array[int], stays: list[slice], count: int, keys: Keys) -> array[int]:
    """The order of ``count`` rows, of which the first are the parts ``stays`` of those in the order ``old``."""
    numbers, known = [-1] * len(old), 0
    for part in stays:
        numbers[part] = range(known, known := known + part.stop - part.start)
    if count - known > FEW:
        return _sorted(count, keys)
    order = array("I", [row for row in map(numbers.__getitem__, old) if row >= 0])

    def rank(row: int) -> list[Any]:
        return [backwards(values[row]) if reverse else values[row] for values, reverse in keys]

    for row in range(known, count):  # behind those that are equal, as their numbers are
        insort(order, row, key=rank)
    return order


def _opposite(one: Any, other: Any) -> int:
    return int(one < other) - int(one > other)


backwards = cmp_to_key(_opposite)  # of two values the greater one is less


def _keys(place: Place, name: bytes) -> Sequence[Any]:
    if name in HELD:
        found: Sequence[Any] = getattr(place.columns, HELD[name])
        return found
    if name in HEADED:
        return headed.column(place.context, place.columns, HEADED[name], place.check)
    return sent(place)


def sent(place: Place) -> list[int]:
    """When each message was sent, in ms: without a date of its own, when it arrived (RFC 5256 section 2.2)."""
    dates = headed.column(place.context, place.columns, "sent_at", place.check)
    return [at if date is None else date for date, at in zip(dates, place.columns.received, strict=True)]
