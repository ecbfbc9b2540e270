"""Delivers one message to a list of next hops: finds a connection, splits by recipients, and answers for every recipient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...mail.delivery import Outcome, TryLater
from ...provided import Outgoing, QueuedRecipient
from .connect import Dialer
from .faults import HopFault, Unreachable
from .hop import Key, NextHop
from .pool import Pool
from .session import Session
from .transaction import Transaction

AVOID_SECONDS = 60.0  # a server that could not be used is left out for this long while there are others
RECENT_SECONDS = 5.0  # a failure this young is answered from memory: a full queue neither waits for it nor hammers the login


class Courier:
    """Sends over pooled connections; several greenlets may call ``deliver`` at once."""

    def __init__(self, dialer: Dialer, pool: Pool, clock: Callable[[], float]) -> None:
        self.dialer, self.pool, self._clock = dialer, pool, clock
        self._failed: dict[Key, tuple[float, HopFault]] = {}  # when and how each server failed last

    def deliver(self, outgoing: Outgoing, hops: Sequence[NextHop]) -> dict[int, Outcome]:
        """An outcome for each recipient id. ``hops`` are tried in order until one takes mail at all; its answers to the message count."""
        outcomes: dict[int, Outcome] = {}
        waiting: list[QueuedRecipient] = list(outgoing.recipients)
        while waiting:
            try:
                session = self._session(hops)
                waiting = self._some(session, outgoing, waiting, outcomes)
            except HopFault as fault:
                late = TryLater(fault.reply, fault.server)
                for recipient in waiting:
                    outcomes.setdefault(recipient.id, late)
                break
        return outcomes

    def _some(
        self, session: Session, outgoing: Outgoing, waiting: list[QueuedRecipient], outcomes: dict[int, Outcome]
    ) -> list[QueuedRecipient]:
        """One transaction with as many as it may have; those that still wait after it. Raises HopFault."""
        room, heard, used = self.pool.room(session), session.heard, session.messages > 0
        try:
            transaction = Transaction(session, outgoing, outcomes)
            transaction.send(waiting[:room])
        except HopFault:
            session.close()
            if used and session.heard == heard:
                return waiting  # it was closed while idle (or was told 421 now): not worth waiting for the next attempt
            raise
        except BaseException:  # the store, our bug, or the end of this greenlet: in the middle of anything
            session.close()
            raise
        self.pool.give(session.hop.key, session)
        return transaction.postponed + waiting[room:]

    def _session(self, hops: Sequence[NextHop]) -> Session:
        """An idle or new connection to the first hop that is ready for mail. Raises HopFault with the words of all of them."""
        faults: list[HopFault] = []
        for hop in self._able(hops):
            session = self.pool.take(hop.key)
            if session is not None:
                return session
            try:
                return self._opened(hop)
            except HopFault as fault:
                faults.append(fault)
        if len(faults) == 1:
            raise faults[0]
        raise Unreachable("; ".join(str(fault) for fault in faults) or "No server to send to", "4.4.1")

    def _able(self, hops: Sequence[NextHop]) -> Sequence[NextHop]:
        """The hops without those that could not be used lately; all of them when there are no others."""
        if not self._failed:
            return hops
        before = self._clock() - AVOID_SECONDS
        return [hop for hop in hops if not self._failed_since(hop.key, before)] or hops

    def _failed_since(self, key: Key, before: float) -> bool:
        return key in self._failed and self._failed[key][0] > before

    def _opened(self, hop: NextHop) -> Session:
        """A new connection. Raises HopFault, from memory when this server failed a moment ago."""
        when, fault = self._failed.get(hop.key, (0.0, None))
        if fault is not None and self._clock() - when < RECENT_SECONDS:
            raise fault.again()
        try:
            session = self.dialer.open(hop)
        except HopFault as error:
            self._failed[hop.key] = (self._clock(), error.again())
            raise
        self._failed.pop(hop.key, None)
        return session
