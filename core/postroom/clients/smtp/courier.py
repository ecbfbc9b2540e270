"""Delivers one message to a list of next hops: finds a connection, splits by recipients, and answers for every recipient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...mail.delivery import Delivered, Failed, Outcome
from ...provided import SETTLED, Outgoing, QueuedRecipient
from .commands import unmet
from .connect import Dialer
from .ears import Ears
from .faults import HopFault, Loop, Strained, Unfit, together
from .hop import Key, NextHop
from .pool import Pool
from .session import Session
from .shortages import Shortages
from .transaction import Transaction

AVOID_SECONDS = 60.0  # a server that could not be used is tried after the others for this long
RECENT_SECONDS = 5.0  # a failure this young is answered from memory: a full queue neither waits for it nor hammers the login
MOST_FAILED = 1000  # servers whose failure is remembered

Hops = Iterable[NextHop | HopFault]  # a server that is out of the question is given as its fault; may be gone through several times


class Courier:
    """Sends over pooled connections; several greenlets may call ``deliver`` at once.

    ``ears``: who hears what servers say; ``shortages``: who is told when this machine is short of something.
    """

    def __init__(
        self,
        dialer: Dialer,
        pool: Pool,
        clock: Callable[[], float],
        ears: Ears | None = None,
        shortages: Shortages | None = None,
    ) -> None:
        self.dialer, self.pool, self._clock, self._ears = dialer, pool, clock, ears
        self.shortages = shortages or Shortages(None, "")
        self._failed: dict[Key, tuple[float, HopFault]] = {}  # when and how each server failed last

    def deliver(self, outgoing: Outgoing, hops: Hops, left: HopFault | None = None) -> dict[int, Outcome]:
        """An outcome for each recipient id. ``hops`` are tried in order until one takes mail at all; its answers to the message count.

        ``left``: what is to be said of further servers that are not tried now, when none of these takes mail.
        """
        outcomes: dict[int, Outcome] = {}
        try:
            self._deliver(outgoing, hops, left, outcomes)
        finally:  # also when the message cannot be read to its end: nobody gets a second copy because somebody else has got none
            note_settled(outgoing, outcomes)
        return outcomes

    def _deliver(self, outgoing: Outgoing, hops: Hops, left: HopFault | None, outcomes: dict[int, Outcome]) -> None:
        waiting: list[QueuedRecipient] = list(outgoing.recipients)
        while waiting:
            try:
                session = self._session(outgoing, hops, left)
            except HopFault as fault:
                if isinstance(fault, Strained):
                    self.shortages.met(str(fault))
                late = fault.outcome()
                for recipient in waiting:
                    outcomes.setdefault(recipient.id, late)
                break
            try:
                waiting = self._some(session, outgoing, waiting, outcomes)
            except HopFault as fault:
                self._note(session.key, fault)
                hops = Without(hops, session.key, fault)

    def _some(
        self, session: Session, outgoing: Outgoing, waiting: list[QueuedRecipient], outcomes: dict[int, Outcome]
    ) -> list[QueuedRecipient]:
        """One transaction with as many as it may have; those that still wait after it. Raises HopFault when it came to no answer at all."""
        room, used = self.pool.room(session), session.messages > 0
        transaction = self._begun(session, outgoing, outcomes)
        try:
            transaction.send(waiting[:room])
        except HopFault as fault:
            session.close()
            fault.how = session.how("broken off")
            undecided = _undecided(transaction, outcomes, waiting[:room])
            if undecided and used:
                return waiting  # it was closed while idle (or was told 421 now): not worth waiting for the next attempt
            if undecided and fault.reply.code != 421:
                raise  # another server may do better (RFC 5321 section 5.1)
            if transaction.accepted:
                fault.kind = "answer"  # in the middle of this message: others may pass, and must not wait for it
            late = fault.outcome()
            for recipient in waiting:
                outcomes.setdefault(recipient.id, late)
            return []
        except BaseException:  # the store, our bug, or the end of this greenlet: in the middle of anything
            session.close()
            raise
        self.pool.give(session)
        return transaction.postponed + waiting[room:]

    def _begun(self, session: Session, outgoing: Outgoing, outcomes: dict[int, Outcome]) -> Transaction:
        """A transaction; a message that cannot be read costs the connection."""
        try:
            return Transaction(session, outgoing, outcomes)
        except BaseException:
            session.close()
            raise

    def _session(self, outgoing: Outgoing, hops: Hops, left: HopFault | None) -> Session:
        """An idle or new connection to the first hop that is ready for this mail. Raises HopFault with the words of all of them."""
        faults: list[HopFault] = []
        for hop in self._in_order(hops):
            try:
                session = self._ready(hop, outgoing)
            except HopFault as fault:
                faults.append(fault)
                if isinstance(fault, Loop):
                    raise together(faults) from None
                continue
            session.before = "; ".join(dict.fromkeys(str(fault) for fault in faults)) if faults else ""
            return session
        raise together(faults if left is None else [*faults, left])

    def _ready(self, hop: NextHop | HopFault, outgoing: Outgoing) -> Session:
        """A connection to one server. Raises HopFault."""
        if isinstance(hop, HopFault):
            raise hop.again()
        session = self.pool.take(hop.key) or self._opened(hop)
        reply = unmet(outgoing, session.capabilities, verified=session.verified)
        if reply is not None:
            self.pool.give(session)
            raise Unfit(f"{session.server}: {reply.text}", reply.enhanced, code=reply.code, server=session.server)
        return session

    def _in_order(self, hops: Hops) -> Iterator[NextHop | HopFault]:
        """The hops, those last that could not be used lately."""
        before = self._clock() - AVOID_SECONDS
        late = []
        for hop in hops:
            if self._failed and isinstance(hop, NextHop) and self._failed_since(hop.key, before):
                late.append(hop)
            else:
                yield hop
        yield from late

    def _failed_since(self, key: Key, before: float) -> bool:
        return key in self._failed and self._failed[key][0] > before

    def _opened(self, hop: NextHop) -> Session:
        """A new connection. Raises HopFault, from memory when this server failed a moment ago."""
        when, fault = self._failed.get(hop.key, (0.0, None))
        if fault is not None and self._clock() - when < RECENT_SECONDS:
            raise fault.again()
        try:
            session = self._dialled(hop)
        except Strained:
            raise
        except HopFault as error:
            self._note(hop.key, error)
            raise
        self._failed.pop(hop.key, None)
        return session

    def _dialled(self, hop: NextHop) -> Session:
        """A new connection, if need be in place of all that wait for mail."""
        try:
            return self.dialer.open(hop, self._ears)
        except Strained:
            if not self.pool.relieve():
                raise
        return self.dialer.open(hop, self._ears)

    def _note(self, key: Key, fault: HopFault) -> None:
        """Remember that a server could not be used just now."""
        self._failed.pop(key, None)
        self._failed[key] = (self._clock(), fault.again())
        while len(self._failed) > MOST_FAILED:
            del self._failed[next(iter(self._failed))]


@dataclass(frozen=True, slots=True)
class Without:
    """The hops of a delivery of which one has failed meanwhile: it is given as its fault."""

    hops: Hops
    key: Key
    fault: HopFault

    def __iter__(self) -> Iterator[NextHop | HopFault]:
        for hop in self.hops:
            yield self.fault if isinstance(hop, NextHop) and hop.key == self.key else hop


def _undecided(transaction: Transaction, outcomes: Mapping[int, Outcome], sent: Iterable[QueuedRecipient]) -> bool:
    """True when a transaction that was broken off has decided nothing: no recipient was answered, and the message has not left."""
    if not transaction.begun:
        return True
    travels = transaction.offered.chunking  # with its envelope: the server may have it, and a second copy would be worse than to wait
    return not (transaction.accepted or travels or any(recipient.id in outcomes for recipient in sent))


def note_settled(outgoing: Outgoing, outcomes: Mapping[int, Outcome]) -> None:
    """Keep what is final where the queue finds it, whatever happens to the rest of the attempt."""
    found = outgoing.notes.setdefault(SETTLED, {})
    if isinstance(found, dict):
        found.update((number, one) for number, one in outcomes.items() if isinstance(one, Delivered | Failed))
