"""What the hooks of sending are handed and may change: plans for queued messages and attempts, servers to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ORDINARY = 50  # priority: 100 goes first, 1 last
FAR = 1e11  # epoch seconds: later than anybody means

Protection = Literal["none", "starttls-if-available", "starttls", "tls"]  # the words of ``config.yaml``; "starttls" is required


def rank(priority: int) -> int:
    """The class of a priority by which the queue is read: 0 urgent, 1 ordinary, 2 after the others."""
    return 1 if priority == ORDINARY else 0 if priority > ORDINARY else 2


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """How a message stands in the outgoing queue when it enters it. Times are epoch seconds."""

    priority: int = ORDINARY  # 1 to 100
    hold: bool = False  # until somebody releases it
    hold_until: float = 0.0  # 0: not; else it is not sent before
    delete_at: float = 0.0  # 0: never; else it is taken out of the queue then, and nobody is told
    reason: str = ""  # for the trace

    @property
    def sound(self) -> bool:
        """Whether these are a priority and times."""
        priority, *times = list[object]((self.priority, self.hold_until, self.delete_at))  # a plugin may put anything there
        return isinstance(priority, int) and all(isinstance(one, int | float) and abs(one) < FAR for one in times)


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """What to do with a message whose turn has come. Times are epoch seconds."""

    skip: bool = False  # not this time; does not count as an attempt, but the time until a warning and until it goes back passes
    last_try: bool = False  # if this attempt fails, it is the end
    priority: int = ORDINARY  # from now on; when it falls behind the others' (50, or 49 and less), those go first
    hold_until: float = 0.0  # with ``skip``: look at it again then, and nobody is told of the wait; 0 is a minute from now
    delete: bool = False  # take it out of the queue instead of sending it; nobody is told
    delete_at: float | None = None  # the same at that time, if it is still there; 0: never; None leaves it
    reason: str = ""  # for the trace and the log


@dataclass(frozen=True, slots=True)
class MxServer:
    """One server that mail for a domain may go to. ``username`` and ``password``: only where an override names them."""

    host: str
    port: int = 25
    preference: int = 10  # the lowest is tried first
    username: str = ""
    password: str = ""
    encryption: Protection | None = None  # None: as the sender is configured

    def __repr__(self) -> str:
        """Without the password."""
        return f"MxServer({self.host}:{self.port}, preference {self.preference}{', with a login' if self.username else ''})"


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """Where mail for a domain may go, before and after the DNS is asked.

    ``servers`` None: ask the DNS (with ``use_cache`` False: afresh). An empty list: as if the domain had neither MX nor address.
    """

    use_cache: bool = True
    servers: tuple[MxServer, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServerVerdict:
    """Whether one server may be used for a domain. When no server is left, the mail waits for ``hold`` seconds and it is no failure.

    ``hold`` 0 is a minute; then the sender hears of a delay, and of the end, as of any mail.
    """

    allowed: bool = True
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionBounds:
    """How much one connection of a sender carries; what ``sender_starting`` may change for a run."""

    messages: int
    recipients: int
    recipients_per_message: int
    leave_rest: bool = False  # a run of a connection ends when it has carried so much, and what is left waits for the next one

    @property
    def sound(self) -> bool:
        """Whether a connection can carry anything with these."""
        found: tuple[object, ...] = (self.messages, self.recipients, self.recipients_per_message)  # a plugin may put anything there
        return all(isinstance(one, int) and one > 0 for one in found)


@dataclass(frozen=True, slots=True)
class LanForwarding:
    """Where LAN forwarding takes one recipient, as a hook is told."""

    address: str  # as the other server will see it
    server: str  # "fred:***@192.168.1.1:587"
    rule: int = -1  # its position from 0; -1: a target SMTP:…
    comment: str = ""  # of the rule, for scripts
    extra: str = ""
