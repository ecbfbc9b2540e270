"""How the recipients of a queued message stand, in words: why each waits, and what happens next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .trace import when

if TYPE_CHECKING:
    from ..queue.manage import Queued, QueuedAddress

SHOWN = 20  # recipients that are told one by one


def told(item: Queued, recipients: Sequence[QueuedAddress], number: str, now: int) -> Iterator[str]:
    """The lines for people: a head, and one for each of the first recipients. ``number``: the id as it is typed; ``now``: ms since 1970."""
    yield f"{when(now)}  still in the queue: `postroom explain --message {number}` tells by which way each would go now"
    yield from (f"    {one.address}: {standing(item, one, number, now)}" for one in recipients[:SHOWN])
    if len(recipients) > SHOWN:
        yield f"    and {len(recipients) - SHOWN} more: `postroom queue show {number}`"


def standing(item: Queued, one: QueuedAddress, number: str, now: int) -> str:
    """Why this recipient waits, and until when."""
    return STATES[one.state](item, one, number, now)


def _held(item: Queued, one: QueuedAddress, number: str, now: int) -> str:
    return f"held: {item.reason or 'by hand'}; `postroom queue release {number}` lets it go"


def _on_timer(item: Queued, one: QueuedAddress, number: str, now: int) -> str:
    return f"held until {when(one.next_try)}: {item.reason or 'by hand'}"


def _being_sent(item: Queued, one: QueuedAddress, number: str, now: int) -> str:
    return "a worker has it in hand: it is being sent, or waits for its turn there"


def _waiting(item: Queued, one: QueuedAddress, number: str, now: int) -> str:
    due = one.next_try <= now
    if one.waits_for:
        sender, _, site = one.waits_for.partition(" ")
        again = "now" if due else when(one.next_try)
        return f"waits until {site or 'the relay'} works again (sender {sender}); it is looked at again {again}; {one.last_reply}"
    if one.attempts:
        after = f"after {one.attempts} attempt{'s' if one.attempts > 1 else ''}"
        return f"{after} the next is due, by a connection that takes it" if due else f"{after} the next is made {when(one.next_try)}"
    if one.last_reply and not due:  # what a plugin said when it was looked at
        return f"not tried before {when(one.next_try)}: {one.last_reply}"
    if one.last_reply:
        return f"not tried yet: {one.last_reply}"
    return "not tried yet: it waits for a connection that takes it" if due else f"not tried before {when(one.next_try)}"


STATES: Mapping[str, Callable[[Queued, QueuedAddress, str, int], str]] = {
    "held": _held,
    "held on timer": _on_timer,
    "being sent": _being_sent,
    "waiting": _waiting,
}
