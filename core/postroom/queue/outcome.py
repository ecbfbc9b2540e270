"""What an attempt means for the queue: which recipients are done, which wait, and what the sender must be told. Pure but for reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..mail.delivery import Delivered, Failed, NotNow, Outcome, TryLater
from ..mail.reply import Reply
from ..mail.report import Fate
from ..sending.retry import Retry
from .bounce import Reports, status_in, status_of, wanted
from .letter import Addressee, Task

if TYPE_CHECKING:
    from ..mail.report import Action, Kind
    from .submission import Submission

WORDS = 1000  # characters of a reply that are kept
SPREAD = 60_000  # milliseconds over which the mail of a site that is down comes back
LONGEST_WAIT = 366 * 86400.0  # seconds that a plugin may put a message off
A_MOMENT = 60.0  # seconds: where it names no moment that comes
TIME_IS_UP = "given up: its time in the queue is over"
LAST_TRY = "given up: a plugin has made this attempt the last"
NO_ANSWER = TryLater(Reply(451, "4.3.0", "The sender gave no answer for this recipient"))


@dataclass(frozen=True, slots=True)
class Gone:
    """Taken out of the queue without an attempt, and nobody is told; ``reason`` is for the trace."""

    reason: str


@dataclass(slots=True)
class Finished:
    """One attempt and its outcomes by recipient id."""

    task: Task
    outcomes: Mapping[int, Outcome | Gone]
    at: int  # ms since 1970
    chunks: Callable[[], Iterator[bytes]]
    passed_on: bool = False  # the next hop reports success itself (it offers DSN)
    site: str = ""  # what its recipients wait for when the site fails as a whole: Sites.waiting_for
    untried: int = 0  # ms since 1970: nothing was sent, because the site is down; the next look is then, and no attempt is counted
    punctual: bool = False  # … at that very moment, and not with all the others in the minute after it
    last_try: bool = False  # what is not delivered now has failed
    priority: int = 0  # the letter's from now on; 0 leaves it
    delete_at: int | None = None  # the same, ms since 1970; None leaves it
    gives_way: bool = False  # it was left for mail that goes first now, and its turn comes again after that
    tried: int = 0  # recipients that were offered to a server
    retry: Retry | None = None  # the sender's own; None: the queue's
    by: str = ""  # the name of the sender, for the trace
    attempted: bool = True  # False: the administrator has taken it out, nothing was sent


@dataclass(slots=True)
class Notice:
    """A report that is due once any of these recipients really changes."""

    kind: Kind
    ids: list[int]
    submission: Submission | None
    note: str


@dataclass(slots=True)
class Ruling:
    """What one finished attempt does to its rows."""

    finished: Finished
    delivered: list[tuple[Addressee, Delivered]] = field(default_factory=list)
    failed: list[tuple[Addressee, Failed]] = field(default_factory=list)
    waiting: list[tuple[Addressee, TryLater, int, int]] = field(default_factory=list)  # …, next try (ms), warned
    left: list[tuple[Addressee, NotNow]] = field(default_factory=list)
    removed: list[tuple[Addressee, Gone]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def gone(self) -> list[int]:
        """Recipients that leave the queue."""
        return [addressee.id for addressee, _ in (*self.delivered, *self.failed, *self.removed)]

    def outcomes(self) -> Iterator[tuple[Addressee, Outcome]]:
        """Every recipient with what it came to, but for those that were just taken out."""
        yield from self.delivered
        yield from self.failed
        yield from ((one, outcome) for one, outcome, _, _ in self.waiting)
        yield from self.left

    def story(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The trace events of the attempt."""
        by = {"by": self.finished.by} if self.finished.by else {}
        if self.delivered:
            yield "delivered", by | {"to": [_told(one, outcome) for one, outcome in self.delivered]}
        if self.waiting and not self.finished.untried:  # else the trace of a message for a dead site would have no end
            yield "deferred", by | {"to": [_told(one, outcome) | {"next": due} for one, outcome, due, _ in self.waiting]}
        if self.failed:
            yield "failed", by | {"to": [_told(one, outcome) for one, outcome in self.failed]}
        left = [(one, left) for one, left in self.left if words(left) != one.last_reply]  # or the trace of what waits would have no end
        if left:
            yield "left", by | {"to": [{"rcpt": one.address, "reason": why.reason, "next": int(why.until * 1000)} for one, why in left]}
        if self.removed:
            yield "removed", {"to": [{"rcpt": one.address, "reason": gone.reason} for one, gone in self.removed]}


def rule(finished: Finished, retry: Retry, reports: Reports) -> Ruling:
    """Decide about every recipient of the attempt and write the reports.

    Raises PluginFault or StoreUnavailable when a report cannot be made now.
    """
    ruling = Ruling(finished)
    for addressee in finished.task.addressees:
        outcome = finished.outcomes.get(addressee.id, NO_ANSWER)
        if isinstance(outcome, TryLater):
            due = _next_try(finished, addressee, outcome, retry)
            if due is None:
                why = LAST_TRY if finished.last_try else TIME_IS_UP
                how = f"{outcome.how}; {why}" if outcome.how else why
                ruling.failed.append((addressee, Failed(outcome.reply, outcome.server, how, _ours(outcome))))
            else:
                ruling.waiting.append((addressee, outcome, due, addressee.warned))
        elif isinstance(outcome, Failed):
            ruling.failed.append((addressee, outcome))
        elif isinstance(outcome, NotNow):
            ruling.left.append((addressee, outcome if finished.gives_way else put_off(outcome, finished.at)))
        elif isinstance(outcome, Gone):
            ruling.removed.append((addressee, outcome))
        else:
            ruling.delivered.append((addressee, outcome))
    _report(ruling, retry, reports)
    return ruling


def put_off(left: NotNow, at: int) -> NotNow:
    """The outcome with a moment that comes: anything else would be looked at without end, or never recorded. ``at``: ms since 1970."""
    now = at / 1000
    try:
        wait = float(left.until) - now
    except (TypeError, ValueError):  # a plugin's answer
        wait = 0.0
    named = 0 < wait <= LONGEST_WAIT
    return NotNow(str(left.reason), now + wait if named else now + A_MOMENT, named and left.quiet)


def _next_try(finished: Finished, addressee: Addressee, outcome: TryLater, retry: Retry) -> int | None:
    """When it is tried again (ms); None when the time is up."""
    letter = finished.task.letter
    since, key = letter.since, letter.id  # recipients of one message come back together: else each would have a transaction of its own
    if finished.last_try:
        return None
    if not finished.untried:
        return retry.next_try(since, addressee.attempts + 1, finished.at, key, outcome.kind)
    if retry.next_try(since, 1, finished.at, key) is None:  # the time is up, attempt or not
        return None
    later = 0 if finished.punctual else key % SPREAD
    return min(finished.untried + later, since + int(retry.give_up * 1000))  # not all at once


def _report(ruling: Ruling, retry: Retry, reports: Reports) -> None:
    finished = ruling.finished
    if not (ruling.failed or ruling.waiting or any(one.notify for one, _ in ruling.delivered)):
        return  # as nearly always
    told: list[tuple[Kind, list[tuple[Addressee, Fate]]]] = [
        ("failure", [(one, _failure(one, outcome, finished)) for one, outcome in ruling.failed if wanted(one.notify, "failure")]),
        ("delay", [(one, _delay(one, outcome, finished)) for one, outcome, _, _ in ruling.waiting if _overdue(one, ruling, retry)]),
        ("success", [(one, _success(one, outcome, finished)) for one, outcome in ruling.delivered if _asked(one, finished)]),
    ]
    for kind, chosen in told:
        if chosen:
            made = reports.make(kind, finished.task.letter, [fate for _, fate in chosen], finished.chunks, retry.give_up)
            ruling.notices.append(Notice(kind, [one.id for one, _ in chosen], made.submission, made.note))
    warned = {number for notice in ruling.notices if notice.kind == "delay" for number in notice.ids}
    ruling.waiting = [(one, outcome, due, was or int(one.id in warned)) for one, outcome, due, was in ruling.waiting]


def _overdue(addressee: Addressee, ruling: Ruling, retry: Retry) -> bool:
    late = not addressee.warned and retry.warns(ruling.finished.task.letter.since, ruling.finished.at)
    return late and wanted(addressee.notify, "delay")


def _asked(addressee: Addressee, finished: Finished) -> bool:
    return not finished.passed_on and wanted(addressee.notify, "success")


def _failure(one: Addressee, outcome: Failed, finished: Finished) -> Fate:
    # RFC 3464 2.3.4 wants a code of class 5 for what failed; 4.4.7 "delivery time expired" is the exception that all use (RFC 3463 3.5)
    status = status_of(outcome.reply, "failure") if outcome.reply.final else "4.4.7"
    return _fate(one, "failed", status, words(outcome), "" if outcome.ours else outcome.server, finished)


def _delay(one: Addressee, outcome: TryLater, finished: Finished) -> Fate:
    return _fate(one, "delayed", status_of(outcome.reply, "delay"), words(outcome), "" if _ours(outcome) else outcome.server, finished)


def _ours(outcome: TryLater) -> bool:
    """Whether the words are ours: a report must not quote a server that has not said them (RFC 3464 2.3.6)."""
    return outcome.ours or outcome.kind != "answer"


def _success(one: Addressee, outcome: Delivered, finished: Finished) -> Fate:
    said = outcome.reply[:WORDS]
    return _fate(one, "relayed", status_in(said, "success"), said, outcome.server, finished)


def _fate(one: Addressee, action: Action, status: str, said: str, server: str, finished: Finished) -> Fate:
    tried = finished.attempted and not finished.untried
    attempts, at = (one.attempts + 1, finished.at / 1000) if tried else (one.attempts, 0.0)  # RFC 3464 2.3.7: no date that is not known
    return Fate(one.address, one.original, action, status, said, server, one.orcpt, attempts, at)


def words(outcome: Outcome) -> str:
    """What was answered, on one line and of bounded length."""
    return (outcome.reason if isinstance(outcome, NotNow) else str(outcome.reply)).replace("\x00", " ")[:WORDS]


def _told(one: Addressee, outcome: Delivered | TryLater | Failed) -> dict[str, Any]:
    told = {"rcpt": one.address, "reply": words(outcome), "server": outcome.server}
    return told | {"how": outcome.how[:WORDS]} if outcome.how else told
