"""The order of messages that SORT asks for (RFC 5256 section 3, RFC 5957). Orders of whole mailboxes are kept with their snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import gentle, headed, masks

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


def ordered(place: Place, criteria: tuple[Criterion, ...], mask: int) -> Sequence[int]:
    """The rows of the snapshot that belong to ``mask``, in this order. Raises No, StoreUnavailable."""
    columns = place.columns
    order: list[int] | None = columns.memo.get(("order", criteria))
    if order is None:
        headed.several(place.context, columns, [HEADED[one.name] for one in criteria if one.name in HEADED], place.check)
        keys = [(_keys(place, one.name), one.reverse) for one in criteria]
        order = place.aside(lambda: _sorted(len(columns), keys))
        _remember(columns, criteria, order)
    if mask == masks.full(len(columns)):
        return order
    member = mask.to_bytes(len(columns), "little")
    return place.aside(lambda: [row for row in order if member[row]])


def _remember(columns: Columns, criteria: tuple[Criterion, ...], order: list[int]) -> None:
    orders = [key for key in columns.memo if key[0] == "order"]
    if len(orders) >= MOST_ORDERS:
        columns.memo.pop(orders[0], None)
    columns.memo["order", criteria] = order


def _sorted(count: int, keys: list[tuple[Sequence[Any], bool]]) -> list[int]:
    """From the last criterion to the first: sorting is stable, so what is equal keeps the order of sequence numbers, reversed or not."""
    rows = list(range(count))
    for values, reverse in reversed(keys):
        rows = gentle.ordered(rows, values.__getitem__, reverse=reverse)
    return rows


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
