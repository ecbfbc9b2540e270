"""``postroom explain --message``: why a message of the queue waits, and by which way each of its recipients would go now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from .failures import Failure

if TYPE_CHECKING:
    from ..app import App
    from ..queue.manage import Queued, QueuedAddress
    from ..store.database import Row
    from .ways import Question

LETTER = (
    'SELECT sender, "user", size, queued_at, priority, blob_id, prefix, body, smtputf8, requiretls, client_address, local_origin,'
    " recipients FROM outgoing WHERE id = ?"
)
VIA = "SELECT id, via FROM outgoing_recipient WHERE outgoing_id = ?"


def explained(app: App, number: int, address: str | None) -> dict[str, Any]:
    """What ``--json`` prints: the message, and how each recipient stands (or ``address`` alone). Raises Failure."""
    from .. import ids
    from ..queue.manage import NotQueued, OutQueue
    from .standing import SHOWN
    from .trace import when

    now, word = time.time_ns() // 1_000_000, ids.text(number)
    try:
        item, everybody = OutQueue(app.context.db, app.context.blobs).show(number, now)
    except NotQueued:
        raise Failure(f"{word} is not in the queue (any more): `postroom trace {word}` tells what became of it") from None
    wanted = [one for one in everybody if address in (None, one.address, one.original)]
    if address is not None and not wanted:
        raise Failure(f"{address} is no recipient of {word} that waits; `postroom queue show {word}` lists them")
    row = app.context.db.read(lambda tx: tx.one(LETTER, (number,)))
    via: dict[int, str] = dict(app.context.db.read_slow(lambda tx: tx.execute(VIA, (number,))))
    found = [_recipient(app, item, one, via.get(one.id, ""), row, now) for one in wanted[:SHOWN]] if row is not None else []
    facts = {"message": word, "sender": item.sender, "queued_at": when(item.queued_at), "size": item.size, "priority": item.priority}
    facts["gives_up"] = when(item.queued_at + int(app.context.config.queue.give_up * 1000))
    return facts | {"recipients": found, "more": len(wanted) - len(found)}


def _recipient(app: App, item: Queued, one: QueuedAddress, via: str, row: Row, now: int) -> dict[str, Any]:
    from .. import ids
    from .standing import standing
    from .ways import public, ways

    found = ways(app, _question(app, item, one, via, row, now), now / 1000)
    return {
        "address": one.address,
        "channel": one.channel,
        "server": one.via or None,
        "state": one.state,
        "standing": standing(item, one, ids.text(item.id), now),
        "last_reply": one.last_reply,
        "connections": [way.name for way in found if way.takes],
        "ways": [public(way) for way in found],
    }


def _question(app: App, item: Queued, one: QueuedAddress, via: str, row: Row, now: int) -> Question:
    """The message with this recipient, as senders and filters see it."""
    from .. import ids
    from ..provided import Outgoing, QueuedRecipient
    from ..sending.conditions import Candidate
    from .ways import Question

    sender, user, size, queued_at, priority, blob, prefix, body, smtputf8, requiretls, client_address, local_origin, total = row
    recipient = QueuedRecipient(one.id, one.address, attempts=one.attempts, via=via, last_try=one.last_try / 1000)
    message = Outgoing(
        ids.text(item.id), sender, size, (recipient,), lambda: chain((bytes(prefix),), app.context.blobs.read(blob)), body, bool(smtputf8),
        bool(requiretls), user=user, channel=one.channel, queued_at=queued_at / 1000, priority=priority, client_address=client_address,
        local_origin=bool(local_origin), total=total,
    )  # fmt: skip

    def headers() -> Mapping[str, Sequence[str]]:
        head = message.head()
        return {name.lower(): head.all(name) for name, _ in head.headers}

    age = (now - queued_at) / 1000
    candidate = Candidate(sender, one.address, size, user or "", age, priority, total, headers)
    return Question(message, candidate, waits_for=one.waits_for)


def told(result: Mapping[str, Any]) -> str:
    """The explanation for people."""
    return "\n".join(_lines(result))


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    from .explain import details

    sender = result["sender"] or "<>"
    yield f"{result['message']} from {sender}, queued {result['queued_at']}, {result['size']} bytes, priority {result['priority']}"
    for one in result["recipients"]:
        queue = f" (queue {one['channel']})" if one["channel"] != "out" else ""
        yield f"-> {one['address']}{queue}: {one['standing']}"
        yield from (f"     {line}" for line in details(one))
        if not one["connections"]:
            yield f"     no connection takes it: it waits until one does, and comes back to its sender {result['gives_up']}"
    if result["more"]:
        yield f"and {result['more']} more: `postroom queue show {result['message']}` lists them; name one to see it here"
