"""A submission made ready: everything that its one transaction will write, computed before the transaction begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from .. import ids
from ..mail.delivery import Refuse, Target, ToMailbox, ToQueue
from ..store import appending, traces
from ..store.delivery import deliver
from .letter import Addressee, Letter

if TYPE_CHECKING:
    from ..mail.envelope import Envelope, Recipient
    from ..store.database import Tx
    from .submission import Submission

TOLD = 50  # targets of one recipient that the trace names one by one

OUTGOING = (
    'INSERT INTO outgoing (id, blob_id, prefix, size, sender, "user", client_address, body, smtputf8, requiretls, ret, envid,'
    " queued_at, held, priority) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)"
)
RECIPIENT = (
    "INSERT INTO outgoing_recipient (id, outgoing_id, channel, address, original, notify, orcpt, state, attempts, next_try, lease_owner,"
    " lease_until, last_reply, last_server, last_try, warned) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, '', '', 0, 0)"
)


@dataclass(slots=True)
class Posting:
    """What ``write`` will do. ``claimed`` names the channels whose recipients are claimed for this worker from the start."""

    submission: Submission
    at: int  # ms since 1970
    lines: bytes  # header lines on top of every copy
    local: dict[tuple[int, str], str]  # (account, folder) -> account name
    queued: dict[str, list[Addressee]]  # by channel
    trace: dict[str, Any]
    claimed: dict[str, tuple[str, int]] = field(default_factory=dict)  # channel -> (owner, until ms)

    @property
    def keys(self) -> list[int]:
        """The accounts whose mailboxes change."""
        return [account for account, _ in self.local]

    @property
    def keeps(self) -> bool:
        """False when nobody gets the message, so that its bytes are not kept."""
        return bool(self.local or self.queued)

    def letter(self, *, content: bytes | None = None) -> Letter:
        """The message as the queue holds it."""
        envelope, draft = self.submission.envelope, self.submission.draft
        return Letter(
            self.submission.id, 0, self.lines, len(self.lines) + draft.size, envelope.sender, envelope.user, envelope.body,
            envelope.smtputf8, envelope.requiretls, envelope.ret, envelope.envid, self.at, content,
        )  # fmt: skip

    def chunks(self) -> Iterator[bytes]:
        """The message with its added headers."""
        return chain((self.lines,), self.submission.draft.chunks())

    def writer(self) -> Callable[[Tx], tuple[int, list[int]]]:
        """The function to run in a transaction: stores it all; gives the blob's id and the mailboxes that got a copy."""
        submission, at = self.submission, self.at
        draft, number = submission.draft, submission.id
        copy = b"Return-Path: <" + submission.envelope.sender.encode("utf-8") + b">\r\n" + self.lines  # RFC 5321 4.4
        size, own = len(copy) + draft.size, appending.shows(copy)
        local, keeps = sorted(self.local), self.keeps  # in order of account: two writers never wait for each other
        outgoing = self._outgoing_row() if self.queued else ()
        recipients = self._recipient_rows()
        story = traces.row(number, at, "accepted", self.trace)

        def deliver_one(tx: Tx) -> tuple[int, list[int]]:
            blob, mailbox = deliver(tx, draft, *local[0], size=size, prefix=copy, received_at=at, trace=number, note=story, own=own)
            return blob, [mailbox]

        def write(tx: Tx) -> tuple[int, list[int]]:
            blob = draft.store(tx) if keeps else 0
            changed = [
                appending.append(tx, account, folder, blob_id=blob, size=size, prefix=copy, received_at=at, trace=number, own=own)[0]
                for account, folder in local
            ]
            if outgoing:
                tx.do(OUTGOING, (number, blob, *outgoing))
                tx.many(RECIPIENT, recipients)
            traces.record_rows(tx, [story])
            return blob, changed

        return deliver_one if len(local) == 1 and not outgoing else write

    def _outgoing_row(self) -> tuple[Any, ...]:
        envelope, client, draft = self.submission.envelope, self.submission.client, self.submission.draft
        return (
            self.lines, len(self.lines) + draft.size, envelope.sender, envelope.user, client.address if client else "",
            envelope.body, int(envelope.smtputf8), int(envelope.requiretls), envelope.ret, envelope.envid, self.at,
        )  # fmt: skip

    def _recipient_rows(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for channel, addressees in self.queued.items():
            owner, until = self.claimed.get(channel, ("", 0))
            due = until or self.at
            rows += [
                (one.id, one.letter_id, channel, one.address, one.original, one.notify, one.orcpt, due, owner, until) for one in addressees
            ]
        return rows


def prepare(submission: Submission, at: int) -> Posting:
    """Sort the recipients' targets: equal ones collapse, so that nobody gets two copies. ``at``: ms since 1970."""
    envelope = submission.envelope
    lines = submission.received + b"".join(line + b"\r\n" for line in envelope.headers)
    local: dict[tuple[int, str], str] = {}
    queued: dict[str, dict[str, Addressee]] = {}
    base = ids.new_id()
    for recipient in () if envelope.discard else envelope.recipients:
        targets = _targets(recipient)
        for target in targets:
            if isinstance(target, ToMailbox):
                local[target.account, "Junk" if envelope.quarantine else target.folder] = target.name
            elif isinstance(target, ToQueue):
                base += 1  # counted up from one random id: many random ones of one millisecond would collide
                channel = queued.setdefault(target.channel, {})
                channel.setdefault(target.address, _addressee(base, submission.id, target, recipient, alone=len(targets) == 1))
    lists = {channel: list(found.values()) for channel, found in queued.items()}
    return Posting(submission, at, lines, local, lists, _story(submission))


def _targets(recipient: Recipient) -> tuple[Target, ...]:
    if recipient.route is None:
        raise ValueError(f"recipient {recipient.address} was put into the queue without a route")
    return recipient.route.targets


def _addressee(number: int, letter: int, target: ToQueue, recipient: Recipient, *, alone: bool) -> Addressee:
    notify = recipient.notify
    if not alone and "SUCCESS" in notify.upper():  # RFC 3461 5.2.7: the expansion itself is the success
        notify = ",".join(wish for wish in notify.split(",") if wish.upper() != "SUCCESS") or "NEVER"
    return Addressee(number, letter, target.address, recipient.address, notify, recipient.orcpt)


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
    facts = {"user": envelope.user, "quarantine": envelope.quarantine, "about": ids.text(submission.about) if submission.about else ""}
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
        return f"queue {target.channel} {target.address}"
    return f"refused {target.reply}" if isinstance(target, Refuse) else "discarded"
