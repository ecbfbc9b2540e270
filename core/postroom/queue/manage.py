"""The queue for the administrator: list, show, hold, release, retry, hasten, remove. Needs the database only, running server or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..mail.message import Message
from ..mail.sending import rank
from ..sending.via import shown
from ..store import traces
from .letter import BOUNCING, HELD, HELD_BY_SURGE, HELD_FOR_GOOD, HELD_ON_TIMER, OUT, WAITING

if TYPE_CHECKING:
    from ..store.blobs import Blobs
    from ..store.database import Database, Tx

State = Literal["waiting", "held", "held on timer", "being sent"]
HEAD = 16 * 1024  # bytes in which a subject is looked for

BY_HAND = "held by hand"
# The sites that a message waits for: its attempt is the probe
PROBED_NOW = (
    "UPDATE site SET next_probe = ? WHERE next_probe > ? AND EXISTS (SELECT 1 FROM outgoing_recipient r"
    " WHERE r.outgoing_id = ? AND r.waits_for = site.sender || ' ' || site.name)"
)

LETTERS = (
    'SELECT o.id, o.sender, o."user", o.client_address, o.priority, o.queued_at, o.size, o.held, o.blob_id, COUNT(r.id), MIN(r.address),'
    " MIN(CASE WHEN r.hold_until > 0 THEN r.hold_until ELSE r.next_try END), MAX(r.lease_until), MAX(r.attempts), MIN(r.channel),"
    " MAX(r.last_reply) FROM outgoing o LEFT JOIN outgoing_recipient r ON r.outgoing_id = o.id"
    " WHERE {where} GROUP BY o.id{group} ORDER BY o.id LIMIT ?"
)
RECIPIENTS = (
    "SELECT id, address, original, channel, state, attempts, CASE WHEN hold_until > 0 THEN hold_until ELSE next_try END, lease_until,"
    " last_reply, last_server, last_try, warned, via, waits_for FROM outgoing_recipient WHERE outgoing_id = ? ORDER BY id"
)
REASON = "SELECT event, detail FROM trace WHERE trace = ? AND event IN ('accepted', 'held') ORDER BY at DESC, id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Queued:
    """One message of the queue, with VPOP3's columns. Times are milliseconds since 1970."""

    id: int
    state: State
    address: str  # IP address of the client, "unknown" for mail made by this server
    user: str  # who was logged in, "" for nobody
    priority: int
    to: str  # one recipient
    recipients: int  # how many wait in all
    sender: str
    subject: str
    queued_at: int
    size: int
    attempts: int
    next_try: int  # 0 when it is held
    channel: str  # "out", or the name of a queue apart; of a message in several queues each is a message of its own in the list
    reason: str  # why it is held or, when nothing was tried yet, why not; "" when there is nothing to say


@dataclass(frozen=True, slots=True)
class QueuedAddress:
    """One recipient of a queued message. Times are milliseconds since 1970, 0 is never."""

    id: int
    address: str
    original: str  # what the sender wrote
    channel: str
    state: State
    attempts: int
    next_try: int
    last_try: int
    last_server: str
    last_reply: str
    warned: bool  # the sender has been told of the delay
    via: str  # the server that a rule of LAN forwarding or a target SMTP: names, without its password; "" is none
    waits_for: str = ""  # the sender and the site that fail as a whole, "Direct mx.far.test"; "" when it does not wait for one


class NotQueued(Exception):
    """There is no such message in the queue (any more)."""


class OutQueue:
    """Looks after the queue. ``now`` is always milliseconds since 1970."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self.db, self.blobs = db, blobs

    def messages(self, now: int, limit: int = 1000, channel: str | None = OUT) -> list[Queued]:
        """The oldest ``limit`` messages of one queue, or of all."""
        where, values = ("r.channel = ?", (channel,)) if channel is not None else ("1 = 1", ())
        query = LETTERS.format(where=where, group=", r.channel")
        rows = self.db.read_slow(lambda tx: tx.execute(query, (*values, limit)))
        return [self._queued(row, now) for row in rows]

    def show(self, number: int, now: int) -> tuple[Queued, Sequence[QueuedAddress]]:
        """One message with its recipients in all queues. Raises NotQueued."""
        row = self.db.read(lambda tx: tx.one(LETTERS.format(where="o.id = ?", group=""), (number, 1)))
        if row is None:
            raise NotQueued(number)
        rows = self.db.read_slow(lambda tx: tx.execute(RECIPIENTS, (number,)))
        return self._queued(row, now), [_address(values, row[7], now) for values in rows]

    def hold(self, number: int, now: int, until: int = 0) -> None:
        """Keep the message from being sent, for good or until a time; an attempt under way goes on. Raises NotQueued."""

        def work(tx: Tx) -> None:
            self._mark(tx, number, HELD_ON_TIMER if until else HELD_FOR_GOOD)
            traces.record(tx, number, now, "held", {"until": until} if until else {})
            # A claimed row keeps its next try, the end of its lease, so that its attempt can be settled: see queue.holding
            tx.execute(
                "UPDATE outgoing_recipient SET state = CASE WHEN lease_until > ? THEN ? ELSE ? END,"
                " hold_until = CASE WHEN lease_until > ? THEN ? ELSE 0 END,"
                " next_try = CASE WHEN lease_until > ? OR ? = 0 THEN next_try ELSE ? END,"
                " waits_for = ''"  # or it would go when its site is back
                " WHERE outgoing_id = ? AND state IN (?, ?)",
                (now, HELD, WAITING if until else HELD, now, until, now, until, until, number, WAITING, HELD),
            )

        self.db.write(work)

    def release(self, number: int, now: int) -> None:
        """Let a held message go, at once. Raises NotQueued."""
        self._set_due(number, now, WAITING)

    def retry(self, number: int, now: int) -> bool:
        """Try a waiting message now; False for one that is held, which stays held. Raises NotQueued."""

        def work(tx: Tx) -> bool:
            row = tx.one("SELECT held FROM outgoing WHERE id = ?", (number,))
            if row is None:
                raise NotQueued(number)
            if row[0]:  # also on a timer, when its recipients wait like any, for the end of the time
                return False
            traces.record(tx, number, now, "retried", {})
            tx.execute(
                "UPDATE outgoing_recipient SET next_try = ? WHERE outgoing_id = ? AND state = ? AND lease_until <= ?",
                (now, number, WAITING, now),
            )
            tx.execute(PROBED_NOW, (now, now, number))
            return True

        return self.db.write(work)

    def set_priority(self, number: int, now: int, priority: int) -> None:
        """From now on the message has this priority, 1 to 100. Raises NotQueued."""

        def work(tx: Tx) -> None:
            if not tx.execute("UPDATE outgoing SET priority = ? WHERE id = ? RETURNING id", (priority, number)):
                raise NotQueued(number)
            tx.execute("UPDATE outgoing_recipient SET rank = ? WHERE outgoing_id = ?", (rank(priority), number))
            traces.record(tx, number, now, "priority", {"priority": priority})

        self.db.write(work)

    def remove(self, number: int, now: int, *, bounce: bool) -> None:
        """Take the message out; with ``bounce`` a running server (or the next that starts) sends the report first. Raises NotQueued.

        Recipients that are being sent at this moment may still get it.
        """
        if bounce:
            self._set_due(number, now, BOUNCING)
            return

        def work(tx: Tx) -> None:
            tx.execute("DELETE FROM outgoing_recipient WHERE outgoing_id = ?", (number,))
            if not tx.execute("DELETE FROM outgoing WHERE id = ? RETURNING id", (number,)):
                raise NotQueued(number)
            traces.record(tx, number, now, "removed", {})

        self.db.write(work)

    def _set_due(self, number: int, now: int, state: int) -> None:
        def work(tx: Tx) -> None:
            tx.execute("UPDATE outgoing SET let_go_at = ? WHERE id = ? AND held > 0", (now, number))
            self._mark(tx, number, 0)
            traces.record(tx, number, now, "returned" if state == BOUNCING else "released", {})
            tx.execute(
                "UPDATE outgoing_recipient SET state = ?, hold_until = 0, next_try = CASE WHEN lease_until > ? THEN next_try ELSE ? END"
                " WHERE outgoing_id = ? AND state IN (?, ?)",
                (state, now, now, number, WAITING, HELD),
            )

        self.db.write(work)

    def _mark(self, tx: Tx, number: int, held: int) -> None:
        if not tx.execute("UPDATE outgoing SET held = ? WHERE id = ? RETURNING id", (held, number)):
            raise NotQueued(number)

    def _queued(self, row: Sequence[Any], now: int) -> Queued:
        number, sender, user, address, priority, queued_at, size, held, blob, count, to, next_try, lease_until, attempts, *rest = row
        channel, said = rest
        state = _state(held, next_try or 0, lease_until or 0, now)
        subject = Message.whole(self.blobs.part(blob, 0, HEAD)).header("Subject") or ""
        due = 0 if state == "held" else next_try or 0
        reason = self._reason(number) if state in ("held", "held on timer") else said or "" if state == "waiting" and not attempts else ""
        return Queued(
            number, state, address or "unknown", user or "", priority, to or "", count, sender, subject, queued_at, size, attempts or 0,
            due, channel or "", reason,
        )  # fmt: skip

    def _reason(self, number: int) -> str:
        """Why a message is held: what was noted when it was accepted, or held later."""
        row = self.db.read(lambda tx: tx.one(REASON, (number,)))
        if row is None:  # its trace is forgotten
            return ""
        event, detail = row[0], json.loads(row[1])
        return str(detail.get("plan", "held by a plugin") if event == "accepted" else detail.get("reason", BY_HAND))


def _state(held: int, next_try: int, lease_until: int, now: int) -> State:
    if lease_until > now:
        return "being sent"
    if held in (HELD_FOR_GOOD, HELD_BY_SURGE):
        return "held"
    return "held on timer" if held == HELD_ON_TIMER and next_try > now else "waiting"


def _address(row: Sequence[Any], held: int, now: int) -> QueuedAddress:
    number, address, original, channel, _, attempts, next_try, lease_until, reply, server, last_try, warned, via, waits_for = row
    state = _state(held, next_try, lease_until, now)
    return QueuedAddress(
        number,
        address,
        original,
        channel,
        state,
        attempts,
        0 if state == "held" else next_try,
        last_try,
        server,
        reply,
        bool(warned),
        shown(via),
        waits_for,
    )
