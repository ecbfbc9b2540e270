"""What can go wrong with a next hop as a whole: each fault carries the reply that the queue records for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from ...mail.delivery import Failed, Kind, TryLater
from ...mail.reply import Reply


class HopFault(Exception):
    """No mail can be sent over this connection now; before MAIL, another server is tried.

    ``reply`` is temporary, because the fault is not the message's, unless it is ``final``: this server will never do.
    """

    usual: ClassVar[Kind] = "broken"

    def __init__(self, words: str, enhanced: str = "4.4.2", *, code: int = 451, server: str = "", kind: Kind | None = None) -> None:
        super().__init__(words)
        self.reply = Reply(code, enhanced, words)
        self.server = server
        self.kind: Kind = kind or self.usual
        self.how = ""  # for the trace, as in TryLater

    @property
    def final(self) -> bool:
        """True when trying again is pointless."""
        return self.reply.code >= 500

    def again(self) -> Self:
        """The same fault without what hangs on this one (traceback, sockets), to be kept and raised later."""
        fault = type(self)(str(self), self.reply.enhanced, code=self.reply.code, server=self.server, kind=self.kind)
        fault.how = self.how
        return fault

    def outcome(self) -> TryLater | Failed:
        """What it means for a recipient. The words are ours, even where they quote the server."""
        if self.final:
            return Failed(self.reply, self.server, self.how, ours=True)
        return TryLater(self.reply, self.server, self.kind, self.how, ours=True)


class Unreachable(HopFault):
    """The server did not answer at all: no address, no connection, no greeting."""

    usual: ClassVar[Kind] = "connect"


class Refused(HopFault):
    """The server answers, but the session cannot be set up: an SMTP error, TLS or the login failed."""

    usual: ClassVar[Kind] = "greeting"


class TlsFailed(Refused):
    """There is no TLS, or not the one that is demanded."""

    usual: ClassVar[Kind] = "tls"


class Broken(HopFault):
    """The connection failed during a session: lost, too slow, or an answer that is not SMTP."""


class Unfit(HopFault):
    """The server does not do what this message demands; it may do for others."""

    usual: ClassVar[Kind] = "answer"


class Strained(HopFault):
    """No descriptor or buffer is left here for a connection: that says nothing about the server, and nobody remembers it."""

    usual: ClassVar[Kind] = "answer"

    @classmethod
    def by(cls, reason: object) -> Strained:
        """The fault for an OSError, or for the words of whoever met it."""
        words = reason.strerror if isinstance(reason, OSError) else reason
        return cls(f"This server cannot open a connection now: {words}", "4.3.0")


class Loop(Unfit):
    """The server is this very one: neither it nor those of lower preference may be given the mail (RFC 5321 section 5.1)."""


def together(faults: Sequence[HopFault]) -> HopFault:
    """The fault of all servers that were tried, with the words of each; final only when every one is. One could not be tried: ours."""
    if len(faults) == 1:
        return faults[0]
    if not faults:
        return Unreachable("No server to send to", "4.4.1")
    words = "; ".join(dict.fromkeys(str(fault) for fault in faults))
    if any(isinstance(fault, Strained) for fault in faults):
        return Strained(words, "4.3.0")
    lasting = [fault for fault in faults if not fault.final] or faults
    codes = {fault.reply.enhanced for fault in lasting}
    first = lasting[0]
    enhanced = first.reply.enhanced if len(codes) == 1 else "5.4.4" if first.final else "4.4.1"
    return Unreachable(words, enhanced, code=first.reply.code, server=first.server if len(lasting) == 1 else "", kind=first.kind)
