"""The one door in: a message enters the queue, and what is for mailboxes here is delivered, in one commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .. import ids
from ..mail.delivery import Discard, Refuse, ToMailbox
from ..mail.report import Fate
from ..store.database import Conflict, StoreUnavailable
from .bounce import wanted
from .letter import Addressee, Letter
from .outbound import Outbound, urgent
from .posting import Posting, Written, ours, prepare
from .submission import Submission
from .surge import Surges

if TYPE_CHECKING:
    from ..asking import Asker
    from ..mail.envelope import Recipient
    from ..news import News
    from ..store.blobs import Draft
    from ..store.database import Database, Tx
    from .bounce import Reports

__all__ = ["Entry", "Handover", "Queue", "Submission"]

CARRIED = 32 * 1024  # bytes: a message up to this size is handed to the sender without reading it back from the store


class Handover(Protocol):
    """Who takes fresh mail straight from memory: the runner of this worker."""

    owner: str  # in whose name the mail is claimed

    def reserve(self, channel: str, recipients: int, at: int) -> int:
        """Until when (ms) the mail is claimed for this worker, 0 when it is not; ``hand`` or ``cancel`` must follow."""

    def hand(self, channel: str, letter: Letter, addressees: list[Addressee]) -> None:
        """The mail is committed and claimed: send it."""

    def cancel(self, channel: str, recipients: int) -> None:
        """It was not committed."""


@dataclass(slots=True)
class Entry:
    """One submission with the reports that go with it: written together, or not at all."""

    postings: list[Posting] = field(default_factory=list)

    @property
    def keys(self) -> list[int]:
        """The accounts whose mailboxes change."""
        return [key for posting in self.postings for key in posting.keys]

    def writer(self) -> Callable[[Tx], list[Written]]:
        """The function to run in a transaction; its result is what ``Queue.finish`` wants."""
        writers = [posting.writer() for posting in self.postings]
        return lambda tx: [write(tx) for write in writers]


class Queue:
    """Takes messages in. ``clock``: epoch seconds. ``handover`` is set by the runner once it runs.

    ``outbound`` asks the plugins about what leaves, ``surges`` watches how much accounts send; None: nobody does.
    """

    def __init__(
        self,
        db: Database,
        ask: Asker,
        news: News,
        reports: Reports,
        clock: Callable[[], float],
        outbound: Outbound | None = None,
        surges: Surges | None = None,
    ) -> None:
        self.db, self.ask, self.news = db, ask, news
        self.reports, self.clock = reports, clock
        self.outbound, self.surges = outbound, surges
        self.handover: Handover | None = None

    def put(self, submission: Submission) -> str:
        """Make the message durable, deliver what is local, queue the rest; its trace id.

        Raises StoreUnavailable when nothing of it was kept, or PluginFault when a plugin that rewrites or signs has failed, or a report
        that goes with it could not be routed: the caller answers with a temporary failure.
        """
        entry = self.prepare(submission)
        try:
            written = self.db.write(entry.writer(), keys=entry.keys)
        except BaseException as error:
            self.abandon(entry)
            if isinstance(error, Conflict):  # an account was removed meanwhile: the next attempt is routed anew
                raise StoreUnavailable(f"what the message needs has just changed: {error}") from error
            raise
        self.finish(entry, written)
        return ids.text(submission.id)

    def prepare(self, submission: Submission) -> Entry:
        """Everything that can be done before the transaction. ``finish`` or ``abandon`` must follow.

        Raises PluginFault or StoreUnavailable.
        """
        entry = Entry()
        try:
            posting = prepare(submission, int(self.clock() * 1000))
            entry.postings.append(posting)
            for report in self._reports(posting):
                entry.postings.append(prepare(report, posting.at))
            for each in entry.postings:
                self._complete(each)
            for each in entry.postings:
                self._claim(each)
        except BaseException:
            self.abandon(entry)
            _drop(submission.draft)
            raise
        return entry

    def _complete(self, posting: Posting) -> None:
        """What plugins add, and what is counted for the account."""
        if self.outbound is not None:
            self.outbound.dress(posting)
        if self.surges is not None:
            posting.counting = self.surges.counting(posting.submission.envelope, posting.queued, posting.at)

    def finish(self, entry: Entry, written: list[Written]) -> None:
        """After the commit: tell the other workers and the plugins, hand over what is claimed for this worker."""
        for posting, result in zip(entry.postings, written, strict=True):
            submission = posting.submission
            for mailbox in result.changed:
                self.news.publish("mailbox", mailbox=mailbox)
            if result.finding is not None:
                self._unclaim(posting)
                if result.finding.began and self.surges is not None:
                    self.surges.announce(result.finding)
            elif posting.queued:
                self._hand(posting, result.blob)
            size = posting.original.size
            for draft in posting.unused():
                _drop(draft)
            self.ask.tell("message_accepted", envelope=submission.envelope, trace=ids.text(submission.id), size=size)

    def abandon(self, entry: Entry) -> None:
        """Nothing was committed: forget the bytes and give up what was reserved."""
        for posting in entry.postings:
            self._unclaim(posting)
        for posting in entry.postings:
            for draft in posting.all_drafts():
                _drop(draft)

    def _unclaim(self, posting: Posting) -> None:
        for channel in posting.claimed:
            if self.handover is not None:
                self.handover.cancel(channel, len(posting.queued[channel]))
        posting.claimed.clear()

    def _claim(self, posting: Posting) -> None:
        if self.handover is None or not posting.at_once:
            return
        for channel, addressees in posting.queued.items():
            until = self.handover.reserve(channel, len(addressees), posting.at)
            if until:
                posting.claimed[channel] = (self.handover.owner, until)

    def _hand(self, posting: Posting, blob: int) -> None:
        draft = posting.away.draft
        letter = posting.letter(content=draft.head if draft.size <= CARRIED else None)
        letter.blob_id = blob
        facts: dict[str, int] | None = None
        for channel, addressees in posting.queued.items():
            if channel in posting.claimed and self.handover is not None:
                self.handover.hand(channel, letter, addressees)
            elif not posting.plan.hold:
                if facts is None:
                    facts = {"urgent": int(self.clock() * 1000)} if not posting.plan.hold_until and urgent(draft.head) else {}
                self.news.publish("queue", channel=channel, **facts)

    def _reports(self, posting: Posting) -> list[Submission]:
        """Reports that are due at once: success for local delivery that asked for it, failure of a part of an expansion."""
        envelope = posting.submission.envelope
        if not envelope.sender or envelope.discard:
            return []
        kinds = (
            ("success", [_success(one) for one in envelope.recipients if wanted(one.notify, "success") and _reached(one)]),
            # Only to people of ours: a stranger's sender address may be forged, and the trace tells it anyway
            ("failure", [fate for one in envelope.recipients if ours(envelope) for fate in _failures(one)]),
        )
        made = [self.reports.make(kind, posting.letter(), fates, posting.chunks) for kind, fates in kinds if fates]  # type: ignore[arg-type]
        return [one.submission for one in made if one.submission is not None]


def _drop(draft: Draft) -> None:
    """Forget the bytes. What cannot be removed now is removed by the collector in a day."""
    with suppress(StoreUnavailable):
        draft.abandon()


def _reached(recipient: Recipient) -> bool:
    """True when the delivery to this recipient ends here: in a mailbox, or by being spread over several targets."""
    targets = recipient.route.targets if recipient.route else ()
    return any(isinstance(target, ToMailbox) for target in targets) or len([t for t in targets if not isinstance(t, Refuse | Discard)]) > 1


def _success(recipient: Recipient) -> Fate:
    alone = recipient.route is not None and len(recipient.route.targets) == 1
    return Fate(
        recipient.address, recipient.address, "delivered" if alone else "expanded", "2.0.0", orcpt=recipient.orcpt
    )  # RFC 3461 5.2.7


def _failures(recipient: Recipient) -> list[Fate]:
    targets = recipient.route.targets if recipient.route and wanted(recipient.notify, "failure") else ()
    return [
        Fate(recipient.address, recipient.address, "failed", target.reply.enhanced or "5.0.0", str(target.reply), orcpt=recipient.orcpt)
        for target in targets
        if isinstance(target, Refuse)
    ]
