"""One way out of this worker: the tasks that wait for one connection's sender, by site, and how many may run at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..provided import Outgoing
from .allowance import Allowance
from .letter import OUT, Addressee, Letter, Task

if TYPE_CHECKING:
    from ..provided import Sender

ROOM = 1000  # recipients that one line holds in memory: mail of a domain that comes together shares its connections
FRESH = 200  # while it holds fewer than that it takes fresh mail from memory, with letters of up to CARRIED bytes: a few megabytes
PER_SITE = 10  # transactions at once with one site, so that a slow site does not take all of a sender's greenlets
AT_FIRST = 2  # the same with a site that has not answered yet: as many successes as may run allow one more, each failure halves it
SITES = 10_000  # that are remembered
MOST_PUT_OFF = 60  # seconds
PER_TASK = 100  # recipients in one transaction: what every server must take (RFC 5321 4.5.3.1.8)


@dataclass(slots=True)
class Line:
    """The waiting and running tasks of one connection. Has no clock and starts nothing by itself."""

    name: str  # of the connection
    sender: Sender
    channel: str = OUT
    immediate: bool = True
    default: bool = True
    open: bool = True  # False: a connection that waits for the schedule or for "connect now"
    run_started: int = 0  # ms since 1970: when the run that is under way has begun; 0 for a permanent line
    allowance: Allowance | None = None  # what this run may still carry; None: all there is
    room: int = ROOM
    held: int = 0  # recipients waiting, running or promised
    running: int = 0
    _waiting: dict[str, deque[Task]] = field(default_factory=dict)  # by site, in the order of turns
    _busy: dict[str, int] = field(default_factory=dict)
    _windows: dict[str, float] = field(default_factory=dict)  # transactions at once that a site has earned
    _crowds: dict[str, int] = field(default_factory=dict)  # how often mail of a site was put off since its last attempt ended

    @property
    def free(self) -> int:
        """How many more recipients fit."""
        return max(0, self.room - self.held)

    def takes_fresh(self, recipients: int) -> bool:
        """True when mail for so many recipients may come to it straight from memory."""
        return self.held + recipients <= min(FRESH, self.room)

    @property
    def quiet(self) -> bool:
        """Nothing waits and nothing runs."""
        return not self.running and not self._waiting

    def split(self, letter: Letter, addressees: list[Addressee]) -> list[Task]:
        """Tasks for the recipients of one letter: one a site and way to it, and no more than PER_TASK recipients in each."""
        ways: dict[tuple[str, str], list[Addressee]] = {}  # a way may have a return path of its own
        for addressee in addressees:
            ways.setdefault((self._site(letter, addressee), addressee.via), []).append(addressee)
        most = self.per_message
        return [
            Task(letter, site, found[start : start + most]) for (site, _), found in ways.items() for start in range(0, len(found), most)
        ]

    def _site(self, letter: Letter, addressee: Addressee) -> str:
        if getattr(self.sender, "site_for", None) is not None:
            return site_of(self.sender, seen(letter, addressee, self.channel))
        return self.sender.site(addressee.address, addressee.via)

    @property
    def plain(self) -> bool:
        """True when the sender takes whatever comes, in the order of its coming: fresh mail may go to it straight from memory."""
        rules = self.sender.rules
        return not (rules.takes or rules.only_waiting or rules.smaller_first or rules.reverse or rules.rate or rules.max_size)

    @property
    def per_message(self) -> int:
        """How many recipients one task has at most: with a rate, as many as one message to the server."""
        return PER_TASK if self.sender.rules.rate is None else min(PER_TASK, self.sender.bounds.recipients_per_message)

    def crowded(self, task: Task) -> bool:
        """True when so much waits for this site that more of it would keep other sites' mail out of the memory.

        A site that has shown that it works may fill half of it, any other an eighth: it may never answer.
        """
        part = 2 if self._windows.get(task.site, AT_FIRST) > AT_FIRST else 8
        return bool(task.site) and len(self._waiting.get(task.site, ())) >= self.room // part

    def put_off(self, site: str) -> float:
        """Seconds until more mail for a crowded site is looked at: a moment, and longer each time while nothing comes of its attempts."""
        times = self._crowds.pop(site, 0)
        self._crowds[site] = times + 1
        if len(self._crowds) > SITES:
            del self._crowds[next(iter(self._crowds))]
        return float(min(2**times, MOST_PUT_OFF))

    def add(self, task: Task) -> None:
        """A task that is claimed and not counted in ``held`` yet."""
        self.held += len(task.addressees)
        self.queue(task)

    def queue(self, task: Task) -> None:
        """A task whose recipients are already counted in ``held``."""
        self._waiting.setdefault(task.site, deque()).append(task)

    def next(self) -> Task | None:
        """The next task whose site is not too busy, sites taking turns; it counts as running until ``done``."""
        if self.running >= self.sender.concurrency:
            return None
        site = self._turn()
        if site is None:
            return None
        tasks = self._waiting.pop(site)
        task = tasks.popleft()
        if tasks:
            self._waiting[site] = tasks  # at the end: the others first
        self._busy[site] = self._busy.get(site, 0) + 1
        self.running += 1
        return task

    def done(self, task: Task) -> None:
        """The attempt is over; its recipients count in ``held`` until ``forget``, when the outcome is in the database."""
        self.running -= 1
        left = self._busy[task.site] - 1
        if left:
            self._busy[task.site] = left
        else:
            del self._busy[task.site]

    def forget(self, task: Task) -> None:
        """The task needs no memory any more."""
        self.held -= len(task.addressees)

    def clear(self) -> list[Task]:
        """Take out all that waits."""
        tasks = [task for waiting in self._waiting.values() for task in waiting]
        self._waiting.clear()
        for task in tasks:
            self.forget(task)
        return tasks

    def over(self, task: Task) -> list[Task]:
        """What of this task, and of those behind it, has to wait for the next run: it is taken out, and needs no memory any more."""
        if self.allowance is None:
            return []
        count = self.allowance.take(len(task.addressees))
        left = Task(task.letter, task.site, task.addressees[count:])
        task.addressees = task.addressees[:count]
        self.forget(left)
        return ([left] if left.addressees else []) + (self.clear() if self.allowance.spent else [])

    def went(self, site: str, *, well: bool) -> None:
        """An attempt with this site is over: more at once while it goes well, half as many when it does not."""
        self._crowds.pop(site, None)
        before = self._windows.pop(site, AT_FIRST)
        self._windows[site] = min(before + 1 / before, PER_SITE) if well else max(1, before / 2)
        if len(self._windows) > SITES:
            del self._windows[next(iter(self._windows))]

    def doubts(self, site: str) -> bool:
        """True when the last attempts with this site went wrong."""
        return self._windows.get(site, AT_FIRST) < AT_FIRST

    def _shares(self) -> tuple[int, int]:
        """How many more attempts may run with sites that have not shown yet that they work, and with sites that failed last.

        Each may wait for a server that never answers: a part of the sender's connections is always left to those that do.
        """
        quarter = max(1, self.sender.concurrency // 4)
        doubtful = sum(busy for site, busy in self._busy.items() if site and self._windows.get(site, AT_FIRST) <= AT_FIRST)
        failing = sum(busy for site, busy in self._busy.items() if site and self._windows.get(site, AT_FIRST) < AT_FIRST)
        return max(1, self.sender.concurrency - quarter) - doubtful, quarter - failing

    def _turn(self) -> str | None:
        """The first site that may have one more attempt."""
        shares = None
        for site in self._waiting:
            if self._busy.get(site, 0) >= self._limit(site):
                continue
            window = self._windows.get(site, AT_FIRST)
            if not site or window > AT_FIRST:
                return site
            doubtful, failing = shares = shares or self._shares()
            if doubtful > 0 and (window == AT_FIRST or failing > 0):
                return site
        return None

    def _limit(self, site: str) -> int:
        return int(self._windows.get(site, AT_FIRST)) if site else self.sender.concurrency  # "": a relay, one site for everything


def seen(letter: Letter, addressee: Addressee, channel: str) -> Outgoing:
    """A message for one recipient as senders see it, but for its bytes."""
    return Outgoing(
        "", letter.sender, letter.size, (addressee.seen(),), lambda: iter(()), user=letter.user, channel=channel,
        queued_at=letter.queued_at / 1000, priority=letter.priority, client_address=letter.client_address, local_origin=letter.local_origin,
    )  # fmt: skip


def site_of(sender: Sender, outgoing: Outgoing) -> str:
    """The site of a message with one recipient. A sender has ``site_for`` when its sites depend on more than the address."""
    exact, one = getattr(sender, "site_for", None), outgoing.recipients[0]
    return sender.site(one.address, one.via) if exact is None else str(exact(outgoing))
