"""The queue's work in one worker, without greenlets: fetch due mail, attempt it, settle what came out. Drives no loop and never sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from .. import ids
from ..mail.delivery import Delivered, Failed, NotNow, TryLater
from ..mail.reply import Reply
from ..mail.sending import SessionBounds
from ..store.database import StoreUnavailable
from . import budget, claim
from .allowance import Allowance
from .attempting import Attempts
from .fetching import Fetching
from .letter import BOUNCING, OUT, Addressee, Letter, Task
from .line import PER_TASK, Line
from .outcome import Finished, Ruling, rule, words
from .record import Settlement
from .sites import Sites

if TYPE_CHECKING:
    from ..asking import Asker
    from ..metrics import Metrics
    from ..sending.retry import Retry
    from ..store.blobs import Blobs
    from ..store.database import Database, Tx
    from .put import Queue

LEASE = 60.0  # seconds: mail of a dead worker is taken over after this; renewed three times as often
LEASE_MS = int(LEASE * 1000)
BATCH = 200  # recipients claimed at once
DRIBBLE = 100  # recipients that are looked at at once while their relay is down …
PAUSE = 1.0  # … and seconds until the next of them are: enough for a probe, and to see whose time is up
PAUSE_MS = int(PAUSE * 1000)

REMOVED = Failed(Reply(550, "5.0.0", "The administrator removed the message from the queue"))
KINDS = {Delivered: "delivered", TryLater: "deferred", Failed: "failed", NotNow: "left"}
EVENTS = {kind: f"queue.{name}" for kind, name in KINDS.items()}


@dataclass
class Desk:
    """What this worker has in hand. ``clock``: epoch seconds; ``wake(line)`` is called when a line gets work from memory."""

    db: Database
    blobs: Blobs
    queue: Queue
    ask: Asker
    retry: Retry
    lines: list[Line]
    owner: str  # this worker among all workers of all nodes
    clock: Callable[[], float]
    log: Any
    metrics: Metrics
    wake: Callable[[Line], object] = id  # until the runner sets it, nobody needs waking
    closed: bool = False  # nothing new is taken
    in_hand: dict[int, int] = field(default_factory=dict)  # recipients claimed and not settled yet, and the end of their lease (ms)
    reserved: dict[int, int] = field(default_factory=dict)  # of those in hand that a rate counts: the row of ``sent``
    begun: set[str] = field(default_factory=set)  # lines that have work since they were quiet

    def __post_init__(self) -> None:
        self.sites = Sites(self.db, self.queue.news, self.clock, self.owner)
        self.attempts = Attempts(self.ask, self.sites, self.clock, self.log, self.metrics, self.retry_of)
        self._dribbled: dict[str, int] = {}  # when a line whose relay is down was looked at last (ms)
        self.fetching = Fetching(self.db, self.blobs, self.lines, self.owner, self._split)

    def retry_of(self, line: Line) -> Retry:
        """When mail of this line is tried again."""
        return line.sender.rules.retry or self.retry

    def begin(self, line: Line) -> None:
        """The line gets work: its sender may prepare itself, once until the line is quiet again."""
        if line.name in self.begun:
            return
        self.begun.add(line.name)
        try:
            bounds = self.ask.transform("sender_starting", "bounds", line.sender.bounds, sender=line.sender.name, connection=line.name)
            if not isinstance(bounds, SessionBounds) or not bounds.sound:
                self.log.warning("queue.bounds_not_used", sender=line.sender.name, bounds=str(bounds))
                bounds = line.sender.bounds
            line.allowance = Allowance.of(bounds) if bounds.leave_rest and line.run_started else None
            line.sender.start(bounds)
        except Exception:  # a plugin's bug is only its own; it sends as it did before
            self.log.exception("queue.sender_failed", sender=line.sender.name)

    def rest(self, line: Line) -> None:
        """The line is quiet."""
        self.begun.discard(line.name)
        line.allowance = None
        try:
            line.sender.idle()
        except Exception:  # as above
            self.log.exception("queue.sender_failed", sender=line.sender.name)

    # --- fresh mail, straight from memory (put.Handover) ---

    def reserve(self, channel: str, recipients: int, at: int) -> int:
        """Until when (ms) fresh mail is claimed for this worker; 0 when it has no room or no open line for it."""
        line = None if self.closed or recipients > PER_TASK else self._immediate(channel)
        if line is None or not line.takes_fresh(recipients) or not line.plain or self._waits(line):
            return 0
        line.held += recipients
        return at + LEASE_MS

    def hand(self, channel: str, letter: Letter, addressees: list[Addressee]) -> None:
        """Fresh mail is committed: it waits for its turn here."""
        line = self._immediate(channel)
        assert line is not None  # lines do not change once reserve has found one
        self._take_in_hand(addressees, letter.queued_at + LEASE_MS)
        for task in self._split(line, letter, addressees):
            line.queue(task)
        self.wake(line)

    def cancel(self, channel: str, recipients: int) -> None:
        """Fresh mail was not committed."""
        line = self._immediate(channel)
        if line is not None:
            line.held -= recipients

    def _immediate(self, channel: str) -> Line | None:
        return next((line for line in self.lines if line.immediate and line.channel == channel), None)

    # --- due mail, from the database ---

    def fetch(self, line: Line) -> bool:
        """Claim due mail for the line as far as it has room; True when there may be more. Raises StoreUnavailable."""
        waits = self._waits(line)
        limit = min(line.free, DRIBBLE if waits else BATCH)
        now = self.now()
        spent = line.allowance is not None and line.allowance.spent
        if self.closed or not limit or spent or (waits and 0 <= now - self._dribbled.get(line.name, -PAUSE_MS) < PAUSE_MS):
            return False
        line.held += limit  # fresh mail must not take the room meanwhile
        try:
            tasks, more = self.fetching.due(line, now, now + LEASE_MS, limit)
        finally:
            line.held -= limit
        if waits and tasks:  # the next look waits, whatever would hasten it: news, or outcomes that are recorded
            self._dribbled[line.name] = now
        crowds: dict[str, list[Task]] = {}  # by site
        for task in tasks:
            again = [one for one in task.addressees if one.id in self.in_hand]
            self._take_in_hand(again, now + LEASE_MS)  # we had not renewed it in time
            task.addressees = [one for one in task.addressees if one not in again]
            if not task.addressees:
                continue
            if line.crowded(task):
                crowds.setdefault(task.site, []).append(task)
            else:
                self._take_in_hand(task.addressees, now + LEASE_MS)
                self.reserved.update((one.id, task.reserved) for one in task.addressees if task.reserved)
                line.add(task)
        for site, crowd in crowds.items():
            self._give_way(crowd, now + int(line.put_off(site) * 1000))
        return more and not waits

    def _give_way(self, crowd: list[Task], due: int) -> None:
        try:
            self.fetching.give_back(crowd, due)
        except StoreUnavailable as error:  # their leases end by themselves; what else was fetched must get its turn
            self.log.warning("queue.not_given_back", what="crowd", reason=str(error))

    def _waits(self, line: Line) -> bool:
        """True when the line's one site, a relay, is down: its mail stays untouched in the database but for a few now and then."""
        return (line.sender.name, "") in self.sites.down

    def next_due(self, line: Line) -> float | None:
        """Seconds until the next mail of the line is due (0 or less: now); None when there is none."""
        due = self.fetching.next_due(line)
        if due is None:
            return None
        return max(due / 1000 - self.clock(), PAUSE if self._waits(line) else 0.0)

    def bounces(self) -> list[Finished]:
        """Mail that the administrator wants returned: claimed, and failed without an attempt."""
        now = self.now()
        found: list[Finished] = []
        for channel in dict.fromkeys((OUT, *(line.channel for line in self.lines))):
            if self.db.read(lambda tx, name=channel: claim.next_due(tx, name, BOUNCING)) is None:  # type: ignore[misc]
                continue
            rows = self.db.write(
                lambda tx, name=channel: claim.take(tx, name, self.owner, now, now + LEASE_MS, BATCH, BOUNCING)  # type: ignore[misc]
            )
            for letter, addressees in rows:
                mine = [one for one in addressees if one.id not in self.in_hand]
                self._take_in_hand(mine, now + LEASE_MS)
                found.append(
                    Finished(Task(letter, "", mine), {one.id: REMOVED for one in mine}, now, self._chunks(letter), attempted=False)
                )
        return found

    def renew(self) -> None:
        """Hold what is in hand for another LEASE seconds. Raises StoreUnavailable."""
        numbers = list(self.in_hand)
        until = self.now() + LEASE_MS
        rows = set(self.reserved.values())

        def work(tx: Tx) -> set[int]:
            ours = claim.renew(tx, numbers, self.owner, until)
            budget.hold(tx, rows, until)
            return ours

        held = self.db.write(work) if numbers else set()
        for number in numbers:
            if number in self.in_hand:
                self.in_hand[number] = until if number in held else 0

    def _ours(self, task: Task) -> bool:
        now = self.now()
        return all(self.in_hand.get(one.id, 0) > now for one in task.addressees)

    def _take_in_hand(self, addressees: Iterable[Addressee], until: int) -> None:
        self.in_hand.update((one.id, until) for one in addressees)

    def _out_of_hand(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.in_hand.pop(number, None)
            self.reserved.pop(number, None)

    def forfeit(self) -> None:
        """Before the first work: what is claimed in this worker's name was claimed by a process that has died. Raises StoreUnavailable."""
        now = self.now()
        self.db.write(lambda tx: claim.forfeit(tx, self.owner, now))
        self.sites.leave()

    def give_back(self, tasks: Iterable[Task]) -> None:
        """Let other workers have these tasks, which were not attempted, or not to the end. Raises StoreUnavailable."""
        some = list(tasks)
        if some:
            self.fetching.give_back(some, self.now())
            self._out_of_hand(one.id for task in some for one in task.addressees)

    # --- the attempt, and what comes of it ---

    def attempt(self, line: Line, task: Task) -> Finished | None:
        """Let the sender try. Never raises: a fault of the sender is an outcome to try again.

        None when the lease has run out meanwhile, or the database is away: another worker may be sending it. If not, it is fetched again.
        None also when the run has carried what it may.
        """
        if not self._ours(task):
            self._out_of_hand(one.id for one in task.addressees)
            return None
        self.begin(line)
        try:
            self._put_back(line.over(task))
            if not task.addressees:
                return None
            finished = self.attempts.make(line, task, self._chunks(task.letter))
        except StoreUnavailable as error:  # before anything was sent: it is fetched again when its lease has ended
            self.log.warning("queue.not_attempted", reason=str(error))
            self._out_of_hand(one.id for one in task.addressees)
            return None
        if line.allowance is not None and not finished.tried:
            line.allowance.give_back(len(task.addressees))
        return finished

    def _put_back(self, tasks: Sequence[Task]) -> None:
        """Leave these to the next run. Raises StoreUnavailable."""
        if tasks:
            self._out_of_hand(one.id for task in tasks for one in task.addressees)
            self.fetching.put_back(tasks, self.now())

    def settle(self, batch: Sequence[Finished]) -> None:
        """Record the outcomes in one transaction, with the reports that they call for.

        Raises what stopped it (StoreUnavailable, PluginFault …); nothing is recorded then, and it may be tried again.
        """
        rulings = [rule(finished, finished.retry or self.retry, self.queue.reports) for finished in batch]
        settlement = Settlement(self.owner)
        try:
            for ruling in rulings:
                settlement.add(ruling, self.queue.prepare)
            results = self.db.write(settlement.writer(), keys=settlement.keys)
        except BaseException:
            for _, entry in settlement.entries:
                self.queue.abandon(entry)
            raise
        for (_, entry), result in zip(settlement.entries, results, strict=True):
            if result is None:
                self.queue.abandon(entry)  # another worker was faster and has reported
            else:
                self.queue.finish(entry, result)
        for ruling in rulings:
            self._settled(ruling)

    def _settled(self, ruling: Ruling) -> None:
        task = ruling.finished.task
        self._out_of_hand(one.id for one in task.addressees)
        if ruling.finished.site and ruling.finished.untried:
            self.sites.waited(ruling.finished.by, task.site)
        trace = ids.text(task.letter.id)
        for one, outcome in ruling.outcomes():
            self.metrics.count("queue_attempts", outcome=KINDS[type(outcome)])
            self.ask.tell("delivery_finished", trace=trace, recipient=one.address, outcome=outcome)
            self.log.info(EVENTS[type(outcome)], trace=trace, rcpt=one.address, reply=words(outcome), server=getattr(outcome, "server", ""))

    def _split(self, line: Line, letter: Letter, addressees: list[Addressee]) -> list[Task]:
        if not addressees:
            return []
        try:
            return line.split(letter, addressees)
        except Exception:  # the sender cannot say which site: it will be asked to send, and may say why not
            self.log.exception("queue.sender_failed", sender=line.sender.name, trace=ids.text(letter.id))
            return [Task(letter, "", addressees)]

    def _chunks(self, letter: Letter) -> Callable[[], Iterator[bytes]]:
        if letter.content is not None:
            content = letter.content
            return lambda: iter((letter.prefix, content))
        return lambda: chain((letter.prefix,), self.blobs.read(letter.blob_id))

    def now(self) -> int:
        """The time in milliseconds."""
        return int(self.clock() * 1000)
