"""Connections that wait for their next message, by next hop: reused while young and healthy, closed when idle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .hop import Key
from .session import Session


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long one connection may be used."""

    messages: int = 1000  # transactions on one connection
    recipients: int = 10_000  # RCPT commands on one connection
    recipients_per_message: int = 100  # RFC 5321 4.5.3.1.8: each server takes 100
    age: float = 300.0  # seconds from its opening: a load balancer behind the name gets its chance
    idle: float = 20.0  # seconds unused; a connection costs the server more than it costs us
    most_idle: int = 200  # connections that wait for mail; a sender with many sites would keep thousands


class Pool:
    """The idle connections of one sender. Not one is ever shared: ``take`` removes it, ``give`` brings it back."""

    def __init__(self, limits: SessionLimits, clock: Callable[[], float]) -> None:
        self.limits, self._clock = limits, clock
        self._idle: dict[Key, list[Session]] = {}
        self._closed = False
        self._swept = clock()

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, key: Key) -> Session | None:
        """The most recently used healthy connection, None when there is none: open a new one then."""
        sessions = self._idle.get(key)
        while sessions:
            session = sessions.pop()
            healthy = session.quiet()
            if healthy and self._clock() - session.opened < self.limits.age:
                return session
            if healthy:
                session.say_quit()
            session.close()
        return None

    def give(self, session: Session) -> None:
        """Bring a connection back after a transaction. It is closed (QUIT) instead when it has done its share."""
        if self._closed or session.ended or self._spent(session):
            session.quit()
            return
        session.idle_since = now = self._clock()
        self._idle.setdefault(session.key, []).append(session)
        if len(self) > self.limits.most_idle or now - self._swept > self.limits.idle:
            self._sweep(now)

    def room(self, session: Session) -> int:
        """How many recipients the next transaction of this connection may have."""
        limits, offered = self.limits, session.capabilities.recipients_limit
        per_message = min(limits.recipients_per_message, offered) if offered else limits.recipients_per_message
        return max(1, min(per_message, limits.recipients - session.recipients))

    def close_idle(self) -> None:
        """Close what has been unused for long, as nobody has mail now."""
        self._swept = self._clock()
        dismiss(self._old(self._swept - self.limits.idle), self._clock)

    def _sweep(self, now: float) -> None:
        """The same in the midst of work, and half of all when there are too many: nobody waits for the answers to QUIT."""
        self._swept = now
        excess = len(self) > self.limits.most_idle
        ages = sorted(session.idle_since for sessions in self._idle.values() for session in sessions)
        for session in self._old(max(now - self.limits.idle, ages[(len(ages) - 1) // 2] if excess else 0.0)):
            session.say_quit()
            session.close()

    def _old(self, before: float) -> list[Session]:
        """Take out those that have been idle since then or longer."""
        old = []
        for key, sessions in list(self._idle.items()):
            old += [session for session in sessions if session.idle_since <= before]
            young = [session for session in sessions if session.idle_since > before]
            if young:
                self._idle[key] = young
            else:
                del self._idle[key]
        return old

    def relieve(self) -> bool:
        """Close all that is idle at once, because this machine has no descriptor left; False when there was nothing."""
        sessions = [session for waiting in self._idle.values() for session in waiting]
        self._idle.clear()
        for session in sessions:
            session.say_quit()
            session.close()
        return bool(sessions)

    def close(self) -> None:
        """Close all that is idle, and from now on each connection that comes back."""
        self._closed = True
        everything = [session for sessions in self._idle.values() for session in sessions]
        self._idle.clear()
        dismiss(everything, self._clock)

    def _spent(self, session: Session) -> bool:
        limits, offered = self.limits, session.capabilities.messages_limit
        return (
            session.messages >= (min(limits.messages, offered) if offered else limits.messages)
            or session.recipients >= limits.recipients
            or self._clock() - session.opened >= limits.age
        )


def dismiss(sessions: list[Session], clock: Callable[[], float]) -> None:
    """QUIT to all of them first, then wait for their answers: together they take as long as the slowest."""
    told = [session for session in sessions if session.say_quit()]
    began = clock()
    for session in told:
        session.await_goodbye(max(began + session.hop.timeouts.quit - clock(), 0.0))
    for session in sessions:
        session.close()
