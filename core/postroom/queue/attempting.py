"""One attempt: what plugins and the rules say before it, the sender's try, and what it means for the site."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from .. import ids
from ..mail.address import parse_address
from ..mail.delivery import Delivered, Failed, NotNow, Outcome, TryLater, sensible
from ..mail.reply import Reply
from ..mail.sending import FAR, AttemptPlan, rank
from ..provided import SETTLED, Outgoing
from ..sending.via import path_in
from ..store.database import StoreUnavailable
from .everybody import everybody
from .letter import OUT
from .outcome import A_MOMENT, Finished, Gone
from .putting_off import noticed
from .sites import waiting_for

if TYPE_CHECKING:
    from ..asking import Asker
    from ..metrics import Metrics
    from ..sending.retry import Retry
    from .letter import Letter, Task
    from .line import Line
    from .sites import Sites

FAULT = TryLater(Reply(451, "4.3.0", "Internal problem while sending"))
TOO_LARGE = Failed(Reply(552, "5.3.4", "The message is larger than the sender of this connection may send"))
Chunks = Callable[[], Iterator[bytes]]


@dataclass
class Attempts:
    """Makes attempts. ``clock``: epoch seconds; ``retry_of``: the retry schedule of a line."""

    ask: Asker
    sites: Sites
    clock: Callable[[], float]
    log: Any
    metrics: Metrics
    retry_of: Callable[[Line], Retry]

    def make(self, line: Line, task: Task, chunks: Chunks) -> Finished:
        """Let the sender try, unless something speaks against it. Raises StoreUnavailable, and GreenletExit at the stop."""
        try:
            finished = self._made(line, task, chunks)
        except (StoreUnavailable, GreenletExit):
            raise
        except BaseException:  # before anything was sent: nonsense of a plugin, or a timeout left behind, must not cost the line its room
            self.log.exception("queue.attempt_failed", sender=line.sender.name, trace=ids.text(task.letter.id))
            finished = self._all(task, FAULT, chunks)
        finished.retry, finished.by = self.retry_of(line), line.sender.name
        noticed(finished, finished.retry)
        return finished

    def _made(self, line: Line, task: Task, chunks: Chunks) -> Finished:
        letter, now = task.letter, self.clock()
        site = waiting_for(line.sender.name, task.site)
        if letter.delete_at and now * 1000 >= letter.delete_at:
            return self._all(task, Gone("its time in the queue is up"), chunks)
        limit = line.sender.rules.max_size
        if limit and letter.size > limit:
            return self._all(task, TOO_LARGE, chunks)
        down = self.sites.blocked(line.sender.name, task.site)
        if down is not None:
            finished = self._all(task, down.outcome, chunks)
            finished.site, finished.untried = site, max(down.next_probe, self._now())
            finished.punctual = self.sites.awaited(line.sender.name, task.site, down.next_probe)
            return finished
        return self._as_planned(line, task, outgoing_of(line, task, chunks, partial(everybody, self.sites.db, letter.id)), site)

    def _as_planned(self, line: Line, task: Task, outgoing: Outgoing, site: str) -> Finished:
        letter, chunks, now = task.letter, outgoing.chunks, self.clock()
        plan = self._planned(outgoing, letter)
        delete_at = _moment(plan.delete_at)
        if plan.delete or (delete_at and delete_at <= now * 1000):
            return self._all(task, Gone(plan.reason or "a plugin has deleted it"), chunks)
        if not plan.skip and rank(plan.priority) > rank(letter.priority):
            finished = self._all(task, NotNow(plan.reason or "a plugin has put it behind the others", now, quiet=True), chunks)
            finished.gives_way = True
        elif plan.skip:
            until, held = plan.hold_until or now + A_MOMENT, bool(plan.hold_until)
            finished = self._all(task, NotNow(plan.reason or "a plugin has skipped it", until, quiet=held), chunks)
        else:
            finished = self._sent(line, task, self._with_return_path(outgoing))
            finished.site, finished.last_try = site, plan.last_try
        finished.priority, finished.delete_at = plan.priority, delete_at
        return finished

    def _planned(self, outgoing: Outgoing, letter: Letter) -> AttemptPlan:
        given = AttemptPlan(priority=letter.priority, delete_at=letter.delete_at / 1000)
        plan: AttemptPlan = self.ask.transform("attempt_starting", "plan", given, outgoing=outgoing)
        return plan if 1 <= plan.priority <= 100 else replace(plan, priority=letter.priority)

    def _with_return_path(self, outgoing: Outgoing) -> Outgoing:
        routed = path_in(outgoing.recipients[0].via)  # one for all recipients: Line.split
        path: str = self.ask.transform("return_path", "path", outgoing.sender if routed is None else routed, outgoing=outgoing)
        if path == outgoing.sender and routed is None:
            return outgoing
        if path not in ("", routed):
            parse_address(path, utf8=outgoing.smtputf8)  # a plugin's mistake must not come back to the sender as a failure
        return replace(outgoing, return_path=path)

    def _sent(self, line: Line, task: Task, outgoing: Outgoing) -> Finished:
        began = self._now()
        outcomes: dict[int, Outcome]
        try:
            outcomes = dict(line.sender.send(outgoing))
            if not all(map(sensible, outcomes.values())):
                self._nonsense(line, outgoing, outcomes)
        except GreenletExit:  # the stop
            done = settled(outgoing)
            if not done:
                raise
            left = NotNow("the server stops", self.clock() + 1.0, quiet=True)
            return Finished(
                task, {one.id: done.get(one.id, left) for one in task.addressees}, self._now(), outgoing.chunks, tried=len(done)
            )
        except BaseException:  # a plugin's bug is only its own, and so is a timeout of gevent's that it has not caught
            self.log.exception("queue.sender_failed", sender=line.sender.name, trace=outgoing.trace)
            self.metrics.count("queue_sender_faults", sender=line.sender.name)
            outcomes = dict.fromkeys((one.id for one in task.addressees), FAULT) | settled(outgoing)
        try:
            self._judge(line, task, outcomes, began)
        except GreenletExit:  # the stop; what has come of the message counts all the same
            pass
        except BaseException:
            self.log.exception("site.not_noted", sender=line.sender.name, site=task.site)
        tried = sum(1 for one in task.addressees if _offered(outcomes.get(one.id)))
        return Finished(task, outcomes, self._now(), outgoing.chunks, bool(outgoing.notes.get("dsn")), tried=tried)

    def _nonsense(self, line: Line, outgoing: Outgoing, outcomes: dict[int, Outcome]) -> None:
        """What is no outcome becomes a temporary failure of our own: it says nothing about the site, and what does make sense counts."""
        found = {number: one for number, one in outcomes.items() if not sensible(one)}
        self.log.error(
            "queue.sender_failed", sender=line.sender.name, plugin=type(line.sender).__module__.partition(".")[0], trace=outgoing.trace,
            reason=f"it has answered {reprlib.repr(found)}, and not with Delivered, TryLater, Failed or NotNow",
        )  # fmt: skip
        self.metrics.count("queue_sender_faults", sender=line.sender.name)
        outcomes.update(dict.fromkeys(found, FAULT))

    def _judge(self, line: Line, task: Task, outcomes: Mapping[int, Outcome], began: int) -> None:
        """What the outcomes say about the site; nothing when it has had no part in them."""
        found = list(outcomes.values())
        if all(_silent(one) for one in found):
            return
        troubles = [one for one in found if isinstance(one, TryLater) and one.kind != "answer"]
        doubted = line.doubts(task.site) or (line.sender.name, task.site) in self.sites.down
        line.went(task.site, well=not troubles and not any(_busy(one) for one in found))
        try:
            if len(troubles) == len(found):
                if not doubted and all(one.kind == "broken" for one in troubles):
                    return  # a server that works may break off over one message: the others must not wait for that
                self.sites.failed(line.sender.name, task.site, troubles[0], self.retry_of(line), began)
                self.log.info("site.down", sender=line.sender.name, site=task.site, reason=str(troubles[0].reply))
            elif any(_offered(one) or isinstance(one, Failed) for one in found) and self.sites.works(line.sender.name, task.site):
                self.log.info("site.back", sender=line.sender.name, site=task.site)
        except StoreUnavailable as error:  # what was sent counts all the same; the next attempt finds out again
            self.log.warning("site.not_noted", sender=line.sender.name, site=task.site, reason=str(error))

    def _all(self, task: Task, outcome: Outcome | Gone, chunks: Chunks) -> Finished:
        return Finished(task, {one.id: outcome for one in task.addressees}, self._now(), chunks)

    def _now(self) -> int:
        return int(self.clock() * 1000)


def outgoing_of(line: Line, task: Task, chunks: Chunks, others: Callable[[], tuple[str, ...]]) -> Outgoing:
    """The task as senders and plugins see it."""
    letter = task.letter
    recipients = tuple(one.seen() for one in task.addressees)
    return Outgoing(
        ids.text(letter.id), letter.sender, letter.size, recipients, chunks, letter.body, letter.smtputf8, letter.requiretls, letter.ret,
        letter.envid, letter.user, line.channel, letter.queued_at / 1000, letter.priority, letter.client_address, letter.local_origin,
        line.sender.name, line.name if line.channel == OUT else "", total=letter.recipients, everybody=others,
    )  # fmt: skip


def settled(outgoing: Outgoing) -> dict[int, Outcome]:
    """What is delivered, or has failed for good, although the sender has raised since: nobody gets a second copy."""
    found = outgoing.notes.get(SETTLED)
    return {number: one for number, one in found.items() if sensible(one)} if isinstance(found, dict) else {}


def _moment(seconds: object) -> int | None:
    """A plugin's time in milliseconds; None for what is no time."""
    return round(seconds * 1000) if isinstance(seconds, int | float) and 0 <= seconds < FAR else None


def _offered(outcome: Outcome | None) -> bool:
    """True when a server has had its say about this recipient."""
    if isinstance(outcome, TryLater):
        return outcome.kind == "answer" and bool(outcome.server)
    return isinstance(outcome, Delivered) or (isinstance(outcome, Failed) and bool(outcome.server))


def _silent(outcome: Outcome) -> bool:
    """True for what came of ourselves: no server was asked."""
    return isinstance(outcome, NotNow) or (isinstance(outcome, TryLater) and outcome.kind == "answer" and not outcome.server)


def _busy(outcome: Outcome) -> bool:
    return isinstance(outcome, TryLater) and outcome.kind == "answer" and (
        outcome.reply.code == 421 or outcome.reply.enhanced in ("4.3.2", "4.4.5", "4.7.28")
    )  # fmt: skip
