"""A submission made ready: everything that its one transaction will write, computed before the transaction begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import ids
from ..mail.delivery import Refuse, Target, ToMailbox, ToQueue
from ..mail.sending import QueuePlan, rank
from ..sending.via import shown
from ..store import appending, traces
from ..store.delivery import deliver
from .bounce import wishes
from .copy import Copy
from .letter import HELD, HELD_BY_SURGE, HELD_FOR_GOOD, HELD_ON_TIMER, WAITING, Addressee, Letter

if TYPE_CHECKING:
    from ..mail.envelope import Envelope, Recipient
    from ..store.blobs import Draft
    from ..store.database import Tx
    from .submission import Submission
    from .surge import Counting, Finding

TOLD = 50  # targets of one recipient that the trace names one by one
PLAIN = QueuePlan()

OUTGOING = (
    'INSERT INTO outgoing (id, blob_id, prefix, size, sender, "user", client_address, body, smtputf8, requiretls, ret, envid,'
    " queued_at, priority, delete_at, local_origin, quiet, recipients, held)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
RECIPIENT = (
    "INSERT INTO outgoing_recipient (id, outgoing_id, channel, address, original, notify, orcpt, via, rank, state, attempts, next_try,"
    " lease_owner, lease_until, last_reply, last_server, last_try, warned, waits_for)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, '', '', 0, 0, '')"
)


class Written(NamedTuple):
    """What a posting's transaction has done."""

    blob: int  # of the copy that leaves, else of the one that stays; 0 when nobody gets the message
    changed: list[int]  # mailboxes that got a copy
    finding: Finding | None = None  # the message is held, because its account sends far more than it ever did


@dataclass(slots=True)
class Posting:
    """What ``write`` will do. ``claimed`` names the channels whose recipients are claimed for this worker from the start."""

    submission: Submission
    at: int  # ms since 1970
    original: Copy  # the message as it was accepted, with its added headers
    here: Copy  # what mailboxes get
    away: Copy  # what leaves
    local: dict[tuple[int, str], str]  # (account, folder) -> account name
    queued: dict[str, list[Addressee]]  # by channel
    trace: dict[str, Any]
    body: str  # of the copy that leaves: 7BIT, 8BITMIME or BINARYMIME
    plan: QueuePlan = PLAIN
    counting: Counting | None = None  # mail of a logged-in account that leaves
    claimed: dict[str, tuple[str, int]] = field(default_factory=dict)  # channel -> (owner, until ms)
    drafts: list[Draft] = field(default_factory=list)  # made on the way, beside the submission's own

    @property
    def keys(self) -> list[int]:
        """The accounts whose mailboxes change."""
        return [account for account, _ in self.local]

    @property
    def at_once(self) -> bool:
        """True when the message may be handed to its sender from memory: nothing is planned with it, and it overtakes nobody."""
        return not (self.plan.hold or self.plan.hold_until or self.plan.delete_at or rank(self.plan.priority) != rank(PLAIN.priority))

    def unused(self) -> list[Draft]:
        """Drafts whose bytes nobody gets."""
        used = [copy.draft for copy, gets in ((self.here, self.local), (self.away, self.queued)) if gets]
        return [draft for draft in self.all_drafts() if all(draft is not one for one in used)]

    def all_drafts(self) -> list[Draft]:
        """The submission's own, and those made beside it."""
        return [self.submission.draft, *self.drafts]

    def letter(self, *, content: bytes | None = None) -> Letter:
        """The message as the queue holds it."""
        envelope = self.submission.envelope
        return Letter(
            self.submission.id, 0, self.away.lines, self.away.size, envelope.sender, envelope.user, self.body,
            envelope.smtputf8, envelope.requiretls, envelope.ret, envelope.envid, self.at, content, self.plan.priority,
            self._client_address(), ours(envelope), bool(envelope.suspect), _milliseconds(self.plan.delete_at),
            recipients=self._queued_for,
        )  # fmt: skip

    def chunks(self) -> Iterator[bytes]:
        """The message with its added headers."""
        return self.original.chunks()

    def writer(self) -> Callable[[Tx], Written]:
        """The function to run in a transaction: stores it all."""
        number, at, local = self.submission.id, self.at, sorted(self.local)  # in order of account: two writers never wait for each other
        here, away, counting = self.here.draft, self.away.draft, self.counting
        copy = b"Return-Path: <" + self.submission.envelope.sender.encode("utf-8") + b">\r\n" + self.here.lines  # RFC 5321 4.4
        size, own = len(copy) + here.size, appending.shows(copy)
        queue = self._queue_writer() if self.queued else None
        story = traces.row(number, at, "accepted", self.trace)

        def deliver_one(tx: Tx) -> Written:
            blob, mailbox = deliver(tx, here, *local[0], size=size, prefix=copy, received_at=at, trace=number, note=story, own=own)
            return Written(blob, [mailbox])

        def write(tx: Tx) -> Written:
            finding = counting.count(tx) if counting else None
            kept = here.store(tx) if local else 0
            blob = kept if away is here and kept else away.store(tx) if queue else kept
            changed = [
                appending.append(tx, account, folder, blob_id=kept, size=size, prefix=copy, received_at=at, trace=number, own=own)[0]
                for account, folder in local
            ]
            if queue:
                queue(tx, blob, finding)
            held = [(story[0] + 1, *traces.row(number, at, "held", {"reason": finding.reason})[1:])] if finding else []
            traces.record_rows(tx, [story, *held])  # of one time, so the ids put them in order
            return Written(blob, changed, finding)

        return deliver_one if len(local) == 1 and queue is None else write

    def _queue_writer(self) -> Callable[[Tx, int, Finding | None], None]:
        """The function that writes the rows of the queue."""
        number, plan = self.submission.id, self.plan
        held = HELD_FOR_GOOD if plan.hold else HELD_ON_TIMER if plan.hold_until else 0
        outgoing, recipients, surging = (
            self._outgoing_row(),
            self._recipient_rows(),
            self._recipient_rows(held=True) if self.counting else [],
        )

        def write(tx: Tx, blob: int, finding: Finding | None) -> None:
            by_surge = finding is not None and held != HELD_FOR_GOOD  # what is held for good needs its own release in any case
            tx.do(OUTGOING, (number, blob, *outgoing, HELD_BY_SURGE if by_surge else held))
            tx.many(RECIPIENT, surging if by_surge else recipients)

        return write

    def _outgoing_row(self) -> tuple[Any, ...]:
        envelope = self.submission.envelope
        return (
            self.away.lines, self.away.size, envelope.sender, envelope.user, self._client_address(), self.body, int(envelope.smtputf8),
            int(envelope.requiretls), envelope.ret, envelope.envid, self.at, self.plan.priority, _milliseconds(self.plan.delete_at),
            int(ours(envelope)), int(bool(envelope.suspect)), self._queued_for,
        )  # fmt: skip

    @property
    def _queued_for(self) -> int:
        return sum(map(len, self.queued.values()))

    def _client_address(self) -> str:
        return self.submission.client.address if self.submission.client else ""

    def _recipient_rows(self, *, held: bool = False) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        place = rank(self.plan.priority)
        state = HELD if held or self.plan.hold else WAITING
        for channel, addressees in self.queued.items():
            owner, until = ("", 0) if held else self.claimed.get(channel, ("", 0))
            due = max(until or self.at, _milliseconds(self.plan.hold_until))
            rows += [
                (one.id, one.letter_id, channel, one.address, one.original, one.notify, one.orcpt, one.via, place, state, due, owner, until)
                for one in addressees
            ]
        return rows


def prepare(submission: Submission, at: int) -> Posting:
    """Sort the recipients' targets: equal ones collapse, so that nobody gets two copies. ``at``: ms since 1970."""
    envelope = submission.envelope
    copy = Copy(submission.received + b"".join(line + b"\r\n" for line in envelope.headers), submission.draft)
    local: dict[tuple[int, str], str] = {}
    queued: dict[str, dict[tuple[str, str], Addressee]] = {}
    for recipient in () if envelope.discard else envelope.recipients:
        targets = _targets(recipient)
        for target in targets:
            if isinstance(target, ToMailbox):
                local[target.account, "Junk" if envelope.quarantine else target.folder] = target.name
            elif isinstance(target, ToQueue):
                channel = queued.setdefault(target.channel, {})
                one = _addressee(ids.new_id(), submission.id, target, recipient, alone=len(targets) == 1)
                key = target.address, target.via
                channel[key] = _joined(channel[key], one) if key in channel else one
    lists = {channel: list(found.values()) for channel, found in queued.items()}
    return Posting(submission, at, copy, copy, copy, local, lists, _story(submission), envelope.body)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def ours(envelope: Envelope) -> bool:
    """Whether somebody of this house sends it, or this server itself."""
    return envelope.local_origin or envelope.user is not None


def _targets(recipient: Recipient) -> tuple[Target, ...]:
    if recipient.route is None:
        raise ValueError(f"recipient {recipient.address} was put into the queue without a route")
    return recipient.route.targets


def _addressee(number: int, letter: int, target: ToQueue, recipient: Recipient, *, alone: bool) -> Addressee:
    notify = recipient.notify
    if not alone and "SUCCESS" in notify.upper():  # RFC 3461 5.2.7.3: the expansion itself is the success
        notify = ",".join(wish for wish in notify.split(",") if wish.upper() != "SUCCESS") or "NEVER"
    return Addressee(number, letter, target.address, recipient.address, notify, recipient.orcpt, via=target.via)


def _joined(one: Addressee, other: Addressee) -> Addressee:
    """One addressee for both: no report is lost that either of them asks for, and it is about one of those who asked."""
    first, second = wishes(one.notify), wishes(other.notify)
    if second <= first:
        return one
    return other if first <= second else replace(one, notify=",".join(sorted(first | second)))


def _story(submission: Submission) -> dict[str, Any]:
    """What the trace tells about the acceptance: who sent it, how large it is, where it went and why not elsewhere."""
    envelope, client = submission.envelope, submission.client
    story: dict[str, Any] = {
        "from": envelope.sender,
        "to": [{"rcpt": one.address, "where": _where(one, envelope)} for one in envelope.recipients],
        "size": submission.draft.size,
    }
    if client is not None:
        story |= {"client": client.address, "helo": client.helo, "service": client.service_name, "session": client.session}
    about = ids.text(submission.about) if submission.about else ""
    facts = {"user": envelope.user, "quarantine": envelope.quarantine, "suspect": envelope.suspect, "about": about}
    return story | {name: value for name, value in facts.items() if value}


def _where(recipient: Recipient, envelope: Envelope) -> list[str]:
    if envelope.discard:
        return ["discarded"]
    targets = _targets(recipient)
    told = [_name(target, envelope) for target in targets[:TOLD]]
    return told + ([f"and {len(targets) - TOLD} more"] if len(targets) > TOLD else [])


def _name(target: Target, envelope: Envelope) -> str:
    if isinstance(target, ToMailbox):
        return f"mailbox {target.name}/{'Junk' if envelope.quarantine else target.folder}"
    if isinstance(target, ToQueue):
        return f"queue {target.channel} {target.address}" + (f" via {shown(target.via)}" if target.via else "")
    return f"refused {target.reply}" if isinstance(target, Refuse) else "discarded"
