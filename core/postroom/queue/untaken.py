"""Mail that no connection takes: it waits for one that does, and its sender is told of the delay, and in the end that it was given up.

Nobody claims such mail, so nobody would look at its age. What some connection takes is none of it, however seldom that connection runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from .. import ids
from ..mail.delivery import TryLater
from ..mail.reply import Reply
from ..provided import Job
from ..store import traces
from ..store.database import StoreUnavailable
from . import claim
from .desk import LEASE_MS
from .letter import OUT, Addressee, Letter, Task
from .outcome import WORDS, Finished
from .picking import Found, Picking

if TYPE_CHECKING:
    from ..store.database import Tx
    from .desk import Desk
    from .line import Line

EVERY = 600.0  # seconds
PAGE = 500  # recipients of one query
REPLY = Reply(451, "4.4.4", "No connection of this server takes this message")
CHANNELS = "SELECT DISTINCT channel FROM outgoing_recipient"
# Those that the last look has told of are looked at again at the end of their time only
OVERDUE = (
    'SELECT r.id, r.address, r.next_try, r.rank, o.id, o.size, o.sender, o."user", o.queued_at, o.priority, o.blob_id, o.prefix,'
    " o.recipients, r.last_reply"
    " FROM outgoing_recipient r JOIN outgoing o ON o.id = r.outgoing_id"
    " WHERE r.channel = ? AND r.state = 0 AND r.next_try <= ? AND o.queued_at <= ? AND (r.last_reply <> ? OR o.queued_at <= ?)"
    " AND r.id > ? ORDER BY r.id LIMIT ?"
)


@dataclass(frozen=True)
class Untaken:
    """The mail of all queues that no line of ``desk`` takes."""

    desk: Desk

    def job(self) -> Job:
        """The job that looks at it, in one worker of all."""
        return Job("queue-untaken", EVERY, self.look)

    def look(self) -> None:
        """Tell and give up what has waited for too long. Raises StoreUnavailable."""
        for (channel,) in self.desk.db.read_slow(lambda tx: tx.execute(CHANNELS)):
            lines = [line for line in self.desk.lines if line.channel == channel]
            judges = [(line, self._picking(line)) for line in lines]
            if all(line.sender.rules.takes or self.desk.fetching.largest(line) for line in lines):
                for found, reply in self._overdue(channel):
                    reasons = self._reasons(found, judges)
                    if reasons is not None:
                        self._try(found, reasons or f"there is no connection or sender for the queue {channel}", told=reply == str(REPLY))

    def _overdue(self, channel: str) -> Iterator[tuple[Found, str]]:
        now, retry, after = self.desk.now(), self.desk.retry, -1
        late, over = (now - int(seconds * 1000) for seconds in (min(retry.warn_after, retry.give_up), retry.give_up))
        while True:
            values = (channel, now, late, str(REPLY), over, after, PAGE)
            page = self.desk.db.read_slow(lambda tx, values=values: tx.execute(OVERDUE, values))  # type: ignore[misc]
            for *row, reply in page:
                yield Found(*row), reply
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def _picking(self, line: Line) -> Picking:
        return Picking(self.desk.db, self.desk.blobs, line.channel, line.sender.rules, lambda: self.desk.fetching.largest(line))

    def _reasons(self, found: Found, judges: Sequence[tuple[Line, Picking]]) -> str | None:
        """Why no line takes it, None when one does."""
        reasons = []
        for line, picking in judges:
            reason = picking.refusal(found, self.desk.now())
            if not reason:
                return None
            reasons.append(f"{line.name} (sender {line.sender.name}): {reason}" if line.channel == OUT else f"sender {line.name}: {reason}")
        return "; ".join(reasons)

    def _try(self, found: Found, reasons: str, *, told: bool) -> None:
        try:
            self._settle(found, reasons, told=told)
        except StoreUnavailable:
            raise
        except Exception:  # a report that cannot be made now; the others have their turn
            self.desk.log.exception("queue.not_taken", trace=ids.text(found.letter))

    def _settle(self, found: Found, reasons: str, *, told: bool) -> None:
        now = self.desk.now()

        def work(tx: Tx) -> claim.Claimed:
            taken = claim.take_named(tx, [found.id], self.desk.owner, now, now + LEASE_MS)
            if taken and not told:
                traces.record(
                    tx, found.letter, now, "left", {"to": [{"rcpt": found.address, "reason": f"no connection takes it: {reasons}"}]}
                )
            return taken

        for letter, addressees in self.desk.db.write(work):
            self.desk.settle([self._finished(letter, addressees, reasons, now)])
            self.desk.log.warning("queue.not_taken", trace=ids.text(letter.id), rcpt=found.address, reason=reasons)

    def _finished(self, letter: Letter, addressees: list[Addressee], reasons: str, now: int) -> Finished:
        outcome = TryLater(REPLY, how=reasons[:WORDS], ours=True)
        task, blobs = Task(letter, "", addressees), self.desk.blobs
        return Finished(
            task, {one.id: outcome for one in addressees}, now, lambda: chain((letter.prefix,), blobs.read(letter.blob_id)),
            untried=now, attempted=False,
        )  # fmt: skip
